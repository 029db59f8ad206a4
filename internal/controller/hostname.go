package controller

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/wish"
)

// showLoadBalancer writes the name of the load balancer into the status of the members as soon as it is known, whatever else
// may have failed.
func (s *stacks) showLoadBalancer(ctx context.Context, key stack.Key, desired *stack.Stack, keep []stack.Ref, w wish.Wish) (o plan.Observed, refused refusedWrites, err error) {
	o, err = s.inventory.Observed(ctx, key, withoutAddOns(desired))
	o.Hostnames = w.Hostnames()
	if err != nil || !w.Wanted || len(desired.LoadBalancers) == 0 {
		return o, nil, err
	}
	lb := o.LoadBalancer(desired.LoadBalancers[0])
	if lb == nil || lb.DNSName == "" {
		return o, nil, nil
	}
	lb, ports := serving(&o, lb)
	frontend := frontendName(o, desired, keep)
	for _, m := range w.Members {
		if err := s.patchStatus(ctx, m, lb.DNSName, ports, frontend); err != nil {
			refused.add(m, "status of", err)
		}
	}
	return o, refused, nil
}

// serving is the load balancer whose name to show, with its ports: a new one from the beginning, but one that replaces another
// only once it has listeners, because until then the other one serves.
func serving(o *plan.Observed, lb *plan.LoadBalancer) (*plan.LoadBalancer, []int32) {
	ports := map[string][]int32{}
	for _, l := range o.Listeners {
		ports[l.LoadBalancer.Literal] = append(ports[l.LoadBalancer.Literal], l.Port)
	}
	if len(ports[lb.ARN]) == 0 {
		for i := range o.LoadBalancers {
			if old := &o.LoadBalancers[i]; old.ID == lb.ID && old.DNSName != "" && len(ports[old.ARN]) > 0 {
				return old, ports[old.ARN]
			}
		}
	}
	return lb, ports[lb.ARN]
}

// withoutAddOns is a wish in whose observation add-ons do not matter.
func withoutAddOns(desired *stack.Stack) *stack.Stack {
	out := *desired
	out.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for i := range out.LoadBalancers {
		out.LoadBalancers[i].AddOns = stack.AddOns{}
	}
	return &out
}

// frontendName is the name of the network load balancer in front of the ALB, if there is one that is wanted or kept.
func frontendName(o plan.Observed, desired *stack.Stack, keep []stack.Ref) string {
	for _, lb := range o.LoadBalancers {
		wanted := func(w stack.LoadBalancer) bool { return w.ID == lb.ID && w.Scheme == lb.Scheme }
		held := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		if lb.ID == stack.FrontendIdentity && (slices.ContainsFunc(desired.LoadBalancers, wanted) || slices.Contains(keep, held)) {
			return lb.DNSName
		}
	}
	return ""
}

func (s *stacks) patchStatus(ctx context.Context, m metav1.Object, hostname string, ports []int32, frontend string) error {
	before, after, changed := withStatus(m, hostname, ports, frontend)
	if !changed {
		return nil
	}
	return client.IgnoreNotFound(s.client.Status().Patch(ctx, after, client.MergeFrom(before)))
}
