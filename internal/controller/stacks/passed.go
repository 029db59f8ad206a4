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
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Passed is the result of a pass over a stack. The values that it refers to do not change any more.
type Passed struct {
	Key   stack.Key
	Input front.Input
	// Nothing reports that no load balancer of the stack is wanted, and none is left. The fields below are not set then.
	Nothing bool
	// Partial reports that the pass ended before everything was looked at; what is not set below is as after the pass before.
	Partial  bool
	Compiled compile.Result  // without Stack if it cannot be built or, of a partial pass, was not built
	Observed *awsop.Observed // after the plan; nil = not known
	Plan     *plan.Plan      // nil = none was made
	Began    time.Time       // when the controller began to carry the plan out; zero = it has no steps
	Result   apply.Result    // of the plan
	Found    diag.List
}

// notePassed passes on what a pass came to.
func (s *Reconciler) notePassed(t passReport) {
	if s.OnPassed == nil {
		return
	}
	s.OnPassed(Passed{
		Key: t.key, Input: t.input, Partial: t.partial, Compiled: t.compiled, Observed: t.observed, Plan: t.plan, Began: t.began, Result: t.result, Found: slices.Clone(t.found),
	})
}

// noteNothing passes on that nothing is wanted of a stack, and nothing is left. The input may have decisions about a Gateway.
func (s *Reconciler) noteNothing(key stack.Key, w front.Input) {
	if s.OnPassed != nil {
		s.OnPassed(Passed{Key: key, Input: w, Nothing: true})
	}
}
