package stacks

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// noteHold records in the holds which objects a stack has, and reports on the first of them if a hold concerns the
// stack.
func (s *Reconciler) noteHold(key stack.Key, w front.Input) front.Input {
	objects := objectsOf(slices.Concat(w.Members, w.Leaving, w.SetAside))
	if h := s.Holds.Note(key, objects); h != nil && len(objects) > 0 {
		w.Findings = append(slices.Clone(w.Findings), h.Note(objects[0]))
	}
	return w
}
