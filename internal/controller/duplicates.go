package controller

import (
	"maps"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/wish"
)

// policyOf is the policy of a stack's plans.
func (s *stacks) policyOf(key stack.Key, w wish.Wish) plan.Policy {
	p := w.Policy(s.policy)
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Duplicates = maps.Clone(s.duplicates[key])
	return p
}

// noteDuplicates keeps the guards that a plan puts on the deletion of duplicates for the next plans of the stack. Those of a stack that is
// removed are kept until it is gone, because what they are duplicates of goes first.
func (s *stacks) noteDuplicates(key stack.Key, p *plan.Plan, removal stack.Removal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if removal == stack.NotRemoved {
		delete(s.duplicates, key)
	}
	for _, step := range p.Steps {
		if step.Guard == nil || step.Guard.Code != diag.DuplicateResource {
			continue
		}
		if s.duplicates[key] == nil {
			s.duplicates[key] = map[string]*plan.Guard{}
		}
		s.duplicates[key][step.Resource.Literal] = step.Guard
	}
}
