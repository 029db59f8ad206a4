package facts

import (
	"errors"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/diag"
)

// Problem is why a chooser has no answer although it has the facts.
type Problem struct {
	Code   diag.Code
	Class  diag.Class // empty = that of the code; NotFound where AWS may change by itself
	Text   string
	Remedy string
	Err    error // the failed look-up, if that is the reason
}

// Diagnostic reports the problem on an object. A failed look-up that is itself a diagnostic keeps its code, class and request id.
func (p *Problem) Diagnostic(o diag.Object, path string) diag.Diagnostic {
	d := diag.New(o, path, p.Code, p.Text, p.Remedy)
	if p.Class != "" {
		d.Class = p.Class
	}
	var cause diag.Diagnostic
	if errors.As(p.Err, &cause) {
		d.Code, d.Class, d.RequestID = cause.Code, cause.Class, cause.RequestID
		if cause.Remedy != "" {
			d.Remedy = cause.Remedy
		}
	}
	return d
}

// unanswered is the problem of a need whose look-up failed; nil if it has not.
func (f Facts) unanswered(n Need, what string) *Problem {
	err := f.Errors[n]
	if err == nil {
		return nil
	}
	text := err.Error()
	var cause diag.Diagnostic
	if errors.As(err, &cause) {
		text = cause.Text
	}
	return &Problem{Code: diag.AWSUnavailable, Text: fmt.Sprintf("cannot look up %s: %s", what, text), Err: err}
}

// Unanswered tells whether the look-up of a need failed, and how.
func (f Facts) Unanswered(n Need) *Problem {
	return f.unanswered(n, describe(n))
}

func describe(n Need) string {
	names := map[NeedKind]string{
		NeedVPC: "the VPC", NeedSubnets: "the subnets of the VPC", NeedRoutes: "the route tables of the VPC",
		NeedForeignSubnet: "subnet", NeedSecurityGroups: "the security groups of the VPC", NeedForeignGroup: "security group",
		NeedCertificates: "the certificates", NeedTargetGroupName: "target group", NeedStack: "the load balancer of", NeedStackDetails: "the listeners and attributes of the load balancer of",
		NeedWebACLs: "the web ACLs", NeedTrustStore: "trust store",
		NeedOwnCertificates: "the requested and imported certificates of", NeedHostedZones: "the hosted zones",
	}
	if n.Key == "" {
		return names[n.Kind]
	}
	return names[n.Kind] + " " + n.Key
}
