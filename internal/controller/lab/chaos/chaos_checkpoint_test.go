package chaos

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// mortal ends a process at one of the writes of its checkpoints: no later one has an effect.
type mortal struct {
	at     int         // the write to end at, counted from 1; 0 = none
	how    mortalWrite // what becomes of it
	mu     sync.Mutex  // over the rest: ConfigMaps are written side by side
	n      int
	dead   bool
	doomed bool // the process ends when the round of writes does
}

type mortalWrite string

const (
	beforeWrite mortalWrite = "before"
	afterWrite  mortalWrite = "after"
	lostWrite   mortalWrite = "with the loss of" // the other writes of its round have their effect
)

func (m *mortal) write(o client.Object, write func() error) error {
	if _, is := o.(*corev1.ConfigMap); !is {
		return write()
	}
	m.mu.Lock()
	if m.dead {
		m.mu.Unlock()
		return context.Canceled
	}
	m.n++
	last := m.n == m.at
	m.doomed = m.doomed || last && m.how == lostWrite
	m.dead = last && m.how != lostWrite
	m.mu.Unlock()
	switch {
	case !last, m.how == afterWrite:
		return write()
	case m.how == lostWrite:
		return lab.ErrAway
	}
	return context.Canceled
}

// before returns a client through which a process writes.
func (m *mortal) before(t *testing.T, inner client.Client) client.Client {
	t.Helper()
	whole, ok := inner.(client.WithWatch)
	if !ok {
		t.Fatal("a client that cannot watch")
	}
	return interceptor.NewClient(whole, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return m.write(o, func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return m.write(o, func() error { return c.Update(ctx, o, opts...) })
		},
	})
}

// ended reports whether the process has come to its end, after a round of writes.
func (m *mortal) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead || m.doomed
}

// mortalLife carries a change out in a life that writes its checkpoints after each round of passes, and begins another
// one that ends nowhere. It returns the calls that changed something in AWS, by action.
func mortalLife(l *lab.Lab, m *mortal, change func(*lab.Lab), signal bool) map[string]int {
	l.Helper()
	plain := l.Client
	begin := func() {
		l.Client = m.before(l.T, plain)
		l.Restart()
		l.Client = plain
	}
	begin()
	mark := l.Mark()
	change(l)
	for range 6 {
		if m.ended() {
			break
		}
		l.PassOnce(l.Context(), lab.CrashKeys...)
		l.Clock.Advance(checkpoint.WriteInterval)
		_ = l.Checkpointer.Store.Flush(l.Context()) // what fails is written by the next one
	}
	if signal && !m.ended() {
		l.End()
	}
	if !m.ended() {
		begin()
	}
	if m.ended() {
		l.Restart()
	}
	l.CrashWait(3 * time.Minute)
	_, by := l.Counts(mark)
	for _, action := range l.Reads(mark) {
		delete(by, action)
	}
	return by
}

// TestCrashAtAnyCheckpointWriteConverges ends the process before and after each write of a
// ConfigMap of the checkpoints in turn, those at its start and at its end included, and without one of several.
func TestCrashAtAnyCheckpointWriteConverges(t *testing.T) {
	t.Parallel()
	scenarios := maps.Clone(crashScenarios)
	maps.Copy(scenarios, certificateScenarios)
	lives := sample.OneOf(5)
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		change := scenarios[name]
		for turn, signal := range []bool{false, true} {
			if !lives.Next() {
				continue
			}
			end := map[bool]string{false: "a kill", true: "a signal"}[signal]
			t.Run(name+", then "+end, func(t *testing.T) {
				t.Parallel()
				owning := certificateScenarios[name] != nil
				whole, never := lab.CrashLab(t, true, owning), &mortal{}
				most := mortalLife(whole, never, change, signal)
				want := whole.Account()
				if never.n < 3 {
					t.Fatalf("%d writes", never.n)
				}
				crashes := sample.OneOf(2)
				for at := 1; at <= never.n; at++ {
					for n, how := range []mortalWrite{beforeWrite, afterWrite, lostWrite} {
						if (at+8*n+12*turn+len(name))%24 != 0 || !crashes.Next() {
							continue
						}
						l := lab.CrashLab(t, true, owning)
						by := mortalLife(l, &mortal{at: at, how: how}, change, signal)
						if d := lab.LinesApart(l.Account(), want); d != "" {
							t.Errorf("a crash %s write %d ends with (+) instead of (-):\n%s", how, at, d)
						}
						for _, more := range callsBeyond(by, most) {
							t.Errorf("a crash %s write %d: %s without", how, at, more)
						}
						if told := l.Troubles(0); len(told) > 0 {
							t.Errorf("a crash %s write %d warns: %v", how, at, told)
						}
					}
				}
			})
		}
	}
}
