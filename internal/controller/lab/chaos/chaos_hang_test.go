package chaos

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// workers make the passes of a lab beside each other, each unit one at a time, so that a call that hangs holds up its
// own pass only. They run in a bubble of synctest: a pass has gone as far as it can when all goroutines wait.
type workers struct {
	*lab.Lab
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
func begin(l *lab.Lab, keys ...stack.Key) *workers {
	w := &workers{Lab: l, keys: keys, due: map[workUnit]time.Time{}, running: map[workUnit]bool{},
		known: map[workUnit]string{}}
	w.failures = backoff.NewFailures[workUnit](backoff.Policy{First: queue.FirstRetry,
		Longest: l.Config.BindingMaxBackoff}, l.Clock.Now, nil)
	l.Bound.Registry.Async = true // as in a controller: no pass waits for the calls of targets
	l.Bound.Registry.Progress = func(b stack.ID) {
		l.Mutex.Lock()
		defer l.Mutex.Unlock()
		l.BindingsWoken = append(l.BindingsWoken, types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
	}
	w.wake()
	return w
}

// wake has all stacks and bindings passed over, as an edit of each would.
func (w *workers) wake() {
	for _, key := range w.keys {
		w.due[workUnit{stack: key}] = w.Clock.Now()
	}
	clear(w.known)
	w.seen = false
}

// span lets simulated time pass, a second after the other. The bubble's time passes with it: by that contexts end.
func (w *workers) span(d time.Duration) {
	w.Helper()
	for end := w.Clock.Now().Add(d); w.Clock.Now().Before(end); {
		for range 5 { // what a pass wakes is passed over in the same second
			if !w.start() {
				break
			}
		}
		w.Clock.Advance(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

// start begins every pass that is due, and reports whether there was one.
func (w *workers) start() (begun bool) {
	w.Helper()
	now := w.Clock.Now()
	if !w.seen { // only passes and the test write objects
		w.seen = true
		for _, b := range w.AllBindings() {
			spec, err := json.Marshal(b.Spec)
			w.Must(err)
			u, is := workUnit{binding: client.ObjectKeyFromObject(&b)}, fmt.Sprint(string(spec), b.DeletionTimestamp != nil)
			if w.known[u] != is {
				w.known[u], w.due[u] = is, now
			}
		}
	}
	w.Mutex.Lock()
	for _, key := range w.Woken {
		w.due[workUnit{stack: key}] = now
	}
	for _, b := range w.BindingsWoken {
		w.due[workUnit{binding: b}] = now
	}
	w.Woken, w.BindingsWoken = nil, nil
	w.Mutex.Unlock()
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
	for _, k := range w.Bound.Networking.Queues() {
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
		r, err = w.Bound.Reconcile(w.Context(), reconcile.Request{NamespacedName: u.binding})
	} else {
		r, err = w.ReconcilerOf(u.stack).Reconcile(w.Context(), u.stack)
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
		pause = w.ReconcilerOf(u.stack).Retries.When(u.stack)
	case err != nil:
		pause = w.failures.When(u)
	default:
		w.failures.Forget(u)
	}
	at := w.Clock.Now().Add(pause)
	if earlier, is := w.due[u]; pause > 0 && (!is || at.Before(earlier)) {
		w.due[u] = at
	}
}

// hangTime is how long the SDK's client waits for an answer.
const hangTime = 30 * time.Second

// TestWhileAnOperationHangsTargetsOfOtherGroupsComeAndGo has one operation hang until the client's time-out, for some
// minutes in which pods come and go. The targets of a user's binding follow within seconds, nothing is called in a
// loop, and in the end nothing is left of it.
func TestWhileAnOperationHangsTargetsOfOtherGroupsComeAndGo(t *testing.T) {
	t.Parallel()
	var called, accounts []string
	synctest.Test(t, func(t *testing.T) {
		l := lab.ManyLab(t, false)
		mark := l.Mark()
		for _, stage := range lab.LifeOfMany {
			hang(l, stage.Does, gate.Fault{})
			accounts = append(accounts, l.Account())
		}
		called = l.Called(mark)
	})
	hangs := sample.OneOf(12)
	for n, permission := range called {
		for kind, fault := range map[string]gate.Fault{"before it has an effect": {Latency: hangTime, Reset: true},
			"after its effect": {Delay: hangTime, Lose: true}} {
			if n%6 != map[bool]int{false: 1, true: 4}[fault.Lose] || !hangs.Next() {
				continue
			}
			t.Run(permission+" hangs "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := lab.ManyLab(t, false)
					fault.ID = "hangs"
					fault.Service, fault.Action, _ = strings.Cut(permission, ":")
					if needsOfTargets[fault.Action] {
						fault.Resource = groupOf(l, "base")
					}
					for n, stage := range lab.LifeOfMany {
						mark, from := l.Mark(), len(l.Events)
						hang(l, stage.Does, fault)
						if by := l.Permissions(mark)[permission]; by > 150 {
							l.Errorf("%s: %d calls of %s", stage.Name, by, permission)
						}
						if d := strings.Join(lab.WithoutRecords(strings.Split(lab.LinesApart(l.Account(), accounts[n]), "\n")),
							"\n"); d != "" {
							t.Fatalf("%s: when it is over the account (+) is not as without it (-):\n%s\n%s", stage.Name, d,
								strings.Join(l.Events[from:], "\n"))
						}
					}
				})
			})
		}
	}
}

// groupOf is the ARN of the target group of an Ingress.
func groupOf(l *lab.Lab, name string) string {
	l.Helper()
	for _, tg := range l.Sim.Resources().TargetGroups {
		if tg.Tags["ingress.k8s.aws/stack"] == "shop/"+name {
			return tg.ARN
		}
	}
	l.Fatalf("%s has no target group", name)
	return ""
}

// hang carries a stage out while a fault holds, with other pods every half a minute, and lets it end.
func hang(l *lab.Lab, stage func(*lab.Lab), fault gate.Fault) {
	l.Helper()
	if fault.ID != "" {
		_, err := l.Sim.Gate.AddFault(fault)
		l.Must(err)
	}
	stage(l)
	w := begin(l, lab.ManyKeys...)
	for n := range 3 {
		pods := []string{lab.SoakAddress(1, 1+n%3), lab.SoakAddress(1, 4+n%2)}
		l.Scale("s1", pods...)
		w.wake()
		w.span(3 * time.Second)
		for n := range pods {
			pods[n] += ":8080"
		}
		if got := l.TargetsOf("theirs"); !slices.Equal(got, pods) {
			l.Errorf("three seconds after pods %v have come the user's target group has %v", pods, got)
		}
		w.span(17 * time.Second)
	}
	l.Scale("s1", lab.SoakAddress(1, 1), lab.SoakAddress(1, 2))
	l.Sim.Gate.ClearFaults()
	w.span(hangTime + time.Second)
	if len(w.running) > 0 {
		l.Fatalf("does not end: %v", w.running)
	}
	l.Bound.Registry.Async = false
	l.ManyWait(15 * time.Minute)
}
