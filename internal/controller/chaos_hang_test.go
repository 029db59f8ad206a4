package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// workers make the passes of a lab beside each other, each unit one at a time, so that a call that hangs holds up its own pass only. They run
// in a bubble of synctest: a pass has gone as far as it can when all goroutines wait.
type workers struct {
	*lab
	keys []stack.Key

	mu       sync.Mutex
	due      map[workUnit]time.Time
	running  map[workUnit]bool
	failures *backoff.Failures[workUnit]
	known    map[workUnit]string // what a watch brings back
	seen     bool                // known is up to date
}

type workUnit struct {
	stack   stack.Key
	binding types.NamespacedName
}

// begin has workers take over what the life of a lab has to do.
func (l *lab) begin(keys ...stack.Key) *workers {
	w := &workers{lab: l, keys: keys, due: map[workUnit]time.Time{}, running: map[workUnit]bool{}, known: map[workUnit]string{}}
	w.failures = backoff.NewFailures[workUnit](backoff.Policy{First: queue.FirstRetry, Longest: l.config.BindingMaxBackoff}, l.clock.Now, nil)
	l.bound.Registry.Async = true // as in a controller: no pass waits for the calls of targets
	l.bound.Registry.Progress = func(b stack.ID) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bindingsWoken = append(l.bindingsWoken, types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
	}
	w.wake()
	return w
}

// wake has all stacks and bindings passed over, as an edit of each would.
func (w *workers) wake() {
	for _, key := range w.keys {
		w.due[workUnit{stack: key}] = w.clock.Now()
	}
	clear(w.known)
	w.seen = false
}

// span lets simulated time pass, a second after the other.
func (w *workers) span(d time.Duration) {
	w.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); {
		for range 5 { // what a pass wakes is passed over in the same second
			if !w.start() {
				break
			}
		}
		w.clock.Advance(time.Second)
		synctest.Wait()
	}
}

// start begins every pass that is due, and reports whether there was one.
func (w *workers) start() (begun bool) {
	w.Helper()
	now := w.clock.Now()
	if !w.seen { // only passes and the test write objects
		w.seen = true
		for _, b := range w.allBindings() {
			spec, err := json.Marshal(b.Spec)
			w.must(err)
			u, is := workUnit{binding: client.ObjectKeyFromObject(&b)}, fmt.Sprint(string(spec), b.DeletionTimestamp != nil)
			if w.known[u] != is {
				w.known[u], w.due[u] = is, now
			}
		}
	}
	w.lab.mu.Lock()
	for _, key := range w.woken {
		w.due[workUnit{stack: key}] = now
	}
	for _, b := range w.bindingsWoken {
		w.due[workUnit{binding: b}] = now
	}
	w.woken, w.bindingsWoken = nil, nil
	w.lab.mu.Unlock()
	for u, at := range w.due {
		if w.running[u] || at.After(now) {
			continue
		}
		begun = true
		delete(w.due, u)
		w.running[u] = true
		go w.pass(u)
		synctest.Wait()
	}
	for _, k := range w.bound.Networking.Queues() {
		for key, _, ok := k.Next(); ok; key, _, ok = k.Next() {
			go k.Run(w.Context(), key)
			synctest.Wait()
		}
	}
	return begun
}

func (w *workers) pass(u workUnit) {
	var r reconcile.Result
	var err error
	if u.stack == (stack.Key{}) {
		r, err = w.bound.Reconcile(w.Context(), reconcile.Request{NamespacedName: u.binding})
	} else {
		r, err = w.of(u.stack).Reconcile(w.Context(), u.stack)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, u)
	w.seen = false
	pause := r.RequeueAfter
	switch {
	case errors.Is(err, queue.ErrRequeue) || apierrors.IsConflict(err):
		pause = queue.Coalesce
	case err != nil && u.stack != (stack.Key{}):
		pause = w.of(u.stack).Retries.When(u.stack)
	case err != nil:
		pause = w.failures.When(u)
	default:
		w.failures.Forget(u)
	}
	at := w.clock.Now().Add(pause)
	if earlier, is := w.due[u]; pause > 0 && (!is || at.Before(earlier)) {
		w.due[u] = at
	}
}

// hangTime is how long the SDK's client waits for an answer.
const hangTime = 30 * time.Second

// TestWhileAnOperationHangsTargetsOfOtherGroupsComeAndGo has one operation hang until the client's time-out, for some minutes in which pods come
// and go. The targets of a user's binding follow within seconds, nothing is called in a loop, and in the end nothing is left of it.
func TestWhileAnOperationHangsTargetsOfOtherGroupsComeAndGo(t *testing.T) {
	t.Parallel()
	var called, accounts []string
	synctest.Test(t, func(t *testing.T) {
		l := manyLab(t, false)
		mark := l.mark()
		for _, stage := range lifeOfMany {
			l.hang(stage.does, gate.Fault{})
			accounts = append(accounts, l.account())
		}
		called = l.called(mark)
	})
	hangs := oneOf(6)
	for n, permission := range called {
		for kind, fault := range map[string]gate.Fault{"before it has an effect": {Latency: hangTime, Reset: true}, "after its effect": {Delay: hangTime, Lose: true}} {
			if !everyFault && n%6 != map[bool]int{false: 1, true: 4}[fault.Lose] || !hangs.Next() {
				continue
			}
			t.Run(permission+" hangs "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := manyLab(t, false)
					fault.ID = "hangs"
					fault.Service, fault.Action, _ = strings.Cut(permission, ":")
					if needsOfTargets[fault.Action] {
						fault.Resource = l.groupOf("base")
					}
					for n, stage := range lifeOfMany {
						mark, from := l.mark(), len(l.events)
						l.hang(stage.does, fault)
						if by := l.permissions(mark)[permission]; by > 150 {
							l.Errorf("%s: %d calls of %s", stage.name, by, permission)
						}
						if d := strings.Join(withoutRecords(strings.Split(linesApart(l.account(), accounts[n]), "\n")), "\n"); d != "" {
							t.Fatalf("%s: when it is over the account (+) is not as without it (-):\n%s\n%s", stage.name, d, strings.Join(l.events[from:], "\n"))
						}
					}
				})
			})
		}
	}
}

// groupOf is the ARN of the target group of an Ingress.
func (l *lab) groupOf(name string) string {
	l.Helper()
	for _, tg := range l.sim.Resources().TargetGroups {
		if tg.Tags["ingress.k8s.aws/stack"] == "shop/"+name {
			return tg.ARN
		}
	}
	l.Fatalf("%s has no target group", name)
	return ""
}

// hang carries a stage out while a fault holds, with other pods every half a minute, and lets it end.
func (l *lab) hang(stage func(*lab), fault gate.Fault) {
	l.Helper()
	if fault.ID != "" {
		_, err := l.sim.Gate.AddFault(fault)
		l.must(err)
	}
	stage(l)
	w := l.begin(manyKeys...)
	for n := range 3 {
		pods := []string{soakAddress(1, 1+n%3), soakAddress(1, 4+n%2)}
		l.scale("s1", pods...)
		w.wake()
		w.span(3 * time.Second)
		for n := range pods {
			pods[n] += ":8080"
		}
		if got := l.targetsOf("theirs"); !slices.Equal(got, pods) {
			l.Errorf("three seconds after pods %v have come the user's target group has %v", pods, got)
		}
		w.span(17 * time.Second)
	}
	l.scale("s1", soakAddress(1, 1), soakAddress(1, 2))
	l.sim.Gate.ClearFaults()
	w.span(hangTime + time.Second)
	if len(w.running) > 0 {
		l.Fatalf("does not end: %v", w.running)
	}
	l.bound.Registry.Async = false
	l.manyWait(15 * time.Minute)
}
