package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// limitsOf are the limits of the account by AWS's code for what exceeds them.
var limitsOf = map[string][]quota.Limit{
	"TooManyLoadBalancers": {quota.ApplicationLoadBalancers, quota.NetworkLoadBalancers},
	"TooManyTargetGroups":  {quota.TargetGroups},
}

// Room looks how much room there is for an operation that AWS refused with a code: how far the account is from a limit,
// or whether a name is free (1) or taken (0). All stacks share the reads, which are a few minutes old at most. nil = no
// look tells.
func (i *Inventory) Room(ctx context.Context, op plan.Operation, code string) *int {
	room, effect := 0, op.About().Effect
	switch of := limitsOf[code]; {
	case len(of) > 0:
		limits, err := i.limits.Get(ctx)
		if err != nil {
			return nil
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		for _, l := range of {
			room += limits[string(l)] - i.inAccount[l]
		}
	case effect.Verb == plan.Creates && effect.Name != "" &&
		(effect.Kind == stack.KindLoadBalancer || effect.Kind == stack.KindTargetGroup):
		names, err := i.names.Get(ctx, effect.Kind)
		if err != nil {
			return nil
		}
		if !names[effect.Kind][effect.Name] {
			room = 1
		}
	default:
		return nil
	}
	return &room
}

// newNames caches the names of the account's load balancers and target groups. They are read only while a stack waits
// for a name.
func (i *Inventory) newNames() *cache.Cache[stack.Kind, map[string]bool] {
	return cache.New(cache.Config[stack.Kind, map[string]bool]{
		Now: i.cfg.Now, Lifetime: limitLifetime, Wait: i.cfg.Moment, Passing: awsclient.Passing, Batch: 1,
		Read: cache.One(i.readNames),
	})
}

func (i *Inventory) readNames(ctx context.Context, kind stack.Kind) (names map[string]bool, found bool, err error) {
	names = map[string]bool{}
	all := pages[struct{}]{}
	err = all.read(func() {}, func(next *string) (_ []struct{}, more *string, err error) {
		if kind == stack.KindTargetGroup {
			page, err := i.clients.ELBV2.DescribeTargetGroups(ctx, &elbv2.DescribeTargetGroupsInput{Marker: next})
			if err != nil {
				return nil, nil, fmt.Errorf("describing target groups: %w", err)
			}
			for n := range page.TargetGroups {
				names[aws.ToString(page.TargetGroups[n].TargetGroupName)] = true
			}
			return nil, page.NextMarker, nil
		}
		page, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{Marker: next})
		if err != nil {
			return nil, nil, fmt.Errorf("describing load balancers: %w", err)
		}
		for n := range page.LoadBalancers {
			names[aws.ToString(page.LoadBalancers[n].LoadBalancerName)] = true
		}
		return nil, page.NextMarker, nil
	})
	return names, err == nil, err
}
