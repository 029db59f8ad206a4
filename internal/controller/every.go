package controller

import (
	"context"
	"time"
)

// every calls f at each tick and signal until ctx ends.
func every(ctx context.Context, pause time.Duration, signal <-chan struct{}, f func(context.Context)) {
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
