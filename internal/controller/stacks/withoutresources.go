package stacks

import (
	"context"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// withoutResources returns the members without our finalizer of which AWS provably has no resources, so that the
// stack can continue without them. A missing finalizer alone proves nothing: replacing an object removes it, and
// policies may refuse to add it again. c is the result of compiling the whole input.
func (s *Reconciler) withoutResources(ctx context.Context, key stack.Key, w front.Input, c compile.Result,
	lacking refusedWrites) (refusedWrites, error) {
	observed, err := s.observe(ctx, key, c.Stack, w)
	if err != nil {
		return nil, err
	}
	with := s.plan(basis{key: key, input: w, compiled: c, observed: observed})
	memory := s.MemoryOf(key)
	var out refusedWrites
	for _, r := range lacking {
		rest, _, err := s.compiler().Compile(ctx, key, refusedWrites{r}.without(w), memory)
		if err != nil {
			return nil, fmt.Errorf("compiling %s without %s: %w", key, r.object, err)
		}
		if rest.Stack == nil { // the others alone make no stack, so nothing is proven about this one
			continue
		}
		without := s.plan(basis{key: key, input: w, compiled: rest, observed: observed})
		if provenAbsent(&with, &without).Proven() {
			out = append(out, r)
		}
	}
	return out, nil
}

// provenAbsent compares the plan of a whole stack with the plan of the same stack without one member. The member has
// no resources in AWS if leaving it out deletes and modifies nothing that the whole plan leaves unchanged.
func provenAbsent(with, without *plan.Plan) absence.Absence {
	touched, deleted := map[stack.Ref]bool{}, map[stack.Ref]bool{}
	for _, step := range with.Steps {
		touched[step.Resource] = true
		deleted[step.Resource] = deleted[step.Resource] || step.Action == plan.Delete
	}
	changes := 0
	for _, step := range without.Steps {
		if step.Action == plan.Delete && !deleted[step.Resource] || (step.Action == plan.Update ||
			step.Action == plan.Replace) && !touched[step.Resource] {
			changes++
		}
	}
	return absence.OfComparison(changes)
}

// retainedBy returns the notes on deleted objects whose load balancer stays because they declare that; none if
// nothing stays. c and o are the input of the plan.
func retainedBy(w front.Input, key stack.Key, c compile.Result, o awsop.Observed) (found diag.List) {
	if c.Stack.Removal == stack.NotRemoved || len(o.LoadBalancers) == 0 {
		return nil
	}
	retention := diff.Retention(c.Stack, &o, w.Options(key.Owner, diff.Options{}))
	if retention == stack.RetainNothing {
		return nil
	}
	text := fmt.Sprintf("load balancer %s stays in AWS with its target groups", o.LoadBalancers[0].Name)
	remedy := fmt.Sprintf("to manage it again, create the object again; to delete it: lbc cleanup --stack %s "+
		"--ignore-controller", key)
	if retention != c.Stack.Retention { // no object asks for it
		text += fmt.Sprintf(", because it was adopted and its tags do not let namespace %s delete it",
			w.Leaving[0].GetNamespace())
		remedy = fmt.Sprintf("delete it in AWS, or ask its former owner to set tag %s: %s/%s on it before its objects are "+
			"deleted; to delete it now: lbc cleanup --stack %s --ignore-controller",
			naming.DeletableByTag, c.Stack.Cluster, w.Leaving[0].GetNamespace(), key)
	}
	if retention == stack.RetainWithoutTags {
		text += " and without the controller's tags: it has no owner, and the controller no longer manages it"
		remedy = "delete it in AWS if nothing else needs it; its TargetGroupBindings stay, and keep its targets up to date"
	}
	for _, m := range w.Leaving {
		found = append(found, diag.New(owner.Object(m), owner.Of(key.Owner).DeletionPolicy.Path(), diag.LoadBalancerRetained,
			text, remedy))
	}
	return found
}
