package bench

import (
	"context"
	"runtime"
	"time"

	"github.com/k8s-lbc/lbc/bench/compute"
)

// measuring runs a case often enough for a steady mean of processor time: at least 20 times, and for half a second. The
// thread's own time counts, so that a busy machine does not, where the system reports it.
func measuring(of func() (compute.Case, error)) func(context.Context, *session, *Result) error {
	return func(ctx context.Context, _ *session, r *Result) error {
		c, err := of()
		if err != nil {
			return err
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before, err := threadTime()
		if err != nil {
			return err
		}
		runs := 0
		for began := time.Now(); runs < 20 || time.Since(began) < time.Second/2; runs++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.Run(); err != nil {
				return err
			}
		}
		after, err := threadTime()
		r.Seconds = (after - before).Seconds() / float64(runs)
		return err
	}
}

func oneIngress() (compute.Case, error)    { return compute.New(1, 1) }
func thousandRules() (compute.Case, error) { return compute.New(100, 10) }

func oneGateway() (compute.Case, error)            { return compute.NewGateway(1, 1) }
func thousandRulesOfRoutes() (compute.Case, error) { return compute.NewGateway(100, 10) }
