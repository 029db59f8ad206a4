package controller

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
)

// background marks the AWS calls of a watch that nothing waits for: where AWS throttles, they go after all others. Passes over
// stacks have the priority in between; those over bindings, which register targets, go first, see targetBindings.Reconcile.
func background(ctx context.Context) context.Context { return cloud.WithPriority(ctx, cloud.Cosmetic) }

// every calls f at each tick and signal until ctx ends.
func every(ctx context.Context, pause time.Duration, signal <-chan struct{}, f func(context.Context)) { //nolint:unparam // ctlstack moves it
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		case <-t.C:
		}
		f(ctx)
	}
}
