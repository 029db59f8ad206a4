package awsclient

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func targetDescriptions(ts []awsop.Target) []elbv2types.TargetDescription {
	out := make([]elbv2types.TargetDescription, len(ts))
	for i, t := range ts {
		out[i] = elbv2types.TargetDescription{Id: aws.String(t.ID), Port: optional(t.Port),
			AvailabilityZone: optional(t.Zone), QuicServerId: optional(t.ServerID)}
	}
	return out
}

func (s *requestBuilder) RegisterTargets(op awsop.RegisterTargets) {
	setCall(s, s.c.ELBV2.RegisterTargets, &elbv2.RegisterTargetsInput{
		TargetGroupArn: s.id(op.TargetGroup), Targets: targetDescriptions(op.Targets),
	})
}

// DeregisterTargets omits the zone: address and port identify a target.
func (s *requestBuilder) DeregisterTargets(op awsop.DeregisterTargets) {
	in := &elbv2.DeregisterTargetsInput{TargetGroupArn: s.id(op.TargetGroup), Targets: targetDescriptions(op.Targets)}
	for i := range in.Targets {
		in.Targets[i].AvailabilityZone = nil
	}
	setCall(s, s.c.ELBV2.DeregisterTargets, in)
}

func (s *requestBuilder) RegisterLoadBalancer(op awsop.RegisterLoadBalancer) {
	s.RegisterTargets(awsop.RegisterTargets{TargetGroup: op.TargetGroup, Targets: []awsop.Target{
		{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}

func (s *requestBuilder) DeregisterLoadBalancer(op awsop.DeregisterLoadBalancer) {
	s.DeregisterTargets(awsop.DeregisterTargets{TargetGroup: op.TargetGroup, Targets: []awsop.Target{
		{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}
