package stacks

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// writeStatus writes the name of the load balancer into the status of the members as soon as it is known, whatever else
// may have failed. ready tells that one that takes the place of another can be shown. switched are the members as they are now, if they showed
// a load balancer until now that is there besides the one that they show; nil = none did.
func (s *Reconciler) writeStatus(ctx context.Context, key stack.Key, desired *stack.Stack, keep stack.Keep, w front.Input, ready bool) (
	o elb.Observed, switched []metav1.Object, refused refusedWrites, err error) {
	o, err = s.Inventory.Observed(ctx, key, withoutAddOns(desired))
	o.Hostnames = w.Hostnames()
	if err != nil || !w.Wanted || len(desired.LoadBalancers) == 0 {
		return o, nil, nil, err
	}
	lb := o.LoadBalancer(desired.LoadBalancers[0])
	if lb == nil || lb.DNSName == "" {
		return o, nil, nil, nil
	}
	lb, ports := shownLoadBalancer(&o, lb, ready)
	frontend := frontendName(o, desired, keep)
	before := w.Hostnames()
	w.Members = slices.Clone(w.Members)
	for i, m := range w.Members {
		after, err := s.patchStatus(ctx, m, lb.DNSName, ports, frontend)
		if err != nil {
			refused.add(m, "status of", err)
			continue
		}
		w.Members[i] = after
	}
	o.Hostnames = w.Hostnames()
	for _, old := range o.LoadBalancers {
		if name := strings.ToLower(old.DNSName); old.ID == lb.ID && slices.Contains(before, name) && !slices.Contains(o.Hostnames, name) {
			return o, w.Members, refused, nil
		}
	}
	return o, nil, refused, nil
}

// shownLoadBalancer is the load balancer whose name to show, with its ports: a new one from the beginning, but one that replaces another
// only once it is ready, active and has listeners, because until then the other one serves.
func shownLoadBalancer(o *elb.Observed, lb *elb.LoadBalancer, ready bool) (*elb.LoadBalancer, []int32) {
	ports := map[string][]int32{}
	for _, l := range o.Listeners {
		ports[l.LoadBalancer.Literal] = append(ports[l.LoadBalancer.Literal], l.Port)
	}
	starting := lb.State == "provisioning" || lb.State == "failed"
	for i := range o.LoadBalancers {
		old := &o.LoadBalancers[i]
		if old.ID != lb.ID || old.DNSName == "" || len(ports[old.ARN]) == 0 {
			continue
		}
		if replaced := old.Type != lb.Type || old.Scheme != lb.Scheme; len(ports[lb.ARN]) == 0 || replaced && (!ready || starting) {
			return old, ports[old.ARN]
		}
	}
	return lb, ports[lb.ARN]
}

// handedOver reports whether all is done that must be before members show a load balancer that replaces another.
func handedOver(p *plan.Plan, r apply.Result) bool {
	return !slices.ContainsFunc(p.HandOver, func(id plan.StepID) bool { return r.Outcomes[id].State != apply.Done })
}

// withoutAddOns is an input in whose observation add-ons do not matter.
func withoutAddOns(desired *stack.Stack) *stack.Stack {
	out := *desired
	out.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for i := range out.LoadBalancers {
		out.LoadBalancers[i].AddOns = stack.AddOns{}
	}
	return &out
}

// frontendName is the name of the network load balancer in front of the ALB, if there is one that is wanted or kept.
func frontendName(o elb.Observed, desired *stack.Stack, keep stack.Keep) string {
	for _, lb := range o.LoadBalancers {
		wanted := func(w stack.LoadBalancer) bool { return w.ID == lb.ID && w.Scheme == lb.Scheme }
		held := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		if lb.ID == stack.FrontendIdentity && (slices.ContainsFunc(desired.LoadBalancers, wanted) || slices.Contains(keep.Resources, held)) {
			return lb.DNSName
		}
	}
	return ""
}

// patchStatus returns the member as it is then.
func (s *Reconciler) patchStatus(ctx context.Context, m metav1.Object, hostname string, ports []int32, frontend string) (metav1.Object, error) {
	before, after, changed := withStatus(m, hostname, ports, frontend)
	if !changed {
		return m, nil
	}
	return after, client.IgnoreNotFound(s.Client.Status().Patch(ctx, after, client.MergeFrom(before)))
}

// clearStatus takes the names of a stack's load balancers off the Ingresses that leave it for another group or another controller,
// so that nobody sends traffic where it is not served any more. One that shows another name has arrived elsewhere, and one that
// is being deleted keeps its status until it is gone.
func (s *Reconciler) clearStatus(ctx context.Context, o elb.Observed, leaving []metav1.Object) refusedWrites {
	var refused refusedWrites
	var names []string
	for _, lb := range o.LoadBalancers {
		if lb.DNSName != "" {
			names = append(names, strings.ToLower(lb.DNSName))
		}
	}
	for _, m := range leaving {
		ing, ok := m.(*networkingv1.Ingress)
		if !ok || ing.DeletionTimestamp != nil || !slices.ContainsFunc(ing.Status.LoadBalancer.Ingress, func(e networkingv1.IngressLoadBalancerIngress) bool {
			return slices.Contains(names, e.Hostname)
		}) {
			continue
		}
		updated := ing.DeepCopy()
		updated.Status.LoadBalancer = networkingv1.IngressLoadBalancerStatus{}
		// With a lock: its new group may have written another name that we have not seen yet.
		patch := client.MergeFromWithOptions(ing, client.MergeFromWithOptimisticLock{})
		if err := s.Client.Status().Patch(ctx, updated, patch); client.IgnoreNotFound(err) != nil {
			refused.add(ing, "status of", err)
		}
	}
	return refused
}
