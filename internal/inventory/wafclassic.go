package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// wafClassic is the web ACL of the former generation of AWS WAF, by id.
var wafClassic = reading[string]{
	on: elb.AddOnClassicWebACL, operation: "GetRegionalWebACLForResource", what: "classic web ACL",
	wanted: func(w *stack.AddOns) bool { return w.ClassicWebACL != nil },
	missing: func(i *Inventory) *plan.Guard {
		if i.clients.WAFRegional != nil {
			return nil
		}
		return &plan.Guard{Code: diag.AWSRejected, Text: cloud.ErrNoClassic.Error(), Remedy: "use a web ACL of WAFv2 (wafv2-acl-arn)"}
	},
	fact: func(a *addOns) *fact[string] { return &a.classic },
	read: func(i *Inventory, ctx context.Context, arn string) (string, error) {
		out, err := i.clients.WAFRegional.GetWebACLForResource(ctx, &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		switch {
		case err != nil:
			return "", fmt.Errorf("reading the WAF Classic web ACL of %s: %w", arn, err)
		case out.WebACLSummary == nil:
			return "", nil
		}
		return aws.ToString(out.WebACLSummary.WebACLId), nil
	},
	tell: func(lb *elb.LoadBalancer) (string, bool) {
		return aws.ToString(lb.ClassicWebACL), lb.ClassicWebACL != nil
	},
	put: func(lb *elb.LoadBalancer, id string) { lb.ClassicWebACL = &id },
}
