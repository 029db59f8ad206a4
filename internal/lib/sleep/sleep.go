// Package sleep pauses in real time. Code whose tests move an injected clock does not use it.
package sleep

import (
	"context"
	"time"
)

// For returns once d has passed or ctx has ended. It returns the error of ctx, nil if ctx goes on.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return ctx.Err()
}
