package stacks

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Passed is the result of a pass over a stack. The values that it refers to do not change any longer.
type Passed struct {
	Key      stack.Key
	Input    front.Input
	Compiled compile.Result // without Stack if it cannot be built, or was not built
	Plan     *plan.Plan     // nil = none was made
	Began    time.Time      // when the controller began to execute the plan; zero = it has no steps
	Result   apply.Result   // of the plan
	Found    diag.List
}

// notePassed passes on the result of a pass.
func (s *Reconciler) notePassed(t passReport) {
	if s.OnPassed == nil {
		return
	}
	s.OnPassed(Passed{Key: t.key, Input: t.input, Compiled: t.compiled, Plan: t.plan, Began: t.began, Result: t.result,
		Found: slices.Clone(t.found)})
}
