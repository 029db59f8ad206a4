package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

func targetDescriptions(ts []elb.Target) []elbv2types.TargetDescription {
	out := make([]elbv2types.TargetDescription, len(ts))
	for i, t := range ts {
		out[i] = elbv2types.TargetDescription{Id: aws.String(t.ID), Port: optional(t.Port), AvailabilityZone: optional(t.Zone)}
	}
	return out
}

func (w writer) registerTargets(ctx context.Context, op elb.RegisterTargets) error {
	_, err := w.c.ELBV2.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{
		TargetGroupArn: aws.String(w.resolve(op.TargetGroup)), Targets: targetDescriptions(op.Targets),
	})
	return err
}

// deregisterTargets leaves the zone out: identity is address and port.
func (w writer) deregisterTargets(ctx context.Context, op elb.DeregisterTargets) error {
	in := &elbv2.DeregisterTargetsInput{TargetGroupArn: aws.String(w.resolve(op.TargetGroup)), Targets: targetDescriptions(op.Targets)}
	for i := range in.Targets {
		in.Targets[i].AvailabilityZone = nil
	}
	_, err := w.c.ELBV2.DeregisterTargets(ctx, in)
	return err
}
