package facts

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Problem is the reason that a chooser has no answer.
type Problem struct {
	Code   diag.Code
	Class  diag.Class // empty = that of the code; NotFound where a change in AWS resolves it
	Text   string
	Remedy string
	Err    error // of the look-up, if that failed
}

// Diagnostic returns the finding about an object. If the look-up failed with a diagnostic, its code, class and request
// id are taken over.
func (p *Problem) Diagnostic(o diag.Object, path string) diag.Diagnostic {
	d := diag.New(o, path, p.Code, p.Text, p.Remedy)
	d.Class = cmp.Or(p.Class, d.Class)
	var cause diag.Diagnostic
	if errors.As(p.Err, &cause) {
		d.Code, d.Class, d.RequestID = cause.Code, cause.Class, cause.RequestID
		d.Remedy = cmp.Or(cause.Remedy, d.Remedy)
	}
	return d
}

// Refused reports whether AWS refuses the look-up, which may be because of what is looked up. Waiting does not help.
func (p *Problem) Refused() bool {
	var cause diag.Diagnostic
	return errors.As(p.Err, &cause) && (cause.Class == diag.Invalid || cause.Class == diag.Denied ||
		cause.Class == diag.NotFound)
}

// Failed returns the problem of a need whose look-up failed; nil = it did not fail.
func (f Facts) Failed(n Need) *Problem {
	err := f.Errors[n]
	if err == nil {
		return nil
	}
	text := err.Error()
	var cause diag.Diagnostic
	if errors.As(err, &cause) {
		text = cause.Text
	}
	return &Problem{Code: diag.AWSUnavailable, Text: fmt.Sprintf("cannot look up %s: %s", describe(n), text), Err: err}
}

// Fail records that the look-up of a need failed.
func (f *Facts) Fail(n Need, err error) {
	if f.Errors == nil {
		f.Errors = map[Need]error{}
	}
	f.Errors[n] = err
}

// Request returns a need that has no answer yet, or the problem if its look-up failed.
func (f Facts) Request(n Need) ([]Need, *Problem) {
	if p := f.Failed(n); p != nil {
		return nil, p
	}
	return []Need{n}, nil
}

func describe(n Need) string {
	names := map[NeedKind]string{
		NeedVPC: "the VPC", NeedSubnets: "the subnets of the VPC", NeedRoutes: "the route tables of the VPC",
		NeedForeignSubnet: "subnet", NeedSecurityGroups: "the security groups of the VPC", NeedForeignGroup: "security group",
		NeedPrefixList:   "prefix list",
		NeedCertificates: "the certificates", NeedTargetGroupName: "target group",
		NeedTargetGroupOwner: "the owner of target group", NeedLoadBalancer: "load balancer",
		NeedStack: "the load balancer of", NeedStackDetails: "the listeners, rules and attributes of the load balancer of",
		NeedStackWebACL: "the web ACL of the load balancer of",
		NeedWebACLs:     "the web ACLs", NeedTrustStore: "trust store", NeedOwnTrustStores: "the trust stores of",
		NeedOwnCertificates: "the requested and imported certificates of", NeedHostedZones: "the hosted zones",
		NeedAddresses: "the Elastic IP addresses", NeedLimits: "the limits of the account",
		NeedSSLPolicy: "TLS policy",
	}
	if n.Key == "" {
		return names[n.Kind]
	}
	return names[n.Kind] + " " + n.Key
}

// unresolved collects what users name and facts do not resolve, of one kind of resources.
type unresolved struct {
	prefix      string // of ids
	one, all    string // how messages name the kind
	badID, noID string // AWS's error codes
	need        NeedKind
	absent      Problem // if something does not exist; without its text

	missing, malformed []string
	needs              []Need
	failed             *Problem // the first look-up that failed
}

// resolveUnlisted is what AWS answered to an id that no listing of the VPC shows; nil = it is not resolved.
func resolveUnlisted[T any](f Facts, u *unresolved, id string, answers map[string]*T) *T {
	if !hexadecimal(strings.TrimPrefix(id, u.prefix)) {
		u.malformed = append(u.malformed, fmt.Sprintf("%s is not %s id (%s)", id, u.one, u.badID))
		return nil
	}
	found, asked := answers[id]
	need := Need{Kind: u.need, Key: id}
	switch p := f.Failed(need); {
	case asked && found == nil:
		u.missing = append(u.missing, fmt.Sprintf("%s does not exist (%s)", id, u.noID))
	case asked:
		return found
	case p == nil:
		u.needs = append(u.needs, need)
	case u.failed == nil:
		u.failed = p
	}
	return nil
}

// outcome is what AWS must be asked for, or why something is not resolved. Both are empty if all is.
func (u *unresolved) outcome() ([]Need, *Problem) {
	problem := u.absent
	problem.Text = "these " + u.all + " do not exist or cannot be used: "
	switch {
	case u.failed != nil:
		return nil, u.failed
	case len(u.malformed) > 0: // whatever AWS holds
		problem.Code, problem.Class = diag.InvalidAnnotation, ""
		problem.Text += strings.Join(u.malformed, ", ")
	case len(u.needs) > 0:
		return u.needs, nil
	case len(u.missing) > 0:
		problem.Text += strings.Join(u.missing, ", ")
	default:
		return nil, nil
	}
	return nil, &problem
}
