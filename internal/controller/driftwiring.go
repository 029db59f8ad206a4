package controller

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// setUpDriftDetector sets up the search for drift, unless it is off.
func (w *Wiring) setUpDriftDetector() {
	if w.Config.DriftInterval == 0 {
		return
	}
	detector := w.NewDriftDetector(w.Owners, w.bindings, func(key stack.Key) {
		for _, s := range w.Owners {
			if s.Front.Owner() == key.Owner {
				s.NoteCheck(key)
			}
		}
		w.wake(queue.Drift, key)
	})
	for _, s := range w.Owners {
		s.ScheduleReview = detector.Schedule
	}
	w.starts(detector)
}

// NewDriftDetector connects a detector to the controllers.
func (w *Wiring) NewDriftDetector(all []*stacks.Reconciler, b *bindingpass.Reconciler,
	wake func(key stack.Key)) *DriftDetector {
	return &DriftDetector{
		interval: w.Config.DriftInterval, now: w.Now, log: w.Log.WithName("drift"),
		jitter: func() float64 { return 0.5 + rand.Float64() },
		stacks: func() []stack.Key {
			var keys []stack.Key
			for _, s := range all {
				keys = append(keys, s.Index.Units()...)
			}
			return keys
		},
		targets:     b.TargetGroups,
		reread:      w.Inventory.Reread,
		cost:        w.Inventory.RereadCost,
		assumed:     w.Inventory.Assumed,
		recheck:     b.Registry.Recheck,
		tags:        w.Inventory.RereadTags,
		wake:        wake,
		wakeBinding: func(n types.NamespacedName) { b.Waker.Wake(queue.Drift, reconcile.Request{NamespacedName: n}) },
		found:       func() { w.Metrics.CountDrift(metrics.BindingControllerLabel) },
		record:      w.lbStatus.SetHealth,
		crashed:     w.crashed.Load,
		tenant:      func(key stack.Key) string { return tenantOf(all, key) },
		exists: func(ctx context.Context, x driftUnit) bool {
			if x.group != (registrar.Group{}) {
				return b.Serves(ctx, x.binding, x.group)
			}
			return slices.ContainsFunc(all, func(s *stacks.Reconciler) bool { return s.Index.Has(x.stack) })
		},
	}
}

// edit is a check of a stack that was edited, and when it is due.
type edit struct {
	stack stack.Key
	at    time.Time
}

// Schedule schedules a check of a stack that was edited.
func (s *DriftDetector) Schedule(key stack.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edited[key] {
		return
	}
	if s.edited == nil {
		s.edited = map[stack.Key]bool{}
	}
	s.edited[key], s.edits = true, append(s.edits, edit{key, s.now().Add(editDelay)})
}

// dueEdit removes the edited stack whose check has been due the longest, if any is due. Tenants take turns: one may
// edit thousands of load balancers.
func (s *DriftDetector) dueEdit(now time.Time) (key stack.Key, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, of := -1, ""
	for i, e := range s.edits {
		if e.at.After(now) {
			break
		}
		if tenant := s.tenantOf(e.stack); first < 0 || s.served[tenant] < s.served[of] {
			first, of = i, tenant
		}
	}
	if first < 0 {
		return key, false
	}
	key = s.edits[first].stack
	s.edits = slices.Delete(s.edits, first, first+1)
	delete(s.edited, key)
	if s.served == nil || len(s.edits) == 0 {
		s.served = map[string]int{}
	}
	s.checks++
	s.served[of] = s.checks
	return key, true
}

func (s *DriftDetector) tenantOf(key stack.Key) string {
	if s.tenant == nil {
		return key.Tenant()
	}
	return s.tenant(key)
}
