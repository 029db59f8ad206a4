package controller

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/degraded"
	"github.com/k8s-lbc/lbc/internal/diag"
)

// probeInterval is the pause between attempts of one unit by which the end of a cause is noticed that concerns many.
const probeInterval = 15 * time.Second

// failuresOf are the classes of what fails for the reasons that the controller is degraded.
var failuresOf = map[degraded.Reason]diag.Class{
	degraded.Credentials: diag.Credentials, degraded.Permissions: diag.Denied, degraded.Unanswered: diag.Transient, degraded.Throttled: diag.Throttled,
}

// recovered has what failed by a cause that has ended tried again. It does not wait.
func (w *wiring) recovered(r degraded.Reason) { go w.board.Wake(failuresOf[r]) }

// probe has one unit tried again for each reason for which the controller is degraded, or whose failures wait for the end of one.
func (w *wiring) probe(context.Context) {
	w.board.Probe(diag.Credentials) // these are not tried again by themselves
	for _, r := range []degraded.Reason{degraded.Permissions, degraded.Unanswered} {
		if w.start.conditions.Holds(r) {
			w.board.Probe(failuresOf[r])
		}
	}
}

// showWaiting shows in metrics what waits, and has what fails for a common cause tried again.
func (w *wiring) showWaiting() {
	on := func(what waiting.What) metrics.Waiting {
		return func() (int, time.Duration) { return w.board.Waiting(what) }
	}
	w.metrics.CollectWaiting(map[string]metrics.Waiting{
		string(waiting.Stacks): on(waiting.Stacks), string(waiting.Deletions): on(waiting.Deletions),
		"targets": func() (int, time.Duration) {
			n, oldest := w.registry.Waiting()
			changed, first := w.bindings.Changes.Waiting()
			return n + changed, max(oldest, first)
		},
	})
	ends := map[string]func() time.Time{"listener": w.inventory.FirstCertificateEnd}
	if w.webhookEnd != nil {
		ends["webhook"] = w.webhookEnd
	}
	w.metrics.CollectCertificates(ends)
	w.starts(manager.RunnableFunc(func(ctx context.Context) error {
		queue.Every(ctx, probeInterval, nil, w.probe)
		return nil
	}))
}
