package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// balancersPerRead is how many load balancers one DescribeLoadBalancers names at most (Elastic Load Balancing API reference).
const balancersPerRead = 20

// Starting lists the load balancers that AWS was still making when they were seen last, with their stacks.
func (i *Inventory) Starting() map[string]stack.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := map[string]stack.Key{}
	for key, e := range i.stacks {
		for _, lb := range e.obs.LoadBalancers {
			if lb.State == "provisioning" {
				out[lb.ARN] = key
			}
		}
	}
	return out
}

// RefreshStates reads the states of load balancers, twenty in a call, and returns the stacks of those that changed. If one of them
// is gone, the stacks of its twenty are read again by their next pass, and are returned, too. What was read before an error counts.
func (i *Inventory) RefreshStates(ctx context.Context, balancers map[string]stack.Key) (changed []stack.Key, err error) {
	for some := range slices.Chunk(slices.Sorted(maps.Keys(balancers)), balancersPerRead) {
		out, err := i.clients.ELBV2.DescribeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: some})
		if err != nil && vanished(err) {
			for _, arn := range some {
				i.Invalidate(balancers[arn])
				changed = append(changed, balancers[arn])
			}
			continue
		}
		if err != nil {
			return changed, fmt.Errorf("describing the load balancers that AWS is making: %w", err)
		}
		for _, l := range out.LoadBalancers {
			lb := cloud.FromLoadBalancer(l)
			if key := balancers[lb.ARN]; i.setState(key, lb.ARN, lb.State) {
				changed = append(changed, key)
			}
		}
	}
	slices.SortFunc(changed, func(a, b stack.Key) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(changed), nil
}

// setState takes over the state of a load balancer, and reports whether it is another than before.
func (i *Inventory) setState(key stack.Key, arn, state string) (changed bool) {
	return i.amend(key, arn, func(lb *elb.LoadBalancer) bool {
		changed := lb.State != state
		lb.State = state
		return changed
	})
}

// ForgetAttributes drops what is known of a load balancer's attributes, which AWS has just shown to be wrong. It reports whether
// anything was known. They are read again when a stack manages them.
func (i *Inventory) ForgetAttributes(key stack.Key, arn string) bool {
	return i.amend(key, arn, func(lb *elb.LoadBalancer) bool {
		known := lb.Attributes != nil
		lb.Attributes = nil
		return known
	})
}

// amend changes what is known of a load balancer of a stack, and reports whether change did so. Readers keep the observation that
// they have.
func (i *Inventory) amend(key stack.Key, arn string, change func(*elb.LoadBalancer) bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		return false
	}
	n := slices.IndexFunc(e.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ARN == arn })
	if n < 0 {
		return false
	}
	amended := e.obs.LoadBalancers[n]
	if !change(&amended) {
		return false
	}
	e.obs = e.obs.Clone()
	e.obs.LoadBalancers[n] = amended
	return true
}
