package stacks

import (
	"context"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
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
