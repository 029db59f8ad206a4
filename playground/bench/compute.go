package bench

import (
	"context"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/bench/compute"
)

// measuring runs a case often enough for a steady median: at least 20 times, and for half a second.
func measuring(of func() (compute.Case, error)) func(context.Context, *session, *Result) error {
	return func(ctx context.Context, _ *session, r *Result) error {
		c, err := of()
		if err != nil {
			return err
		}
		var took []time.Duration
		for began := time.Now(); len(took) < 20 || time.Since(began) < time.Second/2; {
			if err := ctx.Err(); err != nil {
				return err
			}
			at := time.Now()
			if err := c.Run(); err != nil {
				return err
			}
			took = append(took, time.Since(at))
		}
		slices.Sort(took)
		r.Seconds = took[len(took)/2].Seconds()
		return nil
	}
}

func oneIngress() (compute.Case, error)    { return compute.New(1, 1) }
func thousandRules() (compute.Case, error) { return compute.New(100, 10) }
