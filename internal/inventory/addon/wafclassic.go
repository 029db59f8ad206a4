package addon

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// wafClassic is the web ACL of the former generation of AWS WAF, by id.
func wafClassic(a *AddOns, clients cloud.Clients, now func() time.Time) kind {
	r := reading[string]{
		on: elb.AddOnClassicWebACL, operation: "GetRegionalWebACLForResource",
		isWanted: func(w *stack.AddOns) bool { return w.ClassicWebACL != nil },
		from: func(lb *elb.LoadBalancer) (string, bool) {
			return aws.ToString(lb.ClassicWebACL), lb.ClassicWebACL != nil
		},
		into: func(lb *elb.LoadBalancer, id string) { lb.ClassicWebACL = &id },
	}
	if clients.WAFRegional == nil {
		r.missing = &plan.Guard{Code: diag.AWSRejected, Text: cloud.ErrNoClassic.Error(), Remedy: "use a web ACL of WAFv2 (wafv2-acl-arn)"}
	}
	return newReading(a, now, r, func(ctx context.Context, arn string) (string, error) {
		out, err := clients.WAFRegional.GetWebACLForResource(ctx, &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		switch {
		case err != nil:
			return "", fmt.Errorf("reading the WAF Classic web ACL of %s: %w", arn, err)
		case out.WebACLSummary == nil:
			return "", nil
		}
		return aws.ToString(out.WebACLSummary.WebACLId), nil
	})
}
