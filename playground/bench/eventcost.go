package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is something that happens in a cluster.
type event struct {
	what string
	// act makes it happen for the nth time; nil: nothing happens.
	act func(ctx context.Context, s *session, n int) error
}

// repeats is how often each event happens. The median is what it costs.
const repeats = 3

// window is how long after an event the controller's work counts as the event's. What the controller does in such a
// time without an event is subtracted.
const window = 1200 * time.Millisecond

// cost is what the controller has used.
type cost struct {
	processor     time.Duration // without the reads of its metrics
	bytes, passes float64
	calls         int
	windows       int // in which it was used
}

// scheduled is the processor time of the controller, by the nanosecond.
func (c *controller) scheduled() (sum time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", c.process.PID()))
	for _, path := range tasks {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(content), " ")
		if n, err := strconv.ParseInt(first, 10, 64); err == nil {
			sum += time.Duration(n)
		}
	}
	return sum
}

// happening measures one event once, with what happens beside it.
func (s *session) happening(ctx context.Context, e event, n int) (cost, error) {
	before, err := s.control.work()
	if err != nil {
		return cost{}, err
	}
	out, mark, since := cost{}, s.endpoint.Recorder.Mark(), s.control.scheduled()
	if e.act != nil {
		if err := e.act(ctx, s, n); err != nil {
			return cost{}, fmt.Errorf("%s: %w", e.what, err)
		}
	}
	for last := before.passes; ; { // until a window passes without a pass
		if err := sleep(ctx, window); err != nil {
			return cost{}, err
		}
		out.processor += s.control.scheduled() - since
		out.windows++
		w, err := s.control.work()
		if err != nil {
			return cost{}, err
		}
		out.bytes, out.passes = w.allocated-before.allocated, w.passes-before.passes
		if w.passes == last && w.busy == 0 || e.act == nil {
			break
		}
		last, since = w.passes, s.control.scheduled()
	}
	out.calls = s.endpoint.Recorder.Mark() - mark
	return out, nil
}

// eventCosts measures events with so many objects, and enters what each costs.
func (s *session) eventCosts(ctx context.Context, r *Result, objects int, events []event) error {
	idle, err := s.windows(ctx)
	if err != nil {
		return err
	}
	r.Curve = append(r.Curve, Point{What: "idle second", Objects: objects, Of: 1, Reads: idle.calls,
		Processor: idle.processor.Seconds() / window.Seconds(), Bytes: idle.bytes / window.Seconds()})
	s.o.Progress(fmt.Sprintf("  %-32s %6s: %8s %8.0f KB, with a read of the metrics", "a second without an event",
		thousands(objects), seconds(idle.processor.Seconds()/window.Seconds()), idle.bytes/1024/window.Seconds()))
	for _, e := range events {
		var all []Point
		for n := range repeats {
			c, err := s.happening(ctx, e, n)
			if err != nil {
				return err
			}
			all = append(all, Point{What: e.what, Objects: objects, Of: 1, Reads: c.calls, Passes: c.passes,
				Processor: max(0, (c.processor - time.Duration(c.windows)*idle.processor).Seconds()),
				Bytes:     max(0, c.bytes-float64(c.windows)*idle.bytes)})
		}
		p := median(all)
		r.Curve = append(r.Curve, p)
		s.o.Progress(fmt.Sprintf("  %-32s %6s: %8s %8.0f KB, %g passes, %d calls", e.what, thousands(objects),
			seconds(p.Processor), p.Bytes/1024, p.Passes, p.Reads))
	}
	return nil
}

// windows is what a window without an event costs, with the reads of the metrics around it.
func (s *session) windows(ctx context.Context) (cost, error) {
	var all []cost
	for n := range repeats {
		c, err := s.happening(ctx, event{}, n)
		if err != nil {
			return cost{}, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b cost) int { return int(a.bytes - b.bytes) })
	return all[len(all)/2], nil
}

// median is the point with the median of each cost.
func median(all []Point) Point {
	out := all[0]
	for _, of := range []func(*Point) *float64{func(p *Point) *float64 { return &p.Processor },
		func(p *Point) *float64 { return &p.Bytes }, func(p *Point) *float64 { return &p.Passes }} {
		var values []float64
		for i := range all {
			values = append(values, *of(&all[i]))
		}
		slices.Sort(values)
		*of(&out) = values[len(values)/2]
	}
	var calls []int
	for _, p := range all {
		calls = append(calls, p.Reads)
	}
	slices.Sort(calls)
	out.Reads = calls[len(calls)/2]
	return out
}
