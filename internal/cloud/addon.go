package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func (w writer) modifyCapacityReservation(ctx context.Context, op elb.ModifyCapacityReservation) error {
	in := &elbv2.ModifyCapacityReservationInput{LoadBalancerArn: aws.String(w.resolve(op.LoadBalancer))}
	if op.Units > 0 {
		in.MinimumLoadBalancerCapacity = &elbv2types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(op.Units)}
	} else {
		in.ResetCapacityReservation = aws.Bool(true)
	}
	_, err := w.c.ELBV2.ModifyCapacityReservation(ctx, in)
	return err
}

func (w writer) modifyIpPools(ctx context.Context, op elb.ModifyIpPools) error {
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
