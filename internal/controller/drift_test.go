package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/callbudget"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

const labRole = "arn:aws:iam::222222222222:role/targets" // of another account

// scene is a detector with the units that it checks and a record of what it did, in steps of time.
type scene struct {
	DriftDetector
	stackKeys  []stack.Key
	bindings   map[types.NamespacedName]registrar.Group
	price      int // reads of a look at a stack
	unverified []stack.Key
	drifted    bool
	fails      bool
	looks      []string
	woken      []string
	counted    int // times that targets were found changed
}

func newScene(interval time.Duration) *scene {
	s := &scene{bindings: map[types.NamespacedName]registrar.Group{}, price: 1}
	now := time.Unix(0, 0)
	s.DriftDetector = DriftDetector{
		tags:     func(context.Context) (bool, error) { return false, nil },
		interval: interval, now: func() time.Time { return now }, jitter: func() float64 { return 1 }, log: logr.Discard(),
		stacks:  func() []stack.Key { return s.stackKeys },
		targets: func(context.Context) map[types.NamespacedName]registrar.Group { return s.bindings },
		reread: func(_ context.Context, key stack.Key) (bool, error) {
			s.looks = append(s.looks, key.ID.Name)
			if s.fails {
				return false, errors.New("no")
			}
			return true, nil
		},
		recheck: func(_ context.Context, of registrar.Group) ([]registrar.Health, bool, error) {
			s.looks = append(s.looks, of.ARN)
			return nil, s.drifted, nil
		},
		cost:        func(stack.Key) int { return s.price },
		assumed:     func() []stack.Key { return s.unverified },
		wake:        func(key stack.Key) { s.woken = append(s.woken, key.ID.Name) },
		wakeBinding: func(n types.NamespacedName) { s.woken = append(s.woken, n.Name) },
		record:      func(string, []registrar.Health) {},
		found:       func() { s.counted++ },
		exists: func(_ context.Context, x driftUnit) bool {
			return slices.Contains(s.stackKeys, x.stack) || x.group != (registrar.Group{}) && s.bindings[x.binding] == x.group
		},
	}
	return s
}

// run lets time pass.
func (s *scene) run(ctx context.Context, d time.Duration) {
	now := s.now()
	s.now = func() time.Time { return now }
	for end := now.Add(d); now.Before(end); {
		now = now.Add(checkPause)
		s.tick(ctx)
	}
}

func keyNamed(name string) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: name}}
}

func TestTheSweepLooksAtEverythingOncePerInterval(t *testing.T) {
	t.Parallel()
	s := newScene(time.Hour)
	s.run(t.Context(), RelistDelay) // of a leader that has long been one
	s.stackKeys = []stack.Key{keyNamed("a"), keyNamed("b")}
	s.bindings[types.NamespacedName{Namespace: "shop", Name: "x"}] = registrar.Group{ARN: "arn:x"}
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
	// what changed of a stack is known after a pass; of targets the check reports it
	if d := cmp.Diff([]string{"a", "b"}, s.woken); d != "" {
		t.Error(d)
	}
	s.looks, s.woken, s.drifted = nil, nil, true
	s.run(t.Context(), time.Hour)
	if len(s.looks) != 3 || !slices.Contains(s.woken, "x") || s.counted != 1 {
		t.Errorf("looks %v, woken %v, counted %d times", s.looks, s.woken, s.counted)
	}
}

func TestTargetsOfFormerLeaderAreReviewedWithinTenMinutes(t *testing.T) {
	t.Parallel()
	s := newScene(12 * time.Hour)
	s.drifted, s.stackKeys = true, []stack.Key{keyNamed("a")}
	n := 0
	s.jitter = func() float64 { n++; return 0.5 + float64(n%50)/50 }
	for n := range 50 {
		s.bindings[types.NamespacedName{Namespace: "shop", Name: fmt.Sprint("x", n)}] = registrar.Group{
			ARN: fmt.Sprint("arn:x", n)}
	}
	s.run(t.Context(), verificationDelay-checkPause)
	if len(s.looks) != 0 {
		t.Errorf("looked at %v beside the start", s.looks)
	}
	s.run(t.Context(), RelistDelay/2)
	if len(s.looks) < 10 || len(s.looks) > 40 {
		t.Errorf("%d of 50 looks in half the time: they are not spread", len(s.looks))
	}
	s.run(t.Context(), 3*time.Hour)
	slices.Sort(s.looks)
	if looks := len(s.looks); looks != 50 || len(slices.Compact(s.looks)) != 50 || len(s.woken) != 50 {
		t.Errorf("%d looks at %d groups, %d of them drifted; want one at each of 50", looks, len(slices.Compact(s.looks)),
			len(s.woken))
	}
}

func TestTargetsOfCrashedLeaderAreReviewedAfterTenSeconds(t *testing.T) {
	t.Parallel()
	for what, crashed := range map[string]bool{"a leader that crashed": true, "one that ended in order": false} {
		s := newScene(12 * time.Hour)
		s.crashed = func() bool { return crashed }
		s.drifted, s.stackKeys = true, []stack.Key{keyNamed("a")}
		n := 0
		s.jitter = func() float64 { n++; return 0.5 + float64(n%50)/50 }
		for n := range 50 {
			s.bindings[types.NamespacedName{Namespace: "shop", Name: fmt.Sprint("x", n)}] = registrar.Group{
				ARN: fmt.Sprint("arn:x", n)}
		}
		s.run(t.Context(), lateDelay)
		if len(s.looks) != 0 {
			t.Errorf("%s: looked at %v before late calls have arrived", what, s.looks)
		}
		const reads = 50 // one a second
		s.run(t.Context(), reads*readPause+checkPause)
		if looks := len(s.looks); crashed && looks != reads || !crashed && looks > 10 {
			t.Errorf("%s: %d looks in the first minute", what, looks)
		}
		s.run(t.Context(), 3*time.Hour)
		slices.Sort(s.looks)
		if looks := len(s.looks); looks != 50 || len(slices.Compact(s.looks)) != 50 || len(s.woken) != 50 {
			t.Errorf("%s: %d looks at 50 groups in three hours, %d of them drifted", what, looks, len(s.woken))
		}
	}
}

func TestTheSweepKeepsItsPaceHoweverMuchThereIs(t *testing.T) {
	t.Parallel()
	s := newScene(time.Minute)
	s.price = 12
	for n := range 200 {
		s.stackKeys = append(s.stackKeys, keyNamed(string(rune('a'+n))))
		s.bindings[types.NamespacedName{Namespace: "shop", Name: string(rune('a' + n))}] = registrar.Group{
			ARN: "arn:" + string(rune('a'+n))}
	}
	s.run(t.Context(), 2*time.Minute)
	s.looks = nil
	const d = 2 * time.Hour
	s.run(t.Context(), d)
	reads, counts := 0, map[string]int{}
	for _, l := range s.looks {
		counts[l]++
		if reads++; !strings.HasPrefix(l, "arn:") {
			reads += 11
		}
	}
	if most := int(d / time.Second); reads > most+12 || reads < most*9/10 {
		t.Errorf("%d reads in two hours, want nearly %d", reads, most)
	}
	for _, n := range counts {
		if n < 2 || n > 4 {
			t.Fatalf("not all are looked at equally often: %v", counts)
		}
	}
	if len(counts) != 400 {
		t.Errorf("only %d were looked at", len(counts))
	}
}

func TestThousandLoadBalancersAreReviewedWithinFiveHours(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("five hours of a thousand load balancers")
	}
	s := newScene(time.Hour)
	s.price = 12
	for n := range 1000 {
		name := fmt.Sprint("web-", n)
		s.stackKeys = append(s.stackKeys, keyNamed(name))
		s.bindings[types.NamespacedName{Namespace: "shop", Name: name}] = registrar.Group{ARN: "arn:" + name}
	}
	seen, most := map[string]bool{}, 0
	for range 5 {
		s.looks = nil
		s.run(t.Context(), time.Hour)
		reads := 0
		for _, l := range s.looks {
			seen[l] = true
			if reads++; !strings.HasPrefix(l, "arn:") {
				reads += s.price - 1
			}
		}
		most = max(most, reads)
	}
	if len(seen) != 2000 || most > 3600+s.price || most < 3000 {
		t.Errorf("%d of 2000 were looked at in five hours, with %d reads in an hour at most", len(seen), most)
	}
	t.Logf("%.2f reads a second", float64(most)/3600)
}

func TestTheSweepLogsThatARoundTakesTooLong(t *testing.T) {
	t.Parallel()
	s := newScene(time.Minute)
	said := 0
	s.log = funcr.New(func(string, string) { said++ }, funcr.Options{})
	s.stackKeys, s.price = []stack.Key{keyNamed("a"), keyNamed("b")}, 12*3600/2
	s.run(t.Context(), 10*time.Minute)
	if said != 0 {
		t.Errorf("said %d times that 12 hours are too long", said)
	}
	s.price++
	s.run(t.Context(), 24*time.Hour)
	if said != 1 {
		t.Errorf("said %d times that a round takes too long", said)
	}
}

// TestWhatIsOnlyAssumedIsVerifiedFirst has the ordinary checks of stacks due after a quarter, a half and nearly all of
// the time to come.
func TestWhatIsOnlyAssumedIsVerifiedFirst(t *testing.T) {
	t.Parallel()
	for _, jitter := range []float64{0.75, 1, 1.4} {
		s := newScene(time.Hour)
		s.jitter = func() float64 { return jitter }
		s.price = 10
		s.stackKeys = []stack.Key{keyNamed("a"), keyNamed("b"), keyNamed("c")}
		s.unverified = []stack.Key{keyNamed("b"), keyNamed("c")}
		s.run(t.Context(), verificationDelay-2*checkPause)
		if len(s.looks) > 0 {
			t.Errorf("looked at %v beside the start", s.looks)
		}
		s.run(t.Context(), 20*time.Second)
		if d := cmp.Diff([]string{"b", "c"}, s.looks); d != "" {
			t.Errorf("jitter %.2f: %s", jitter, d)
		}
	}
}

func TestAnEditBringsTheLookForward(t *testing.T) {
	t.Parallel()
	s := newScene(12 * time.Hour)
	s.stackKeys = []stack.Key{keyNamed("a"), keyNamed("b")}
	s.run(t.Context(), time.Minute)
	s.Schedule(keyNamed("b"))
	s.Schedule(keyNamed("b"))
	s.run(t.Context(), time.Minute)
	if d := cmp.Diff([]string{"b"}, s.looks); d != "" {
		t.Error(d)
	}
}

// TestIdleSecondCostsTheSameHoweverMuchThereIs shows that a tick between two looks at all units pays for none of them.
func TestIdleSecondCostsTheSameHoweverMuchThereIs(t *testing.T) { // not parallel: it counts bytes
	for since, what := range map[time.Duration]string{time.Hour: "bytes of an idle second, by load balancers",
		verificationDelay / 2: "the same, soon after the start"} {
		growth.AtMost(t, growth.Constant, what, func(n int) float64 {
			s := newScene(24 * time.Hour)
			s.begun = s.now().Add(-since)
			for i := range n {
				s.stackKeys = append(s.stackKeys, keyNamed(fmt.Sprint("app-", i)))
			}
			spent := growth.Bytes(func() { s.tick(t.Context()) })
			if len(s.checked) != n || len(s.looks) > 0 {
				t.Errorf("%d of %d units known, %d checks", len(s.checked), n, len(s.looks))
			}
			return spent
		})
	}
}

// TestCheckOfAnEditCostsTheSameHoweverMuchThereIs shows that the check of a stack that was edited pays for no other.
func TestCheckOfAnEditCostsTheSameHoweverMuchThereIs(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of the check after an edit, by load balancers", func(n int) float64 {
		s := newScene(24 * time.Hour)
		s.begun = s.now().Add(-time.Hour)
		for i := range n {
			s.stackKeys = append(s.stackKeys, keyNamed(fmt.Sprint("app-", i)))
		}
		now := s.now()
		s.now = func() time.Time { return now }
		s.tick(t.Context())
		var next int
		spent := growth.Bytes(func() {
			s.Schedule(s.stackKeys[next])
			next, now = next+1, now.Add(editDelay)
			s.turnsAt = now // the look at all units is counted elsewhere
			s.tick(t.Context())
		})
		if len(s.looks) != next {
			t.Errorf("%d checks after %d edits", len(s.looks), next)
		}
		return spent
	})
}

func TestAUnitThatIsGoneLosesItsTurn(t *testing.T) {
	t.Parallel()
	s := newScene(40 * time.Second)
	s.begun, s.stackKeys = s.now().Add(-time.Hour), []stack.Key{keyNamed("web")}
	s.jitter = func() float64 { return 0.5 } // due in twenty seconds
	s.run(t.Context(), 10*time.Second)
	if len(s.turns) != 1 {
		t.Fatalf("turns: %v", s.turns)
	}
	s.stackKeys = nil
	if s.run(t.Context(), 15*time.Second); len(s.looks) > 0 {
		t.Errorf("checked: %v", s.looks)
	}
}

func TestALookThatFailsWakesNoStack(t *testing.T) {
	t.Parallel()
	s := newScene(time.Minute)
	s.stackKeys, s.fails = []stack.Key{keyNamed("a")}, true
	s.run(t.Context(), 5*time.Minute)
	if len(s.looks) == 0 || len(s.woken) != 0 {
		t.Errorf("looks %v, woken %v", s.looks, s.woken)
	}
	s.stackKeys = nil
	s.run(t.Context(), 5*time.Minute)
	if len(s.checked) != 0 {
		t.Error("what is gone is remembered")
	}
}

func TestUrgentWorkOvertakesTheRest(t *testing.T) {
	t.Parallel()
	q := priorityqueue.New[string]("test")
	defer q.ShutDown()
	queue.Add[string](q, 0, queue.Drift, "drift")
	queue.Add[string](q, 0, queue.Bulk, "node")
	queue.Add[string](q, 0, queue.Normal, "endpoint")
	queue.Add[string](q, 0, queue.Urgent, "edit")
	queue.Add[string](q, 0, queue.Drift, "promoted")
	queue.Add[string](q, 0, queue.Urgent, "promoted")
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

func TestTagsAreReadAgainOnceInTenSecondsFromAMinuteAfterTheStart(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var asked, rereads int
	s := &DriftDetector{
		interval: time.Minute, now: func() time.Time { return now }, jitter: func() float64 { return 1 }, log: logr.Discard(),
		stacks:  func() []stack.Key { return []stack.Key{keyNamed("web")} },
		targets: func(context.Context) map[types.NamespacedName]registrar.Group { return nil },
		reread:  func(context.Context, stack.Key) (bool, error) { rereads++; return false, nil },
		cost:    func(stack.Key) int { return 1 }, assumed: func() []stack.Key { return nil },
		tags:   func(context.Context) (bool, error) { asked++; return true, nil }, // there are always more
		exists: func(context.Context, driftUnit) bool { return true },
	}
	for range 600 {
		s.tick(t.Context())
		now = now.Add(time.Second)
	}
	if asked != 54 || rereads != 9 {
		t.Errorf("in ten minutes tags are asked for %d times, and the stack is looked at %d times", asked, rereads)
	}
}

func TestDriftDetectorKeepsItsBudgetOfCalls(t *testing.T) {
	t.Parallel()
	measures := map[string]func(t *testing.T, trouble bool) int{
		"drift sweep": func(t *testing.T, trouble bool) int {
			s := newScene(time.Minute)
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
				s.stackKeys = append(s.stackKeys, keyNamed(name))
			}
			s.price, s.fails = 20, trouble
			s.run(t.Context(), callbudget.Period)
			return len(s.looks) * s.price
		},
		"foreign tags": func(t *testing.T, trouble bool) int {
			s, calls := newScene(time.Hour), 0
			s.tags = func(context.Context) (bool, error) {
				if calls++; trouble {
					return false, errors.New("throttled")
				}
				return true, nil
			}
			s.run(t.Context(), callbudget.Period)
			return calls
		},
	}
	measured := 0
	for _, row := range callbudget.Budgets {
		if measure := measures[row.Loop]; measure != nil {
			measured++
			t.Run(row.Loop, func(t *testing.T) {
				t.Parallel()
				for _, trouble := range []bool{false, true} {
					n := measure(t, trouble)
					t.Logf("%d calls, trouble: %t", n, trouble)
					if err := row.Check(trouble, n); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	if measured != len(measures) {
		t.Errorf("%d of %d loops have a budget", measured, len(measures))
	}
}

// TestRoleThatHangsDelaysNoDriftCheck has the first of two target groups be in the scope of a role that does not
// answer.
func TestRoleThatHangsDelaysNoDriftCheck(t *testing.T) {
	t.Parallel()
	s := newScene(time.Minute)
	hang := make(chan struct{})
	hangs := registrar.Group{Scope: awsclient.Scope{Role: labRole}, ARN: "hangs"}
	for i := range 3 {
		s.bindings[types.NamespacedName{Namespace: "mal", Name: fmt.Sprint("evil-", i)}] = hangs
	}
	s.bindings[types.NamespacedName{Namespace: "shop", Name: "web"}] = registrar.Group{ARN: "answers"}
	begun, answered := make(chan struct{}, 3), 0
	s.recheck = func(_ context.Context, of registrar.Group) ([]registrar.Health, bool, error) {
		if of.ARN == "hangs" {
			begun <- struct{}{}
			<-hang
			return nil, false, errors.New("timeout")
		}
		answered++
		return nil, false, nil
	}
	s.run(t.Context(), 10*time.Minute)
	if answered < 5 {
		t.Errorf("%d checks of the target group of another namespace", answered)
	}
	<-begun
	if len(begun) > 0 {
		t.Error("one namespace has several checks under way")
	}
	close(hang)
	s.ended.Wait()
}
