package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

const touchKey = "bench.example.com/touched"

func measureStart(ctx context.Context, s *session, _ *Result) error {
	if s.running {
		return fmt.Errorf("the controller runs already")
	}
	return s.up(ctx)
}

// measure is what a row does once it is prepared.
type measure = func(context.Context, *session, *Result) error

// resting measures an act and what the controller does of it until it rests.
func resting(act func(ctx context.Context, s *session) error) measure {
	return func(ctx context.Context, s *session, _ *Result) error {
		if err := act(ctx, s); err != nil {
			return err
		}
		return s.idle(ctx, settled)
	}
}

func creating(p *population, n int) measure {
	return resting(func(ctx context.Context, s *session) error { return s.create(ctx, p, n) })
}

// touch changes an annotation without a reader on all objects of a population.
func (s *session) touch(ctx context.Context, p *population) error {
	s.edits++
	return s.work.touch(ctx, p, s.exist[p], touchKey, fmt.Sprint(s.edits))
}

func touching(p *population) measure {
	return resting(func(ctx context.Context, s *session) error { return s.touch(ctx, p) })
}

// changeAttribute gives an attribute of one load balancer another value.
func (s *session) changeAttribute(ctx context.Context, p *population) error {
	s.attributes++
	return s.work.edit(ctx, p.attribute(configured, s.attributes))
}

func changingAttribute(p *population) measure {
	return resting(func(ctx context.Context, s *session) error { return s.changeAttribute(ctx, p) })
}

func addingPath(p *population) measure {
	return resting(func(ctx context.Context, s *session) error { return s.work.edit(ctx, p.path(many/3)) })
}

func addingPort(p *population) measure {
	return resting(func(ctx context.Context, s *session) error { return s.work.edit(ctx, p.port(many/3)) })
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

// givenBack is how long the controller rests before its memory is read: it gives back what a burst of work needed ten
// seconds after the last time.
const givenBack = 12 * time.Second

func measureMemory(ctx context.Context, s *session, r *Result) (err error) {
	if err := sleep.For(ctx, givenBack); err != nil {
		return err
	}
	r.Bytes, err = s.control.resident()
	return err
}

// measureCrowd reads the memory of a controller that has a large cluster to keep in mind, once it has registered every
// pod and its queues are empty. It does not wait for AWS to be left alone: the health of a thousand target groups takes
// a while to look at.
func measureCrowd(ctx context.Context, s *session, r *Result) error {
	mark := s.endpoint.Recorder.Mark()
	if err := s.work.crowd(ctx, crowd, func(int) int { return podsOfCrowd }); err != nil {
		return err
	}
	if err := s.create(ctx, ingresses, crowd); err != nil {
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

// measureLargeRestart ends the controller and starts it again, until its queues are empty and stay so. It does not wait
// for AWS to be left alone: the search for drift begins a minute later, with what the earlier process left.
func measureLargeRestart(ctx context.Context, s *session, _ *Result) error {
	s.control.stop()
	s.running = false
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.queuesRest(ctx, 2*settled)
}

// beforeSweep is longer than the controller waits after a start until it looks for drift, and sweepTime how long its
// reads are counted.
const (
	beforeSweep = 75 * time.Second
	sweepTime   = time.Minute
)

// havingRestarted prepares a controller that was just started: it looks for drift, one read a second, only a minute
// later.
func havingRestarted(p *population, n int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if err := having(p, n)(ctx, s); err != nil {
			return err
		}
		return measureRestart(ctx, s, nil)
	}
}

// havingRestartedCrowd prepares a controller that was started beforeSweep ago, with the largest cluster.
func havingRestartedCrowd(ctx context.Context, s *session) error {
	if err := havingCrowd(ctx, s); err != nil {
		return err
	}
	began := time.Now()
	if err := measureLargeRestart(ctx, s, nil); err != nil {
		return err
	}
	return sleep.For(ctx, beforeSweep-time.Since(began))
}

func measureSweep(ctx context.Context, _ *session, _ *Result) error { return sleep.For(ctx, sweepTime) }

func deleting(p *population) measure {
	return func(ctx context.Context, s *session, _ *Result) error {
		if err := s.deleteAll(ctx, p); err != nil {
			return err
		}
		return s.idle(ctx, 2*settled) // what is deleted last may be tried again after a pause
	}
}

// deletingLast deletes the last one of a population.
func deletingLast(p *population) measure {
	return resting(func(ctx context.Context, s *session) error {
		last := s.exist[p] - 1
		s.exist[p] = last
		if err := s.work.delete(ctx, p, last, last+1); err != nil {
			return err
		}
		return s.untilGone(ctx)
	})
}

func measureReorder(ctx context.Context, s *session) error {
	return s.work.edit(ctx, annotation(ingressResource, member(many/2), "alb.ingress.kubernetes.io/group.order", "10"))
}

// creatingThrottled creates a population while AWS refuses what comes faster than it publishes.
func creatingThrottled(p *population, n int) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		if s.endpoint.simulator == nil {
			return errors.New("throttling needs the simulator: leave --endpoint out, or the row")
		}
		gate := s.endpoint.simulator.Gate
		gate.SetThrottle(true)
		defer gate.SetThrottle(false)
		began := time.Now()
		if err := s.create(ctx, p, n); err != nil {
			return err
		}
		if err := s.idle(ctx, 2*settled); err != nil {
			return err
		}
		r.Seconds = (time.Since(began) - 2*settled).Seconds()
		return nil
	}
}
