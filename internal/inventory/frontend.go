package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// planTargets decides of which target groups the target is read: of those of type alb, which a stack registers itself.
func (d *deepRead) planTargets() {
	for _, tg := range d.obs.TargetGroups {
		if tg.TargetType == stack.TargetALB && tg.Targets == nil {
			d.targetsOf = append(d.targetsOf, tg.ARN)
		}
	}
}

func (d *deepRead) readTargets(ctx context.Context) error {
	d.targets = map[string][]elb.Target{}
	return each(ctx, d.targetsOf, d.i.describeTargets, func(arn string, ts []elb.Target) { d.targets[arn] = ts })
}

// describeTargets lists what is registered and does not drain, never nil.
func (i *Inventory) describeTargets(ctx context.Context, targetGroup string) ([]elb.Target, error) {
	got, err := i.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(targetGroup)})
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", targetGroup, err)
	}
	out := []elb.Target{}
	for _, t := range got.TargetHealthDescriptions {
		if t.Target != nil && (t.TargetHealth == nil || t.TargetHealth.State != elbv2types.TargetHealthStateEnumDraining) {
			out = append(out, elb.Target{ID: aws.ToString(t.Target.Id), Port: aws.ToInt32(t.Target.Port)})
		}
	}
	return out, nil
}

// isFrontend reports whether a load balancer stands in front of the stack's ALB.
func (d *deepRead) isFrontend(arn string) bool {
	return slices.ContainsFunc(d.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ARN == arn && lb.ID == stack.FrontendIdentity })
}
