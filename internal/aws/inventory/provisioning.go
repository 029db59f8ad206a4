package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// balancersPerRead is how many load balancers one DescribeLoadBalancers names at most (Elastic Load Balancing API
// reference).
const balancersPerRead = 20

// Provisioning lists the load balancers that were provisioning when they were last read, with their stacks.
func (i *Inventory) Provisioning() map[string]stack.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := map[string]stack.Key{}
	for arn, key := range i.starting {
		if e := i.stacks[key]; e != nil && provisioning(e.loadBalancer(arn)) {
			out[arn] = key
		} else {
			delete(i.starting, arn)
		}
	}
	return out
}

// provisioning reports whether a stack's own load balancer was provisioning when it was last read; nil = it has none.
func provisioning(lb *awsop.LoadBalancer) bool {
	return lb != nil && lb.State == "provisioning" && !lb.Foreign
}

// RefreshStates reads the states of load balancers, twenty per call, and returns the stacks of those that changed. If
// one load balancer no longer exists, RefreshStates also returns the stacks of all load balancers of its call, and
// their next pass reads them again. What was read before an error counts.
func (i *Inventory) RefreshStates(ctx context.Context, stacks map[string]stack.Key) (changed []stack.Key, err error) {
	for some := range slices.Chunk(slices.Sorted(maps.Keys(stacks)), balancersPerRead) {
		balancers, err := i.describeLoadBalancers(ctx, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: some})
		if err != nil && vanished(err) {
			for _, arn := range some {
				i.Invalidate(stacks[arn])
				changed = append(changed, stacks[arn])
			}
			continue
		}
		if err != nil {
			return changed, fmt.Errorf("reading the states of new load balancers: %w", err)
		}
		for _, lb := range balancers {
			if key := stacks[lb.ARN]; i.setState(key, lb.ARN, lb.State) {
				changed = append(changed, key)
			}
		}
	}
	slices.SortFunc(changed, stack.Key.Compare)
	return slices.Compact(changed), nil
}

// setState records the state of a load balancer, and reports whether it has changed.
func (i *Inventory) setState(key stack.Key, arn, state string) (changed bool) {
	return i.amend(key, arn, func(lb *awsop.LoadBalancer) bool {
		changed := lb.State != state
		if lb.State = state; provisioning(lb) {
			i.starting[arn] = key
		}
		return changed
	})
}

// ForgetAttributes forgets the attributes of a load balancer, because AWS has just shown them to be outdated. It
// reports whether any were known. They are read again when a stack manages them.
func (i *Inventory) ForgetAttributes(key stack.Key, arn string) bool {
	return i.amend(key, arn, func(lb *awsop.LoadBalancer) bool {
		known := lb.Attributes != nil
		lb.Attributes = nil
		lb.Set(awsop.Unread, awsop.PartAttributes)
		return known
	})
}

// amend changes the observation of a load balancer of a stack, and returns the result of change.
func (i *Inventory) amend(key stack.Key, arn string, change func(*awsop.LoadBalancer) bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[key]; e != nil {
		if lb := e.loadBalancer(arn); lb != nil {
			return change(lb)
		}
	}
	return false
}

// State returns the last known state of a load balancer; "" = it is not known.
func (i *Inventory) State(key stack.Key, arn string) (state string) {
	i.amend(key, arn, func(lb *awsop.LoadBalancer) bool { state = lb.State; return false })
	return state
}

// Refresh reads the state of a load balancer, and returns it; "" = it does not exist. A load balancer that is known
// to be active stays active, and is not read.
func (i *Inventory) Refresh(ctx context.Context, key stack.Key, arn string) (state string, err error) {
	if i.State(key, arn) == "active" {
		return "active", nil
	}
	found, err := shared(ctx, i, "load balancer "+arn, func(ctx context.Context) (awsop.Observed, error) {
		return i.find(ctx, stack.KindLoadBalancer, arn, "")
	})
	if err != nil {
		return "", err
	}
	for _, lb := range found.LoadBalancers {
		state = lb.State
	}
	i.setState(key, arn, state)
	return state, nil
}
