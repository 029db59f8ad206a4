package cloud

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func (s *sender) ModifyCapacityReservation(op elb.ModifyCapacityReservation) {
	in := &elbv2.ModifyCapacityReservationInput{LoadBalancerArn: s.id(op.LoadBalancer)}
	if op.Units > 0 {
		in.MinimumLoadBalancerCapacity = &elbv2types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(op.Units)}
	} else {
		in.ResetCapacityReservation = aws.Bool(true)
	}
	request(s, s.c.ELBV2.ModifyCapacityReservation, in)
}

func (s *sender) ModifyIpPools(op elb.ModifyIpPools) {
	in := &elbv2.ModifyIpPoolsInput{LoadBalancerArn: s.id(op.LoadBalancer)}
	if op.Pool != "" {
		in.IpamPools = ipamPools(op.Pool)
	} else {
		in.RemoveIpamPools = []elbv2types.RemoveIpamPoolEnum{elbv2types.RemoveIpamPoolEnumIpv4}
	}
	request(s, s.c.ELBV2.ModifyIpPools, in)
}

// ipamPools is nil for Amazon's addresses.
func ipamPools(pool string) *elbv2types.IpamPools {
	if pool == "" {
		return nil
	}
	return &elbv2types.IpamPools{Ipv4IpamPoolId: aws.String(pool)}
}
