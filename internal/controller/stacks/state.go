package stacks

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// stackState is what the reconciler remembers of a stack between passes.
type stackState struct {
	memory     *compile.Memory
	edits      string       // what users wrote of the members in the last pass; see editsOf
	duplicates duplicates   // see noteDuplicates
	missed     []facts.Need // what AWS did not have in the last pass
	discovery  discovery    // what the stack looked up in the list of certificates
	begun      time.Time    // the first pass over a new Gateway
	checked    bool         // the stack was read again to find drift, and no plan was made since
	failed     string       // the last plan, if it failed; see logPlan
	unfinished bool         // steps of the last plan are not done
	decided    uint64       // hash of the last plan's decisions by AWS's answers; see decidedBy
	applied    bool         // a pass of this process has reached its end
	marked     []mark       // members that got our finalizer lately
	deciding   []string     // the namespaces that decide about shared settings
	tenant     string       // of a group; see Tenant
	inUse      inUse        // resources that AWS does not delete because others use them
}

// state returns the state of a stack; s.mu is held.
func (s *Reconciler) state(key stack.Key) *stackState {
	st := s.states[key]
	if st == nil {
		if s.states == nil {
			s.states = map[stack.Key]*stackState{}
		}
		st = &stackState{}
		s.states[key] = st
	}
	return st
}

// awaitRoutes is how long a new Gateway waits for the first of its routes. Objects that are applied together reach
// the caches one after the other, and a load balancer that is created without rules would need a second pass.
const awaitRoutes = 250 * time.Millisecond

// routesAwaited returns how long to wait for the first routes of a Gateway; 0 = it has routes or a load balancer, or
// awaitRoutes is over.
func (s *Reconciler) routesAwaited(key stack.Key, w front.Input) time.Duration {
	marked := func(o metav1.Object) bool { return slices.Contains(o.GetFinalizers(), naming.Finalizer(key)) }
	if w.Decisions == nil || !w.Declared || len(w.LoadBalancer.Members) > len(w.Members) ||
		slices.ContainsFunc(w.Members, marked) {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if st.begun.IsZero() {
		st.begun = s.Now()
	}
	return max(0, st.begun.Add(awaitRoutes).Sub(s.Now()))
}

// noteReleased records deleted objects that have lost the finalizer: they no longer exist.
func (s *Reconciler) noteReleased(key stack.Key, all []metav1.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range all {
		if o.GetDeletionTimestamp() == nil || o.GetUID() == "" {
			continue
		}
		// the cache does not show it any longer
		if st := s.states[key]; st != nil && slices.ContainsFunc(st.marked, func(m mark) bool { return m.gone && m.is(o) }) {
			continue
		}
		if s.released == nil {
			s.released = map[stack.Key][]types.UID{}
		}
		s.released[key] = append(s.released[key], o.GetUID())
	}
}

// unreleased returns the objects of leaving that still carry the finalizer. A cache shows those that lost it for a
// moment longer.
func (s *Reconciler) unreleased(key stack.Key, leaving []metav1.Object) []metav1.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.released[key]
	if len(known) == 0 {
		return leaving
	}
	lost := map[types.UID]bool{}
	for _, uid := range known {
		lost[uid] = true
	}
	var left []metav1.Object
	var shown []types.UID
	for _, o := range leaving {
		if lost[o.GetUID()] {
			shown = append(shown, o.GetUID())
		} else {
			left = append(left, o)
		}
	}
	if s.released[key] = shown; len(shown) == 0 {
		delete(s.released, key)
	}
	return left
}

// MemoryOf returns what the compiler remembers of a stack; nil = nothing.
func (s *Reconciler) MemoryOf(key stack.Key) *compile.Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		return st.memory
	}
	return nil
}

// Deciding returns the namespaces that decide about the shared settings of a stack; known is false before the first
// pass.
func (s *Reconciler) Deciding(key stack.Key) (namespaces []string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		return st.deciding, st.deciding != nil
	}
	return nil, false
}

// Tenant names the tenant of a stack, whose calls share AWS's limits with those of other tenants: a namespace. A group
// whose objects are of one namespace belongs to that namespace, so that a namespace with many groups is one tenant. A
// group of several namespaces is a tenant of its own.
func (s *Reconciler) Tenant(key stack.Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil && st.tenant != "" {
		return st.tenant
	}
	return key.Tenant()
}

// noteTenant notes the objects of a group: all of them, or one in addition to the known ones.
func (s *Reconciler) noteTenant(key stack.Key, all bool, objs ...metav1.Object) {
	if key.ID.Namespace != "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if all {
		st.tenant = ""
	}
	for _, o := range objs {
		if st.tenant = cmp.Or(st.tenant, o.GetNamespace()); st.tenant != o.GetNamespace() {
			st.tenant = key.Tenant()
			return
		}
	}
}

// Restore restores what earlier processes left about the owner's stacks: what the compiler remembers, and which
// resources are known duplicates. The age of the latter does not matter, because ARNs and ids are never reused.
func (s *Reconciler) Restore(restored checkpoint.Restored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, text := range restored.Entries {
		key, err := stack.ParseKey(id.Name)
		if err != nil || key.Owner != s.Front.Owner() {
			continue
		}
		switch id.Kind {
		case checkpoint.Memory:
			m := &compile.Memory{}
			if st := s.states[key]; (st == nil || st.memory == nil) && json.Unmarshal(text, m) == nil {
				s.state(key).memory = m
			}
		case checkpoint.Duplicates:
			var d duplicates
			if st := s.states[key]; (st == nil || st.duplicates == nil) && json.Unmarshal(text, &d) == nil {
				s.state(key).duplicates = d
			}
		case checkpoint.Observed, checkpoint.Targets, checkpoint.Orphans, checkpoint.Foreign, checkpoint.Preceding,
			checkpoint.Holds, checkpoint.Journal, checkpoint.History:
		}
	}
}

// Unvisited returns the stacks that earlier processes remembered and for which this process has made no pass: no
// object declares them.
func (s *Reconciler) Unvisited() []stack.Key {
	visited := map[stack.Key]bool{}
	for _, key := range s.Index.Units() {
		visited[key] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []stack.Key
	for key, st := range s.states {
		if st.memory != nil && !visited[key] {
			out = append(out, key)
		}
	}
	return out
}

// Counts returns the sizes of the reconciler's state.
func (s *Reconciler) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{"states": len(s.states), "readers": s.Index.Len(), "passes in vain": s.Retries.Unavailable.Len()}
	for _, st := range s.states {
		if st.memory != nil {
			out["memories"]++
		}
		if len(st.discovery.hosts) > 0 {
			out["discoveries"]++
		}
		if len(st.missed) > 0 {
			out["questions"]++
		}
	}
	return out
}

func (s *Reconciler) forget(key stack.Key) {
	s.Index.Forget(key)
	s.Backend.Forget(key)
	s.Brake.Forget(key.String())
	s.Holds.Forget(key)
	s.Reporter.End(key.String())
	s.Inventory.Forget(key)
	s.Retries.forget(key)
	defer s.Status.Delete(key) // without the lock: the queue of statuses asks for the stack's tenant
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.states, key)
	s.Checkpoints.Delete(checkpoint.Memory, key.String())
	s.Checkpoints.Delete(checkpoint.Observed, key.String())
	s.Checkpoints.Delete(checkpoint.Duplicates, key.String())
	if s.Forgotten != nil {
		s.Forgotten(key)
	}
}

// NoteCheck records that a stack was read again to find drift.
func (s *Reconciler) NoteCheck(key stack.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.states[key]; st != nil {
		st.checked = true
	}
}

// noteUnfinished records whether steps of a plan are not done.
func (s *Reconciler) noteUnfinished(key stack.Key, p *plan.Plan, r apply.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state(key).unfinished = r.Count(apply.Done) < len(p.Steps)
}
