package controller

import (
	"context"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// withdraw takes the names of a stack's load balancers off the Ingresses that leave it for another group or another controller,
// so that nobody sends traffic where it is not served any more. One that shows another name has arrived elsewhere, and one that
// is being deleted keeps its status until it is gone.
func (s *stacks) withdraw(ctx context.Context, o elb.Observed, leaving []metav1.Object) refusedWrites {
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
		if err := s.client.Status().Patch(ctx, updated, patch); client.IgnoreNotFound(err) != nil {
			refused.add(ing, "status of", err)
		}
	}
	return refused
}
