package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/facts"
)

// targetGroups finds target groups of users by name, one call each: a missing name would fail a call for several.
func (a *answer) targetGroups(ctx context.Context) error {
	i, keys := a.i, a.keys(facts.NeedTargetGroupName)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, name := range keys {
		f := shelfOf(i, i.facts.targetGroups, name)
		g.Go(func() error {
			v, err := learn(gctx, i, "target group "+name, f, unlessAbsent[facts.TargetGroup](targetGroupLifetime), i.cfg.Moment,
				func(ctx context.Context) (*facts.TargetGroup, error) { return i.targetGroupByName(ctx, name) })
			if err != nil {
				return err
			}
			a.set(func(f *facts.Facts) {
				if f.TargetGroups == nil {
					f.TargetGroups = map[string]*facts.TargetGroup{}
				}
				f.TargetGroups[name] = v
			})
			return nil
		})
	}
	return g.Wait()
}

func (i *Inventory) targetGroupByName(ctx context.Context, name string) (*facts.TargetGroup, error) {
	out, err := i.clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil {
		if vanished(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("describing target group %s: %w", name, err)
	}
	if len(out.TargetGroups) == 0 {
		return nil, nil
	}
	t := out.TargetGroups[0]
	return &facts.TargetGroup{
		ARN: aws.ToString(t.TargetGroupArn), Name: aws.ToString(t.TargetGroupName), Protocol: string(t.Protocol), TargetType: string(t.TargetType),
	}, nil
}
