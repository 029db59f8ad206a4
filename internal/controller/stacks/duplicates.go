package stacks

import (
	"context"
	"fmt"
	"maps"

	"github.com/k8s-lbc/lbc/internal/checkpoint"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// duplicates are the guards on the deletion of a stack's duplicates, by ARN or group id.
type duplicates = map[string]*plan.Guard

// noteDuplicates keeps the guards that a plan puts on the deletion of duplicates for the next plans of the stack. Those of a stack that is
// removed are kept until it is gone, because what they are duplicates of goes first. Once that is gone nothing in AWS tells a duplicate from
// what is still to be deleted, so the guards are in a checkpoint before a plan with deletions is carried out.
func (s *Reconciler) noteDuplicates(ctx context.Context, key stack.Key, p *plan.Plan, removal stack.Removal) error {
	s.mu.Lock()
	found := duplicates{}
	if removal != stack.NotRemoved {
		maps.Copy(found, s.state(key).duplicates)
	}
	deletes := false
	for _, step := range p.Steps {
		switch {
		case step.Guard != nil && step.Guard.Code == diag.DuplicateResource:
			found[step.Resource.Literal] = step.Guard
		case step.Guard == nil && step.Action == plan.Delete:
			deletes = true
		}
	}
	s.state(key).duplicates = found
	s.mu.Unlock()
	if len(found) == 0 {
		s.Checkpoints.Delete(checkpoint.Duplicates, key.String())
		return nil
	}
	s.Checkpoints.Put(checkpoint.Duplicates, key.String(), maps.Clone(found))
	if !deletes {
		return nil
	}
	if err := s.Checkpoints.Flush(ctx); err != nil {
		return fmt.Errorf("keeping which resources are duplicates, before what they are duplicates of is deleted: %w", err)
	}
	return nil
}

// checkpointProblem tells everybody that a checkpoint was not written that must be before anything is deleted.
func checkpointProblem(err error, w front.Input) diag.List {
	return toAll(status.APIRefusal(diag.Object{}, diag.CheckpointNotWritten, err), w)
}
