package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/playground/process"
)

// until repeats f until it says true. The error of one that never does names what was waited for, shows what AWS
// refused last and the end of the controller's log.
func (s *session) until(ctx context.Context, what string, f func(ctx context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	for {
		ok, err := f(ctx)
		if err != nil || ok {
			return err
		}
		if sleep.For(ctx, 10*time.Millisecond) != nil {
			return fmt.Errorf("waited for %s: %w; the end of the controller's log (%s):\n%s", what, ctx.Err(),
				s.control.logPath(), process.Tail(s.control.logPath(), 15))
		}
	}
}

// idle waits until for the time neither AWS nor the controller's queues have had anything to do, and the controller has
// written to no object. It writes statuses beside its queues.
func (s *session) idle(ctx context.Context, quiet time.Duration) error {
	since, passes, requested := time.Now(), -1.0, s.requests.mark()
	var asked time.Time
	return s.until(ctx, "the controller to come to rest", func(context.Context) (bool, error) {
		if time.Since(asked) < quiet/10 { // writing its metrics keeps the controller busy, too
			return false, nil
		}
		asked = time.Now()
		w, err := s.control.work()
		if err != nil {
			return false, err
		}
		writes, _, next, err := s.requests.since(requested)
		if err != nil {
			return false, err
		}
		if w.busy > 0 || w.passes != passes || requestsOfResource(writes, allResources) > 0 {
			since, passes = time.Now(), w.passes
		}
		requested = next
		return time.Since(since) >= quiet && s.endpoint.Recorder.QuietFor() >= quiet, nil
	})
}

// up makes sure that the controller runs and has come to rest.
func (s *session) up(ctx context.Context) error {
	if s.running {
		return nil
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.idle(ctx, 2*settled) // leadership may take a moment
}

// start starts the controller and waits for its health.
func (s *session) start(ctx context.Context) error {
	s.endpoint.Recorder.Restarted()
	if err := s.control.start(); err != nil {
		return err
	}
	s.running = true
	return s.until(ctx, "the controller's health", func(context.Context) (bool, error) { return s.control.healthy() })
}

// queuesRest waits until the controller's queues have been empty, without a pass, for the time.
func (s *session) queuesRest(ctx context.Context, quiet time.Duration) error {
	since, passes := time.Now(), 0.0
	return s.until(ctx, "the queues to be empty", func(ctx context.Context) (bool, error) {
		w, err := s.control.work()
		if err != nil {
			return false, err
		}
		if w.busy > 0 || w.passes != passes || passes == 0 {
			since, passes = time.Now(), w.passes
		}
		return time.Since(since) >= quiet, sleep.For(ctx, quiet/20)
	})
}

// have brings the cluster to so many of a population and none of the others, with everything registered; a nil one
// means none at all.
func (s *session) have(ctx context.Context, of *population, n int) error {
	if err := s.withoutAccelerators(ctx); err != nil {
		return err
	}
	return s.bring(ctx, of, n)
}

// bring is have, whatever the controller serves.
func (s *session) bring(ctx context.Context, of *population, n int) error {
	if err := s.up(ctx); err != nil {
		return err
	}
	changes := false
	for _, p := range populations {
		want := 0
		if p == of {
			want = n
		}
		changes = changes || s.exist[p] != want
		if s.exist[p] > want { // begin again rather than delete a part
			if err := s.deleteAll(ctx, p); err != nil {
				return err
			}
		}
	}
	if !changes {
		return nil
	}
	if err := s.create(ctx, of, n); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// create creates a population up to the number and waits for the status of all of its objects.
func (s *session) create(ctx context.Context, p *population, n int) error {
	if n <= s.exist[p] {
		return nil
	}
	if err := s.work.serve(ctx, n*p.appsEach()); err != nil {
		return err
	}
	if err := s.work.create(ctx, p, s.exist[p], n); err != nil {
		return err
	}
	s.exist[p] = n
	return s.untilShown(ctx)
}

// declared is how many objects declare what exists, and how many target groups that has.
func (s *session) declared() (objects, groups int) {
	for p, n := range s.exist {
		groups += n * p.appsEach()
		for i := range n {
			objects += len(p.objects(i))
		}
	}
	return objects, groups
}

func (s *session) untilShown(ctx context.Context) error {
	want, _ := s.declared()
	return s.until(ctx, "the statuses of all objects", func(context.Context) (bool, error) {
		_, shown := s.work.count()
		return shown == want, s.control.process.Err()
	})
}

func (s *session) deleteAll(ctx context.Context, p *population) error {
	n := s.exist[p]
	s.exist[p] = 0
	if err := s.work.delete(ctx, p, 0, n); err != nil {
		return err
	}
	if err := s.untilGone(ctx); err != nil || p.balanced == nil {
		return err
	}
	return each(ctx, n, func(ctx context.Context, i int) error { return s.work.unbalance(ctx, app(i), p.balanced(i)) })
}

// untilGone waits until what was deleted is gone from Kubernetes: the objects of populations, and bindings.
func (s *session) untilGone(ctx context.Context) error {
	want, groups := s.declared()
	err := s.until(ctx, "the objects to go", func(context.Context) (bool, error) {
		exist, _ := s.work.count()
		return exist == want, s.control.process.Err()
	})
	if err != nil {
		return err
	}
	return s.until(ctx, "the TargetGroupBindings to go", func(ctx context.Context) (bool, error) {
		n, err := s.work.bound(ctx)
		if err != nil || n == groups {
			return n == groups, err
		}
		// a list of thousands takes the machine's time
		return false, sleep.For(ctx, time.Duration(n-groups)*100*time.Microsecond)
	})
}
