package clock_test

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
)

// Callbacks run inside Advance, in order of their time, each at its own instant. A test needs no sleep and no
// goroutine.
func ExampleStepped() {
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	c.AfterFunc(2*time.Minute, func() { fmt.Println(c.Now().Format(time.TimeOnly), "the load balancer is active") })
	stop := c.AfterFunc(time.Minute, func() { fmt.Println("never") })
	stop()
	c.AfterFunc(10*time.Second, func() { fmt.Println(c.Now().Format(time.TimeOnly), "the target is healthy") })

	c.Advance(time.Hour)
	fmt.Println(c.Now().Format(time.TimeOnly), "nothing is pending:", c.Pending() == 0)
	// Output:
	// 03:00:10 the target is healthy
	// 03:02:00 the load balancer is active
	// 04:00:00 nothing is pending: true
}
