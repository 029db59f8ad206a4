package sleep_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

func TestForEndsWithItsPauseOrItsContext(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ended bool
		limit time.Duration // of ctx
		pause time.Duration
		takes time.Duration
		err   error
	}{
		"whole pause":          {false, time.Hour, time.Minute, time.Minute, nil},
		"ctx ends in it":       {false, time.Second, time.Minute, time.Second, context.DeadlineExceeded},
		"ctx ended before":     {true, time.Hour, time.Minute, 0, context.Canceled},
		"no pause":             {false, time.Hour, 0, 0, nil},
		"no pause, ctx ended":  {true, time.Hour, 0, 0, context.Canceled},
		"a pause that is past": {false, time.Hour, -time.Second, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if c.ended {
				ctx = ended
			}
			ctx, cancel := context.WithTimeout(ctx, c.limit)
			defer cancel()
			began := time.Now()
			if err := sleep.For(ctx, c.pause); !errors.Is(err, c.err) || time.Since(began) != c.takes {
				t.Errorf("%s: %v after %v, want %v after %v", name, err, time.Since(began), c.err, c.takes)
			}
		})
	}
}
