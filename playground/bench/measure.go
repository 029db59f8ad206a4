package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const touchKey = "bench.example.com/touched"

func measureStart(ctx context.Context, s *session, _ *Result) error {
	if s.running {
		return fmt.Errorf("the controller runs already")
	}
	return s.up(ctx)
}

func creating(n int) func(context.Context, *session, *Result) error {
	return func(ctx context.Context, s *session, _ *Result) error {
		if err := s.createAlone(ctx, n); err != nil {
			return err
		}
		return s.idle(ctx, settled)
	}
}

// touch changes an annotation that nobody reads on each of n Ingresses.
func (s *session) touch(ctx context.Context, name func(int) string, n int) error {
	s.edits++
	value := fmt.Sprint(s.edits)
	return each(ctx, n, func(ctx context.Context, i int) error { return s.work.annotate(ctx, name(i), touchKey, value) })
}

func measureTouch(ctx context.Context, s *session, _ *Result) error {
	if err := s.touch(ctx, app, many); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

func measureTouchGroup(ctx context.Context, s *session, _ *Result) error {
	if err := s.touch(ctx, member, many); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// changeAttribute gives one load balancer another idle timeout.
func (s *session) changeAttribute(ctx context.Context) error {
	s.edits++
	return s.work.annotate(ctx, app(many/2), "alb.ingress.kubernetes.io/load-balancer-attributes",
		fmt.Sprintf("idle_timeout.timeout_seconds=%d", 60+s.edits))
}

func measureAttribute(ctx context.Context, s *session, _ *Result) error {
	if err := s.changeAttribute(ctx); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

func measurePath(ctx context.Context, s *session, _ *Result) error {
	name := app(many / 3)
	if err := s.work.addPath(ctx, name, name, "/api"); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

func measureScale(ctx context.Context, s *session, _ *Result) error {
	name := app(many / 4)
	more, err := s.work.grow(ctx, name, 10)
	if err != nil {
		return err
	}
	// Kubernetes writes endpoints in bursts as pods become ready.
	if err := s.work.ready(ctx, name, more[:5]...); err != nil {
		return err
	}
	if err := s.work.ready(ctx, name, more[5:]...); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

func measureMemory(_ context.Context, s *session, r *Result) (err error) {
	r.Bytes, err = s.control.resident()
	return err
}

// measureCrowd reads the memory of a controller that has a large cluster to keep in mind, once it has registered every pod and
// its queues are empty. It does not wait for AWS to be left alone: the health of a thousand target groups takes a while to look at.
func measureCrowd(ctx context.Context, s *session, r *Result) error {
	mark := s.endpoint.Recorder.Mark()
	if err := s.work.crowd(ctx, crowd, podsOfCrowd); err != nil {
		return err
	}
	if err := s.createAlone(ctx, crowd); err != nil {
		return err
	}
	var looked time.Time
	err := s.until(ctx, "the registration of all pods", func(context.Context) (bool, error) {
		if time.Since(looked) < settled { // there are many calls to look through
			return false, nil
		}
		looked = time.Now()
		registered := 0
		for _, c := range writesOf(s.endpoint.Recorder.Since(mark), "RegisterTargets") {
			registered += len(c.Targets)
		}
		w, err := s.control.work()
		return registered >= crowd*podsOfCrowd && w.busy == 0, err
	})
	if err != nil {
		return err
	}
	return measureMemory(ctx, s, r)
}

func measureRestart(ctx context.Context, s *session, _ *Result) error {
	s.control.stop()
	s.running = false
	return s.up(ctx)
}

func measureDelete(ctx context.Context, s *session, _ *Result) error {
	if err := s.deleteAll(ctx); err != nil {
		return err
	}
	return s.idle(ctx, 2*settled) // what is deleted last may be tried again after a pause
}

func measureGroup(ctx context.Context, s *session, _ *Result) error {
	if err := s.createMembers(ctx, many); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

func measureReorder(ctx context.Context, s *session, _ *Result) error {
	if err := s.work.annotate(ctx, member(many/2), "alb.ingress.kubernetes.io/group.order", "10"); err != nil {
		return err
	}
	return s.idle(ctx, settled)
}

// throttledGroup creates the group while AWS refuses what comes faster than it publishes.
func throttledGroup(ctx context.Context, s *session, r *Result) error {
	if s.endpoint.simulator == nil {
		return errors.New("throttling needs the simulator: leave --endpoint out, or the row")
	}
	gate := s.endpoint.simulator.Gate
	gate.SetThrottle(true)
	defer gate.SetThrottle(false)
	began := time.Now()
	if err := s.createMembers(ctx, many); err != nil {
		return err
	}
	if err := s.idle(ctx, 2*settled); err != nil {
		return err
	}
	r.Seconds = (time.Since(began) - 2*settled).Seconds()
	return nil
}
