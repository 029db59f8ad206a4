package stacks

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A finalizer that is written while an object is being deleted does not stop the deletion: the API server looks for
// finalizers first and then deletes, even if one is written in between (Store.Delete of
// k8s.io/apiserver/pkg/registry/generic/registry). The write of the finalizer succeeds, and the object no longer
// exists.

// markedFor limits how long after a pass that wrote its finalizer an object can vanish because its deletion overtook
// the write. An object that vanishes later proves nothing: a user removed the finalizer, which is how users keep a
// load balancer, or restored an older state of the cluster.
const markedFor = 15 * time.Second

// mark is a member that got our finalizer.
type mark struct {
	object metav1.Object // as the cache showed it last
	at     time.Time     // the end of the pass that wrote it
	gone   bool          // its deletion overtook the mark
	// removals is how often the definition of its kind had been removed: a removal deletes the object too.
	removals int
}

func (m *mark) is(o metav1.Object) bool { return m.object.GetUID() == o.GetUID() }

// noteMarked records members that got our finalizer.
func (s *Reconciler) noteMarked(key stack.Key, members []metav1.Object, refused refusedWrites) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []mark
	for _, o := range members {
		if !refused.of(owner.Object(o)) && o.GetUID() != "" && o.GetDeletionTimestamp() == nil &&
			!slices.Contains(o.GetFinalizers(), naming.Finalizer(key)) {
			fresh = append(fresh, mark{object: o, at: s.Now(), removals: s.removals(o)})
		}
	}
	if len(fresh) == 0 {
		return
	}
	again := map[types.UID]bool{}
	for i := range fresh {
		again[fresh[i].object.GetUID()] = true
	}
	st := s.state(key)
	st.marked = append(slices.DeleteFunc(st.marked, func(m mark) bool { return again[m.object.GetUID()] }), fresh...)
}

// endMarking records the end of a pass that began at a time.
func (s *Reconciler) endMarking(key stack.Key, begun time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		for i := range st.marked {
			if m := &st.marked[i]; !m.at.Before(begun) {
				m.at = s.Now()
			}
		}
	}
}

// noteShown drops old marks, and the marks of members that the cache shows as being deleted: the finalizer holds
// these.
func (s *Reconciler) noteShown(key stack.Key, w front.Input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.states[key]
	if st == nil || len(st.marked) == 0 {
		return
	}
	shown := map[types.UID]metav1.Object{}
	for _, o := range slices.Concat(w.Leaving, w.Members) {
		shown[o.GetUID()] = o
	}
	st.marked = slices.DeleteFunc(st.marked, func(m mark) bool {
		o := shown[m.object.GetUID()]
		return !m.gone && s.Now().Sub(m.at) > markedFor || o != nil && o.GetDeletionTimestamp() != nil
	})
	for n := range st.marked {
		if o := shown[st.marked[n].object.GetUID()]; o != nil {
			st.marked[n].object = o
		}
	}
}

// vanished returns, for a stack without objects, the members that got our finalizer and no longer exist. They count
// as objects that are being deleted, so their resources are deleted.
func (s *Reconciler) vanished(ctx context.Context, key stack.Key) (gone []metav1.Object, err error) {
	s.mu.Lock()
	var marked []mark
	if st := s.states[key]; st != nil {
		marked = slices.Clone(st.marked)
	}
	s.mu.Unlock()
	for _, m := range marked {
		o, ok := m.object.(client.Object)
		if !ok || !m.gone && m.removals != s.removals(o) {
			continue
		}
		o, _ = o.DeepCopyObject().(client.Object)
		if s.Live != nil && !m.gone { // a cache that lags, or is read again, may lack what exists
			live, _ := o.DeepCopyObject().(client.Object)
			switch err := s.Live.Get(ctx, client.ObjectKeyFromObject(o), live); {
			case err != nil && !absence.NotFound(err):
				return nil, fmt.Errorf("reading %s, which is gone from the cache: %w", owner.Object(o), err)
			case err == nil && live.GetUID() == o.GetUID():
				continue
			}
		}
		o.SetDeletionTimestamp(&metav1.Time{Time: s.Now()})
		gone = append(gone, o)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		for i := range st.marked {
			st.marked[i].gone = st.marked[i].gone || slices.ContainsFunc(gone, st.marked[i].is)
		}
	}
	return gone, nil
}

// removals returns how often the definition of an object's kind was removed since the start.
func (s *Reconciler) removals(o metav1.Object) int {
	kind, ok := objects.KindOf(o)
	if !ok || s.Removals == nil {
		return 0
	}
	return s.Removals(kind)
}
