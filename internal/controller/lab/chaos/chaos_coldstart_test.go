package chaos

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// TestColdStartWithoutAPIServerConvergesWithinPause has a process end, its objects change, and the
// next process start while the API server does not answer for a minute. Nothing is written to AWS meanwhile; soon
// after, the account is as if it had answered.
func TestColdStartWithoutAPIServerConvergesWithinPause(t *testing.T) {
	t.Parallel()
	scenarios := maps.Clone(crashScenarios)
	maps.Copy(scenarios, certificateScenarios)
	scenarios["nothing has changed"] = func(*lab.Lab) {}
	starts := sample.OneOf(4)
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		change, owning := scenarios[name], certificateScenarios[name] != nil
		for kind, keeps := range map[string]bool{"checkpoints": true, "no checkpoints": false} {
			if keeps != (len(name)%2 == 0) || !starts.Next() {
				continue
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				start := func(away bool) (l *lab.Lab, by map[string]int, took time.Duration) {
					l = lab.CrashLab(t, keeps, owning)
					change(l)
					api, plain := &apiServer{}, l.Client
					api.writes.Store(away)
					api.reads.Store(away)
					l.Client = api.before(plain)
					l.Restart()
					l.Client = plain
					mark, begun := l.Mark(), l.Clock.Now()
					if away {
						l.Pass(time.Minute, l.Beside(), lab.CrashKeys...)
						if w := l.Writes(mark); len(w) > 0 {
							t.Errorf("before the API server answers, AWS is asked to %v", w)
						}
						if api.refused.Load() < 3 {
							t.Errorf("the API server was asked %d times", api.refused.Load())
						}
						begun = l.Clock.Now()
						api.back()
					}
					last := l.Account()
					for range 12 {
						l.Pass(5*time.Second, l.Beside(), lab.CrashKeys...)
						if is := l.Account(); is != last {
							last, took = is, l.Clock.Now().Sub(begun)
						}
					}
					l.CrashWait(2 * time.Minute)
					_, by = l.Counts(mark)
					return l, by, took
				}
				whole, most, usual := start(false)
				l, by, took := start(true)
				if d := lab.LinesApart(l.Account(), whole.Account()); d != "" {
					t.Errorf("the account (+) is not as it would have been (-):\n%s", d)
				}
				if took > usual+queue.LongestAPIPause+5*time.Second {
					t.Errorf("it takes %s after the API server is back, and %s where it never was away", took, usual)
				}
				for _, more := range callsBeyond(withholding(by), withholding(most)) {
					t.Errorf("%s, if the API server answers", more)
				}
				if told := l.Troubles(0); len(told) > 0 {
					t.Errorf("told: %v", told)
				}
			})
		}
	}
}
