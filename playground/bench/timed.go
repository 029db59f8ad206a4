package bench

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// samples is how many endpoints timedReady adds, to half as many apps as there are load balancers in the end.
const (
	samples  = 200
	interval = 25 * time.Millisecond // between two of them; the same app's turn comes every 1.25 s
)

// timedCreation measures until the last load balancer is in a status.
func timedCreation(p *population, n int) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		if err := s.work.serve(ctx, n); err != nil {
			return err
		}
		began := time.Now()
		if err := s.create(ctx, p, n); err != nil {
			return err
		}
		r.Seconds = s.work.lastShown(p.main).Sub(began).Seconds()
		return s.idle(ctx, settled)
	}
}

func timedTouch(p *population) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		mark := s.endpoint.Recorder.Mark()
		if err := s.touch(ctx, p); err != nil {
			return err
		}
		if err := s.idle(ctx, settled); err != nil {
			return err
		}
		calls := slices.DeleteFunc(s.endpoint.Recorder.Since(mark), func(c Call) bool { return c.Look })
		if len(calls) > 0 {
			r.Seconds = lastEnd(calls).Sub(calls[0].Begin).Seconds()
		}
		return nil
	}
}

func timedAttribute(p *population) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		mark, began := s.endpoint.Recorder.Mark(), time.Now()
		if err := s.changeAttribute(ctx, p); err != nil {
			return err
		}
		if err := s.idle(ctx, settled); err != nil {
			return err
		}
		calls := writesOf(s.endpoint.Recorder.Since(mark), "ModifyLoadBalancerAttributes")
		if len(calls) == 0 {
			return errors.New("no ModifyLoadBalancerAttributes was sent")
		}
		r.Seconds = lastEnd(calls).Sub(began).Seconds()
		return nil
	}
}

func timedRestart(ctx context.Context, s *session, r *Result) error {
	s.control.stop()
	s.running = false
	mark, began := s.endpoint.Recorder.Mark(), time.Now()
	if err := s.up(ctx); err != nil {
		return err
	}
	if calls := s.endpoint.Recorder.Since(mark); len(calls) > 0 {
		r.Seconds = lastEnd(calls).Sub(began).Seconds()
	}
	return nil
}

func timedDelete(p *population) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		if err := s.control.grown(ctx); err != nil {
			return err
		}
		mark, began := s.endpoint.Recorder.Mark(), time.Now()
		if err := s.deleteAll(ctx, p); err != nil {
			return err
		}
		ended := time.Now()
		if err := s.idle(ctx, 2*settled); err != nil {
			return err
		}
		if calls := writesOf(s.endpoint.Recorder.Since(mark), ""); len(calls) > 0 && lastEnd(calls).After(ended) {
			ended = lastEnd(calls)
		}
		r.Seconds = ended.Sub(began).Seconds()
		return nil
	}
}

// timedGroup measures until each status and all targets of a load balancer of many are there.
func timedGroup(p *population, n int) measure {
	return func(ctx context.Context, s *session, r *Result) error {
		if err := s.work.serve(ctx, n); err != nil {
			return err
		}
		mark, began := s.endpoint.Recorder.Mark(), time.Now()
		if err := s.create(ctx, p, n); err != nil {
			return err
		}
		ended := s.work.lastShown(watched...)
		if err := s.idle(ctx, settled); err != nil {
			return err
		}
		if calls := writesOf(s.endpoint.Recorder.Since(mark), "RegisterTargets"); len(calls) > 0 &&
			lastEnd(calls).After(ended) {
			ended = lastEnd(calls)
		}
		r.Seconds = ended.Sub(began).Seconds()
		return nil
	}
}

// timedReady makes endpoints ready one by one while load balancers are being created, and measures from the moment
// before the API server gets the change to the moment when RegisterTargets arrives.
func timedReady(ctx context.Context, s *session, r *Result) error {
	apps, rounds := s.exist[ingresses], samples/s.exist[ingresses]
	if err := s.work.serve(ctx, many); err != nil {
		return err
	}
	mark := s.endpoint.Recorder.Mark()
	told := make(map[string]time.Time, samples)
	type next struct {
		app string
		add func() error
	}
	var turns []next
	for range rounds {
		for i := range apps {
			name := app(i)
			more, err := s.work.grow(ctx, name, 1)
			if err != nil {
				return err
			}
			turns = append(turns, next{name, func() error {
				told[more[0].Addresses[0]] = time.Now()
				return s.work.ready(ctx, name, more...)
			}})
		}
	}
	g, creating := errgroup.WithContext(ctx)
	g.Go(func() error { return s.create(creating, ingresses, many) })
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for _, turn := range turns {
		select {
		case <-tick.C:
		case <-creating.Done():
			return g.Wait()
		}
		if err := turn.add(); err != nil {
			return err
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.idle(ctx, settled); err != nil {
		return err
	}
	var took []float64
	for _, c := range writesOf(s.endpoint.Recorder.Since(mark), "RegisterTargets") {
		for _, id := range c.Targets {
			if at, ok := told[id]; ok {
				took = append(took, c.Begin.Sub(at).Seconds())
				delete(told, id)
			}
		}
	}
	if len(told) > 0 {
		return errors.New("not every endpoint was registered")
	}
	slices.Sort(took)
	at := func(percent int) float64 { return took[(len(took)-1)*percent/100] }
	r.Seconds, r.Spread = at(99), map[string]float64{"p50": at(50), "p90": at(90), "p100": at(100)}
	return nil
}

func lastEnd(calls []Call) time.Time {
	var last time.Time
	for _, c := range calls {
		if c.End.After(last) {
			last = c.End
		}
	}
	return last
}
