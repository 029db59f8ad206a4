package controller

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
)

// TestAColdStartWithoutAPIServerTakesNothingAndConvergesWithinItsPause has a process end, its objects change, and the next process start while
// the API server does not answer for a minute. Nothing is written to AWS meanwhile; soon after, the account is as if it had answered.
func TestAColdStartWithoutAPIServerTakesNothingAndConvergesWithinItsPause(t *testing.T) {
	t.Parallel()
	scenarios := maps.Clone(crashScenarios)
	maps.Copy(scenarios, certificateScenarios)
	scenarios["nothing has changed"] = func(*lab) {}
	starts := oneOf(4)
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		change, owning := scenarios[name], certificateScenarios[name] != nil
		for kind, keeps := range map[string]bool{"checkpoints": true, "no checkpoints": false} {
			if !everyFault && keeps != (len(name)%2 == 0) || !starts.Next() {
				continue
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				start := func(away bool) (l *lab, by map[string]int, took time.Duration) {
					l = crashLab(t, keeps, owning)
					change(l)
					api, plain := &apiServer{}, l.client
					api.writes.Store(away)
					api.reads.Store(away)
					l.client = api.before(plain)
					l.restart()
					l.client = plain
					mark, begun := l.mark(), l.clock.Now()
					if away {
						l.pass(time.Minute, l.beside(), crashKeys...)
						if w := l.writes(mark); len(w) > 0 {
							t.Errorf("before the API server answers, AWS is asked to %v", w)
						}
						if api.refused.Load() < 3 {
							t.Errorf("the API server was asked %d times", api.refused.Load())
						}
						begun = l.clock.Now()
						api.back()
					}
					last := l.account()
					for range 12 {
						l.pass(5*time.Second, l.beside(), crashKeys...)
						if is := l.account(); is != last {
							last, took = is, l.clock.Now().Sub(begun)
						}
					}
					l.crashWait(2 * time.Minute)
					_, by = l.counts(mark)
					return l, by, took
				}
				whole, most, usual := start(false)
				l, by, took := start(true)
				if d := linesApart(l.account(), whole.account()); d != "" {
					t.Errorf("the account (+) is not as it would have been (-):\n%s", d)
				}
				if took > usual+queue.LongestAPIPause+5*time.Second {
					t.Errorf("it takes %s after the API server is back, and %s where it never was away", took, usual)
				}
				for _, more := range callsBeyond(withholding(by), withholding(most)) {
					t.Errorf("%s, if the API server answers", more)
				}
				if told := l.troubles(0); len(told) > 0 {
					t.Errorf("told: %v", told)
				}
			})
		}
	}
}

// beside is what runs beside the passes of a process that has just started: checkpoints that could not be opened are tried again.
func (l *lab) beside() []loop {
	return []loop{
		{15 * time.Second, func(ctx context.Context) { l.bound.Drains.Look(ctx) }},
		{checkpoint.WriteInterval, func(ctx context.Context) {
			if l.checkpointer != nil {
				_, _ = l.checkpointer.Write(ctx)
			}
		}},
	}
}
