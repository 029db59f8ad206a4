package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// limited are the types of load balancers whose limits are shown even if none is used.
var limited = []quota.LoadBalancer{{Type: stack.Application}, {Type: stack.Network}}

// QuotaUse returns how much of AWS's limits is used, as far as it is known. For limits of the account, everything in
// the account counts; for limits of a load balancer, the load balancer of the stacks that uses most.
func (i *Inventory) QuotaUse() (uses []quota.Use) {
	i.mu.Lock()
	defer i.mu.Unlock()
	most := maps.Clone(i.inAccount)
	for _, lb := range limited {
		for _, u := range lb.Uses() {
			most[u.Limit] = max(most[u.Limit], 0)
		}
	}
	for u := range i.sums().uses {
		most[u.Limit] = max(most[u.Limit], u.Used)
	}
	for _, l := range slices.Sorted(maps.Keys(most)) {
		uses = append(uses, quota.Use{Limit: l, Used: max(most[l], 0)})
	}
	return uses
}

// balancersOf says how much each load balancer of a stack has.
func balancersOf(o *awsop.Observed) (all []quota.LoadBalancer) {
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		if lb.Foreign { // its owner counts it
			continue
		}
		only := len(o.LoadBalancers) == 1 // otherwise one replaces the other, or is an NLB in front of it
		has := quota.LoadBalancer{Type: lb.Type}
		listeners := map[string]bool{}
		for k := range o.Listeners {
			if l := &o.Listeners[k]; only || l.LoadBalancer.Literal == lb.ARN {
				has.Listeners++
				has.Certificates += len(l.SNI)
				if !only {
					listeners[l.ARN] = true
				}
			}
		}
		if has.Rules = len(o.Rules); !only {
			has.Rules = counted(o.Rules, func(r *awsop.Rule) bool { return listeners[r.Listener.Literal] })
		}
		if has.TargetGroups = len(o.TargetGroups); !only {
			has.TargetGroups = counted(o.TargetGroups, func(g *awsop.TargetGroup) bool {
				return (g.TargetType == stack.TargetALB) == (lb.Type == stack.Network)
			})
		}
		all = append(all, has)
	}
	return all
}

// counted is how many elements are counted.
func counted[T any](all []T, counts func(*T) bool) (n int) {
	for k := range all {
		if counts(&all[k]) {
			n++
		}
	}
	return n
}

// BalancerOf returns the load balancer in front of a target group of a stack, and its type; empty = it is not known.
func (i *Inventory) BalancerOf(targetGroup string) (arn string, t stack.LoadBalancerType) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[i.having[targetGroup]]; e != nil {
		for n := range e.obs.LoadBalancers {
			if lb := &e.obs.LoadBalancers[n]; lb.ID != stack.FrontendIdentity {
				return lb.ARN, lb.Type
			}
		}
	}
	return "", ""
}

// Limit returns a limit of the account; 0 = it is not known.
func (i *Inventory) Limit(ctx context.Context, l quota.Limit) int {
	limits, err := i.limits.Get(ctx)
	if err != nil {
		return 0
	}
	return limits[string(l)]
}

// limitOf returns the limit of the account that a load balancer or target group counts against.
func limitOf(arn string) quota.Limit {
	switch {
	case kindOf(arn) == stack.KindTargetGroup:
		return quota.TargetGroups
	case strings.Contains(arn, ":loadbalancer/net/"):
		return quota.NetworkLoadBalancers
	}
	return quota.ApplicationLoadBalancers
}

// newLimits caches the account's limits. They are read only if a load balancer would exceed AWS's defaults.
func (i *Inventory) newLimits() *cache.Value[map[string]int] {
	return cache.NewValue(cache.Config{
		Now: i.cfg.Now, Lifetime: limitLifetime, Stale: cache.Stale, Wait: i.cfg.Moment, Passing: awsclient.Passing,
		FailureLifetime: func(err error) time.Duration {
			if awsclient.Passing(err) {
				return absentLifetime
			}
			return limitDenied
		},
	}, i.readLimits)
}

// compared are the limits that the compiler compares a load balancer with. AWS lists each of them for every account.
var compared = []quota.Limit{
	quota.ListenersOf(stack.Application), quota.CertificatesOf(stack.Application), quota.CertificatesOf(stack.Network),
	quota.RulesOfApplicationLoadBalancer, quota.TargetGroupsOfApplicationLoadBalancer,
}

// readLimits reads the account's limits by name. A list without one of the compared limits is an error: with AWS's
// lower default, the controller could take away what serves.
func (i *Inventory) readLimits(ctx context.Context) (map[string]int, error) {
	all, in := map[string]int{}, &elbv2.DescribeAccountLimitsInput{}
	for {
		out, err := i.clients.ELBV2.DescribeAccountLimits(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("reading the account's limits: %w", err)
		}
		for _, l := range out.Limits {
			if n, err := strconv.Atoi(aws.ToString(l.Max)); err == nil {
				all[aws.ToString(l.Name)] = n
			}
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	for _, l := range compared {
		if all[string(l)] == 0 {
			return nil, fmt.Errorf("reading the account's limits: AWS answered without %s", l)
		}
	}
	return all, nil
}
