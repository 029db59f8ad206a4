package cloud

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// ErrNoClassic is why nothing can be done with WAF Classic.
var ErrNoClassic = errors.New("the region has no WAF Classic")

// addOn sends an operation on what lies over a load balancer.
func (w writer) addOn(ctx context.Context, op plan.Op) (plan.Output, error) {
	r, _, _ := plan.Changes(op)
	arn := aws.String(w.resolve(r))
	var err error
	switch op := op.(type) {
	case plan.AssociateWebACL:
		_, err = w.c.WAFv2.AssociateWebACL(ctx, &wafv2.AssociateWebACLInput{WebACLArn: aws.String(op.WebACL), ResourceArn: arn})
	case plan.DisassociateWebACL:
		_, err = w.c.WAFv2.DisassociateWebACL(ctx, &wafv2.DisassociateWebACLInput{ResourceArn: arn})
	case plan.AssociateRegionalWebACL:
		if w.c.WAFRegional == nil {
			return plan.Output{}, ErrNoClassic
		}
		_, err = w.c.WAFRegional.AssociateWebACL(ctx, &wafregional.AssociateWebACLInput{WebACLId: aws.String(op.WebACL), ResourceArn: arn})
	case plan.DisassociateRegionalWebACL:
		if w.c.WAFRegional == nil {
			return plan.Output{}, ErrNoClassic
		}
		_, err = w.c.WAFRegional.DisassociateWebACL(ctx, &wafregional.DisassociateWebACLInput{ResourceArn: arn})
	case plan.CreateProtection:
		out, err := w.c.Shield.CreateProtection(ctx, &shield.CreateProtectionInput{Name: aws.String(naming.ProtectionName), ResourceArn: arn})
		if err != nil {
			return plan.Output{}, err
		}
		return plan.Output{Protection: value(out.ProtectionId)}, nil
	case plan.DeleteProtection:
		_, err = w.c.Shield.DeleteProtection(ctx, &shield.DeleteProtectionInput{ProtectionId: aws.String(op.Protection)})
	case plan.ModifyCapacityReservation:
		in := &elbv2.ModifyCapacityReservationInput{LoadBalancerArn: arn}
		if op.Units > 0 {
			in.MinimumLoadBalancerCapacity = &elbv2types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(op.Units)}
		} else {
			in.ResetCapacityReservation = aws.Bool(true)
		}
		_, err = w.c.ELBV2.ModifyCapacityReservation(ctx, in)
	}
	return plan.Output{}, err
}

func (w writer) modifyIPPools(ctx context.Context, op plan.ModifyIPPools) error {
	in := &elbv2.ModifyIpPoolsInput{LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer))}
	if op.Pool != "" {
		in.IpamPools = ipamPools(op.Pool)
	} else {
		in.RemoveIpamPools = []elbv2types.RemoveIpamPoolEnum{elbv2types.RemoveIpamPoolEnumIpv4}
	}
	_, err := w.c.ELBV2.ModifyIpPools(ctx, in)
	return err
}

// ipamPools is nil for Amazon's addresses.
func ipamPools(pool string) *elbv2types.IpamPools {
	if pool == "" {
		return nil
	}
	return &elbv2types.IpamPools{Ipv4IpamPoolId: aws.String(pool)}
}
