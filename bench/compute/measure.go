package compute

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// cases are the rows of the benchmark by name.
var cases = map[string]func() (Case, error){
	"compute-1":            func() (Case, error) { return New(1, 1) },
	"compute-1000":         func() (Case, error) { return New(100, 10) },
	"gateway-compute-1":    func() (Case, error) { return NewGateway(1, 1) },
	"gateway-compute-1000": func() (Case, error) { return NewGateway(100, 10) },
}

// Seconds runs the case of a row often enough for a steady mean of processor time: at least 20 times, and for half a
// second. The thread's own time counts, so that a busy machine does not, where the system reports it.
func Seconds(ctx context.Context, row string) (float64, error) {
	of, ok := cases[row]
	if !ok {
		return 0, fmt.Errorf("%q is no row that computes", row)
	}
	c, err := of()
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := threadTime()
	if err != nil {
		return 0, err
	}
	runs := 0
	for began := time.Now(); runs < 20 || time.Since(began) < time.Second/2; runs++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := c.Run(); err != nil {
			return 0, err
		}
	}
	after, err := threadTime()
	return (after - before).Seconds() / float64(runs), err
}
