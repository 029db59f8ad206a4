package stacks

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// endForwards ends the forwards of objects under dry run that their owners no longer permit. Nothing else of what is
// deployed changes.
func (p *pass) endForwards(ctx context.Context, from basis) error {
	s := p.reconciler
	if s.Holds.OfKey(p.key) != nil {
		return nil
	}
	steps := diff.Stack(from.compiled.Stack, from.compiled.Keep, from.observed.Clone(), s.Options).Under(
		policy.RefuseAll(plan.Guard{Code: diag.DryRun, Text: "dry run"}))
	withdraw, err := p.withdrawals(ctx, from, steps)
	if err != nil {
		return fmt.Errorf("forwards of %s that are no longer permitted: %w", p.key, err)
	}
	steps = steps.Under(withdraw)
	steps.Steps = slices.DeleteFunc(slices.Clone(steps.Steps), func(step plan.Step) bool { return step.Guard != nil })
	if steps.Empty() {
		return nil
	}
	deployed := &pass{reconciler: s, key: p.key, kind: p.kind, log: p.log, reader: p.reader, view: p.view,
		input: from.input, attempt: attempt{compiled: from.compiled, observed: from.observed, plan: steps}}
	result := deployed.execute(ctx)
	if done := result.Count(apply.Done); done < len(steps.Steps) {
		return fmt.Errorf("%s is under dry run, and of its %d forwards that are no longer permitted, %d have ended", p.key,
			len(steps.Steps), done)
	}
	return nil
}
