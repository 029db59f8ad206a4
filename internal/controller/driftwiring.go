package controller

import (
	"context"
	"math/rand/v2"
	"slices"

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
		jitter: func() float64 { return 0.5 + rand.Float64() }, //nolint:gosec // spreads load
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
