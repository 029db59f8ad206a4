package stacks

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnRecords are the annotations that record add-ons of a Gateway, each with its add-on and with whether a load balancer is to have none.
var addOnRecords = map[string]struct {
	of   elb.AddOn
	none func(*stack.AddOns) bool
}{
	gateway.AddOnWebACL:   {elb.AddOnWebACL, func(a *stack.AddOns) bool { return a.WebACL != nil && *a.WebACL == "" }},
	gateway.AddOnShield:   {elb.AddOnShield, func(a *stack.AddOns) bool { return a.Shield != nil && !*a.Shield }},
	gateway.AddOnCapacity: {elb.AddOnCapacity, func(a *stack.AddOns) bool { return a.Capacity != nil && *a.Capacity == 0 }},
}

// recordRemovedAddOns records on a Gateway that add-ons are taken away which it does not want any more: those of which AWS was read, and of
// whose removal every step is done.
func (s *Reconciler) recordRemovedAddOns(ctx context.Context, w front.Input, want *stack.Stack, o elb.Observed, p *plan.Plan, r apply.Result) refusedWrites {
	if w.Decisions == nil || o.Pending || len(want.LoadBalancers) == 0 {
		return nil
	}
	removed := slices.DeleteFunc(slices.Clone(w.Decisions.Removed), func(annotation string) bool {
		record := addOnRecords[annotation]
		return !record.none(&want.LoadBalancers[0].AddOns) || slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
			return step.Op.Traits().Setting == string(record.of) && r.Outcomes[step.ID].State != apply.Done
		})
	})
	if len(removed) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, annotation := range removed {
		values[annotation] = "false"
	}
	_, refused := s.writeMembers(ctx, "annotations of", w.Members, func(client.Object) objectwriter.Write {
		return objectwriter.Write{Part: objectwriter.Finalizer, Change: func(o client.Object) bool { return annotate(o, removed, values) }}
	})
	return refused
}
