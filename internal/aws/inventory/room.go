package inventory

import (
	"context"

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
// look shows it.
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
	return cache.New(cache.Config{
		Now: i.cfg.Now, Lifetime: limitLifetime, Wait: i.cfg.Moment, Passing: awsclient.Passing, Batch: 1,
	}, cache.One(i.readNames))
}

func (i *Inventory) readNames(ctx context.Context, kind stack.Kind) (taken map[string]bool, found bool, err error) {
	taken = map[string]bool{}
	var names pages[*string]
	err = names.read(func() {}, func(next *string) (page []*string, more *string, err error) {
		if kind == stack.KindTargetGroup {
			groups, more, err := i.targetGroupPage(ctx, &elbv2.DescribeTargetGroupsInput{Marker: next})
			for n := range groups {
				page = append(page, groups[n].TargetGroupName)
			}
			return page, more, err
		}
		balancers, more, err := i.balancerPage(ctx, &elbv2.DescribeLoadBalancersInput{Marker: next})
		for n := range balancers {
			page = append(page, balancers[n].LoadBalancerName)
		}
		return page, more, err
	})
	for _, name := range names.items {
		taken[aws.ToString(name)] = true
	}
	return taken, err == nil, err
}
