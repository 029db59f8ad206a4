package queue

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// crowd is a controller over units "tenant/name" whose passes take an hour, but those of the tenant quick.
type crowd struct {
	controller *Controller[string]
	waker      Waker[string]
	begun      map[string]int // passes that began, by tenant; read it after synctest.Wait
	seen       map[string]string
	notes      chan [2]string
}

func newCrowd(t *testing.T, workers int) *crowd {
	t.Helper()
	c := &crowd{begun: map[string]int{}, seen: map[string]string{}, notes: make(chan [2]string, 10_000)}
	limiter := awsclient.NewLimiter(awsclient.LimiterOptions{Throttle: []awsclient.Throttle{
		{Service: awsclient.ServiceELBV2, Operation: regexp.MustCompile("ModifyRule"), Rate: 1.0 / 3600, Burst: 1},
	}})
	c.controller = NewController(Options[string]{Name: t.Name(), Workers: workers, Log: logr.Discard(),
		Tenant: func(u string) string {
			tenant, _, _ := strings.Cut(u, "/")
			return tenant
		}, Reconciler: reconcile.TypedFunc[string](func(ctx context.Context, u string) (reconcile.Result, error) {
			c.notes <- [2]string{u, awsclient.TenantOf(ctx)}
			if strings.HasPrefix(u, "quick/") {
				return reconcile.Result{}, nil
			}
			return reconcile.Result{}, limiter.Do(ctx, awsclient.ServiceELBV2, "ModifyRule",
				func(context.Context) error { return nil })
		})})
	c.controller.Watch(c.waker.Source())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.controller.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return c
}

// wake queues units and lets a second pass.
func (c *crowd) wake(units ...string) {
	c.waker.Wake(Normal, units...)
	time.Sleep(time.Second)
	synctest.Wait()
	for len(c.notes) > 0 {
		n := <-c.notes
		tenant, _, _ := strings.Cut(n[0], "/")
		c.begun[tenant]++
		c.seen[tenant] = n[1]
	}
}

func unitsOf(tenant string, n int) (out []string) {
	for i := range n {
		out = append(out, tenant+"/"+string(rune('a'+i%26))+strings.Repeat("x", i/26))
	}
	return out
}

func TestATenantsPassesLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	for name, workers := range map[string]int{"one worker": 1, "three workers": 3, "many workers": 48} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, workers)
				room := c.controller.pool.maxDetached
				c.wake(unitsOf("a", 400)...)
				if got := c.begun["a"]; got < room/2 || got > room/2+2 {
					t.Errorf("%d passes of the first tenant are under way, want half of %d", got, room)
				}
				c.wake(unitsOf("b", 400)...)
				if got := c.begun["b"]; got < 1 || got > room/4+2 {
					t.Errorf("%d passes of the second tenant are under way, want a quarter of %d", got, room)
				}
				c.wake("quick/x")
				if c.begun["quick"] != 1 || c.seen["quick"] != "quick" {
					t.Errorf("%d passes of the third tenant within a second, as tenant %q", c.begun["quick"], c.seen["quick"])
				}
			})
		})
	}
}

func TestAPassThatWaitsForItsTurnReleasesItsWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1)
		c.waker.Wake(Normal, "a/1", "a/2") // the second one waits for an hour
		time.Sleep(time.Millisecond)
		synctest.Wait()
		begun := time.Now()
		c.waker.Wake(Normal, "quick/x")
		for n := range c.notes {
			if n[0] == "quick/x" {
				break
			}
		}
		if took := time.Since(begun); took >= DetachAfter {
			t.Errorf("the only worker was busy for %v", took)
		}
	})
}
