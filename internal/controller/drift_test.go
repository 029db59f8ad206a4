package controller

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// sky is what a sweep looks at, and what it did, in steps of time.
type sky struct {
	sweep
	stackKeys []stack.Key
	bindings  map[types.NamespacedName]string
	drifted   bool
	fails     bool
	looks     []string
	woken     []string
}

func newSky(every time.Duration) *sky {
	s := &sky{bindings: map[types.NamespacedName]string{}}
	now := time.Unix(0, 0)
	s.sweep = sweep{
		every: every, now: func() time.Time { return now }, jitter: func() float64 { return 1 }, log: logr.Discard(),
		stacks:  func() []stack.Key { return s.stackKeys },
		targets: func(context.Context) map[types.NamespacedName]string { return s.bindings },
		reread: func(_ context.Context, key stack.Key) (bool, error) {
			s.looks = append(s.looks, key.ID.Name)
			if s.fails {
				return false, errors.New("no")
			}
			return true, nil
		},
		recheck: func(_ context.Context, arn string) ([]targets.Health, bool, error) {
			s.looks = append(s.looks, arn)
			return nil, s.drifted, nil
		},
		wake:   func(key stack.Key) { s.woken = append(s.woken, key.ID.Name) },
		rebind: func(n types.NamespacedName) { s.woken = append(s.woken, n.Name) },
		seen:   func(string, []targets.Health) {},
	}
	return s
}

// run lets time pass.
func (s *sky) run(ctx context.Context, d time.Duration) {
	now := s.now()
	s.now = func() time.Time { return now }
	for end := now.Add(d); now.Before(end); {
		now = now.Add(driftPace)
		s.tick(ctx)
	}
}

func keyNamed(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

func TestTheSweepLooksAtEverythingOncePerInterval(t *testing.T) {
	t.Parallel()
	s := newSky(time.Hour)
	s.stackKeys = []stack.Key{keyNamed("a"), keyNamed("b")}
	s.bindings[types.NamespacedName{Namespace: "shop", Name: "x"}] = "arn:x"
	s.run(t.Context(), 59*time.Minute)
	if len(s.looks) != 0 {
		t.Errorf("looked before an interval had passed: %v", s.looks)
	}
	s.run(t.Context(), 61*time.Minute)
	slices.Sort(s.looks)
	if d := cmp.Diff([]string{"a", "arn:x", "b"}, s.looks); d != "" {
		t.Error(d)
	}
	slices.Sort(s.woken)
	if d := cmp.Diff([]string{"a", "b"}, s.woken); d != "" { // a pass tells about stacks; of targets the sweep itself can
		t.Error(d)
	}
	s.looks, s.woken, s.drifted = nil, nil, true
	s.run(t.Context(), time.Hour)
	if len(s.looks) != 3 || !slices.Contains(s.woken, "x") {
		t.Errorf("looks %v, woken %v", s.looks, s.woken)
	}
}

func TestTheSweepKeepsItsPaceHoweverMuchThereIs(t *testing.T) {
	t.Parallel()
	s := newSky(time.Minute)
	for n := range 200 {
		s.stackKeys = append(s.stackKeys, keyNamed(string(rune('a'+n))))
	}
	s.run(t.Context(), 2*time.Minute)
	s.looks = nil
	s.run(t.Context(), 10*time.Minute)
	if most := int(10 * time.Minute / driftPace); len(s.looks) > most || len(s.looks) < most*9/10 {
		t.Errorf("%d looks in ten minutes, want nearly %d", len(s.looks), most)
	}
	counts := map[string]int{}
	for _, l := range s.looks[:200] {
		counts[l]++
	}
	if len(counts) != 200 {
		t.Errorf("of 200 looks, only %d were at different stacks", len(counts))
	}
}

func TestALookThatFailsWakesNobody(t *testing.T) {
	t.Parallel()
	s := newSky(time.Minute)
	s.stackKeys, s.fails = []stack.Key{keyNamed("a")}, true
	s.run(t.Context(), 5*time.Minute)
	if len(s.looks) == 0 || len(s.woken) != 0 {
		t.Errorf("looks %v, woken %v", s.looks, s.woken)
	}
	s.stackKeys = nil
	s.run(t.Context(), 5*time.Minute)
	if len(s.looked) != 0 {
		t.Error("what is gone is remembered")
	}
}

func TestUrgentWorkOvertakesTheRest(t *testing.T) {
	t.Parallel()
	q := priorityqueue.New[string]("test")
	defer q.ShutDown()
	enqueue[string](q, 0, drift, "drift")
	enqueue[string](q, 0, bulk, "node")
	enqueue[string](q, 0, normal, "endpoint")
	enqueue[string](q, 0, urgent, "edit")
	enqueue[string](q, 0, drift, "promoted")
	enqueue[string](q, 0, urgent, "promoted")
	var got []string
	for range 5 {
		item, _ := q.Get()
		got = append(got, item)
		q.Done(item)
	}
	if d := cmp.Diff([]string{"edit", "promoted", "endpoint", "node", "drift"}, got); d != "" {
		t.Error(d)
	}
}
