package stacks

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// records are the annotations that record what exists on a Gateway's load balancer. Each says whether the stack shall
// have none of it, and which steps remove it.
var records = map[string]struct {
	none  func(*stack.Stack) bool
	takes func(plan.Step) bool
}{
	gateway.AddOnWebACL: {noAddOn(func(a *stack.AddOns) bool { return a.WebACL != nil && *a.WebACL == "" }),
		about(awsop.AddOnWebACL)},
	gateway.AddOnShield: {noAddOn(func(a *stack.AddOns) bool { return a.Shield != nil && !*a.Shield }),
		about(awsop.AddOnShield)},
	gateway.AddOnCapacity: {noAddOn(func(a *stack.AddOns) bool { return a.Capacity != nil && *a.Capacity == 0 }),
		about(awsop.AddOnCapacity)},
	gateway.ClientsPassed: {
		func(want *stack.Stack) bool {
			return !slices.ContainsFunc(want.Listeners, func(l stack.Listener) bool {
				return l.Protocol == "HTTPS" &&
					l.Mutual == nil
			})
		},
		func(s plan.Step) bool {
			_, modifies := s.Op.(awsop.ModifyListener)
			return modifies
		},
	},
}

// noAddOn reports whether the load balancer shall not have an add-on.
func noAddOn(none func(*stack.AddOns) bool) func(*stack.Stack) bool {
	return func(want *stack.Stack) bool { return none(&want.LoadBalancers[0].AddOns) }
}

// about reports whether a step is about an add-on.
func about(a awsop.AddOn) func(plan.Step) bool {
	return func(s plan.Step) bool { return s.Op.About().Setting == string(a) }
}

// recordRemovedAddOns records on a Gateway that add-ons which it no longer wants are removed: those that were read
// from AWS, and whose removal steps are all done.
func (p *pass) recordRemovedAddOns(ctx context.Context) refusedWrites {
	w, want := p.input, p.compiled.Stack
	if w.Decisions == nil || p.observed.Pending || len(want.LoadBalancers) == 0 {
		return nil
	}
	removed := slices.DeleteFunc(slices.Clone(w.Decisions.Removed), func(annotation string) bool {
		record := records[annotation]
		return !record.none(want) || slices.ContainsFunc(p.plan.Steps, func(step plan.Step) bool {
			return record.takes(step) && p.result.Outcomes[step.ID].State != apply.Done
		})
	})
	if len(removed) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, annotation := range removed {
		values[annotation] = "false"
	}
	_, refused := p.reconciler.writeMembers(ctx, "annotations of", w.Members, func(client.Object) objectwriter.Write {
		return objectwriter.Write{Part: objectwriter.Finalizer, Change: func(o client.Object) bool {
			return annotate(o, removed, values)
		}}
	})
	return refused
}
