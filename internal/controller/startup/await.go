// Package startup lets the controller start with less than it needs. It repeats attempts until Region, VPC,
// credentials and the API server are available, follows what AWS and the API server refuse later, and shows each
// condition in the log, as an event and as a metric. It starts no controllers.
package startup

import (
	"context"
	"errors"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// pauses are those between attempts.
var pauses = backoff.Policy{First: time.Second, Longest: 30 * time.Second}

// Await calls try until it succeeds, with pauses between. An error with a impairment.Condition is shown meanwhile, as
// one that blocks the start; of the other reasons that try may fail for, those before it are healed then. Another error
// is returned at once.
func Await(ctx context.Context, s *impairment.Conditions, reasons []impairment.Reason,
	try func(context.Context) error) error {
	for failures := 1; ; failures++ {
		err := try(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var c impairment.Condition
		if err != nil && !errors.As(err, &c) {
			return err
		}
		for _, r := range reasons {
			if r != c.Reason {
				s.Heal(r)
				continue
			}
			c.Blocks = true
			s.Set(c)
		}
		if err == nil {
			return nil
		}
		if err := sleep.For(ctx, pauses.Pause(failures)); err != nil {
			return err
		}
	}
}
