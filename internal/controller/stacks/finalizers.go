package stacks

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addFinalizers puts our finalizer on all members that lack it, and tells which of them the API server refused.
func (s *Reconciler) addFinalizers(ctx context.Context, id stack.ID, members []metav1.Object) refusedWrites {
	var refused refusedWrites
	name := s.Front.Finalizer(id)
	for _, m := range members {
		o, ok := m.(client.Object)
		if !ok || o.GetDeletionTimestamp() != nil {
			continue
		}
		if err := kube.PatchFinalizer(ctx, s.Client, o, func(o client.Object) bool { return controllerutil.AddFinalizer(o, name) }); err != nil {
			refused.add(m, "adding finalizer to", err)
		}
	}
	return refused
}

// releaseMembers lets go of the objects that left, now that nothing of theirs exists any more, but for those that still show what is not
// theirs, as a write to them was refused.
func (s *Reconciler) releaseMembers(ctx context.Context, key stack.Key, w front.Input, unwritten refusedWrites) refusedWrites {
	var refused refusedWrites
	name := s.Front.Finalizer(key.ID)
	for _, m := range w.Leaving {
		o, ok := m.(client.Object)
		if !ok || unwritten.of(objectOf(m)) {
			continue
		}
		if _, err := s.patchStatus(ctx, m, "", nil, ""); err != nil {
			refused.add(m, "status of", err)
			continue
		}
		if err := kube.PatchFinalizer(ctx, s.Client, o, func(o client.Object) bool { return controllerutil.RemoveFinalizer(o, name) }); err != nil {
			refused.add(m, "removing finalizer from", err)
			continue
		}
		s.Reporter.Forget(key.String(), objectOf(o))
	}
	if !w.Wanted && len(refused)+len(unwritten) == 0 {
		s.forget(key)
		s.Backend.Check()
	}
	return refused
}

// oldest is when the first of objects was made.
func oldest(all []metav1.Object) time.Time {
	var first time.Time
	for _, o := range all {
		if at := o.GetCreationTimestamp().Time; first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}
