package controller

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/controller/webhook"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// recovered has what failed for a reason that has ended tried again, with the rules of security groups. It does not
// wait.
func (w *Wiring) recovered(r impairment.Reason) {
	go func() {
		w.board.Recovered(r)
		for _, q := range w.rules {
			q.RetryFailed(waiting.Spacing)
		}
	}()
}

// denialsWait reports whether something waits because AWS denied a call.
func (w *Wiring) denialsWait() bool { return w.board.Failing()[diag.Denied] > 0 }

// showWaiting shows in metrics what waits, and has what fails for a common cause tried again.
func (w *Wiring) showWaiting() {
	on := func(what waiting.What) metrics.Waiting {
		return func() (int, time.Duration) { return w.board.Waiting(what) }
	}
	w.Metrics.CollectWaiting(map[string]metrics.Waiting{
		string(waiting.Stacks): on(waiting.Stacks), string(waiting.Deletions): on(waiting.Deletions),
		"targets": func() (int, time.Duration) {
			n, oldest := w.registry.Waiting()
			changed, first := w.bindings.Changes.Waiting()
			return n + changed, max(oldest, first)
		},
	})
	w.Metrics.CollectFailing(func() map[string]int {
		out := map[string]int{}
		for class, n := range w.board.Failing() {
			out[string(class)] = n
		}
		return out
	})
	w.Metrics.CollectDeletions(w.board.Reasons)
	w.Metrics.CollectCertificate("listener", func() (end, overdue time.Time) {
		return w.Inventory.FirstCertificateEnd(), w.Inventory.FirstCertificateOverdue()
	})
	if w.webhookValidity != nil {
		w.Metrics.CollectCertificate("webhook", func() (end, overdue time.Time) {
			from, until := w.webhookValidity()
			return until, webhook.Overdue(from, until)
		})
	}
	w.starts(manager.RunnableFunc(func(ctx context.Context) error {
		queue.Every(ctx, waiting.ProbeInterval, nil, func(context.Context) { w.board.ProbeFor() })
		return nil
	}))
}
