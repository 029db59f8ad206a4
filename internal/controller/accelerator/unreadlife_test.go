package accelerator

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// lifeEdits are what happens in a life, besides unreadEdits: deletions of what the object names, and what a process
// goes through.
func lifeEdits() map[string]func(*world) {
	out := maps.Clone(unreadEdits)
	delete(out, "none")
	out["another endpoint"] = func(w *world) {
		if !slices.ContainsFunc(w.get().Spec.Listeners[0].EndpointGroups[0].Endpoints, func(e agav1beta1.Endpoint) bool {
			return e.EndpointID != nil && strings.Contains(*e.EndpointID, "k8s-other")
		}) { // twice the same is invalid
			unreadEdits["another endpoint"](w)
		}
	}
	out["two hours later"] = func(w *world) { w.clock.Advance(2 * time.Hour) }
	out["a restart"] = (*world).restart
	out["the last endpoint goes"] = func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) {
			g := &ga.Spec.Listeners[0].EndpointGroups[0]
			g.Endpoints = g.Endpoints[:max(1, len(g.Endpoints)-1)]
		})
	}
	out["another listener"] = func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) {
			if len(ga.Spec.Listeners) == 1 {
				more := object([]int32{8443}, byARN("k8s-other")).Spec.Listeners[0]
				ga.Spec.Listeners = append(ga.Spec.Listeners, more)
			}
		})
	}
	out["the other listener goes"] = func(w *world) {
		w.edit(func(ga *agav1beta1.GlobalAccelerator) { ga.Spec.Listeners = ga.Spec.Listeners[:1] })
	}
	for _, o := range []client.Object{&corev1.Service{}, &networkingv1.Ingress{}, &gatewayv1.Gateway{},
		&gatewayv1beta1.ReferenceGrant{}} {
		out[fmt.Sprintf("deletion of each %T", o)] = func(w *world) {
			for _, namespace := range []string{"default", "shop"} {
				w.must(client.IgnoreNotFound(w.client.DeleteAllOf(w.t.Context(), o, client.InNamespace(namespace))))
			}
		}
	}
	return out
}

const deletion = "deletion of the object"

// lastEdits are what may be last: after the deletion of the object, nothing can be edited.
var lastEdits = map[string]func(*world){
	deletion:       func(w *world) { w.must(w.client.Delete(w.t.Context(), w.get())) },
	"nothing more": func(*world) {},
}

// generatedLife is a sequence of edits of a world, and how they are carried out where each read succeeds.
type generatedLife struct {
	of    string
	edits []string

	calls, pages map[string]int // by permission; pages = those of a page after the first
	removed      []map[string]bool
	after        map[string]bool
}

// generate chooses the edits of a life.
func generate(of string, random *rand.Rand) *generatedLife {
	names := slices.Sorted(maps.Keys(lifeEdits()))
	l := &generatedLife{of: of, calls: map[string]int{}, pages: map[string]int{}}
	for range 2 + random.IntN(3) {
		l.edits = append(l.edits, names[random.IntN(len(names))])
	}
	last := slices.Sorted(maps.Keys(lastEdits))
	l.edits = append(l.edits, last[random.IntN(len(last))])
	return l
}

// removals records what an account loses, after each call that writes: a call may take away what the next one adds
// again.
type removals struct {
	w    *world
	have map[string]bool
	gone map[string]bool
}

func (r *removals) look() {
	now := r.w.parts()
	for part := range r.have {
		if !now[part] {
			r.gone[part] = true
		}
	}
	r.have = now
}

// carryOut makes the edits, and returns what is gone after each, also because of earlier ones. call is called with each
// call, and its error is the answer.
func (l *generatedLife) carryOut(w *world, call func(permission string, in any) error,
	each func(step int, gone map[string]bool)) {
	w.t.Helper()
	all, seen := lifeEdits(), removals{w: w, have: w.parts(), gone: map[string]bool{}}
	w.judge = func(_ context.Context, service, action string, in any) error {
		if awsclient.IsRead(action) {
			return call(service+":"+action, in)
		}
		seen.look()
		return nil
	}
	for step, name := range l.edits {
		if edit := all[name]; edit != nil {
			edit(w)
		} else {
			lastEdits[name](w)
		}
		for range 4 {
			_, _ = w.pass()
			w.clock.Advance(time.Minute)
		}
		seen.look()
		each(step, seen.gone)
	}
}

// whole carries out the life where each read succeeds.
func (l *generatedLife) whole(t *testing.T) {
	t.Helper()
	w := l.begin(t)
	l.carryOut(w, func(permission string, in any) error {
		l.calls[permission]++
		if failedread.AnotherPage(in) {
			l.pages[permission]++
		}
		return nil
	}, func(_ int, gone map[string]bool) { l.removed = append(l.removed, maps.Clone(gone)) })
	seen := removals{w: w, have: w.parts(), gone: l.removed[len(l.removed)-1]}
	l.settleInTheEnd(w)
	seen.look() // what waits for AWS is removed because of the last edit
	l.after = w.parts()
}

// begin is the world of the life, at rest, with what was read being old.
func (l *generatedLife) begin(t *testing.T) *world {
	t.Helper()
	w := unreadWorlds[l.of](t)
	w.settle()
	pagesOf(w, 1)
	w.clock.Advance(2 * time.Hour)
	return w
}

// settleInTheEnd has a new process do what is left.
func (l *generatedLife) settleInTheEnd(w *world) {
	w.t.Helper()
	w.mu.Lock()
	w.judge = nil
	w.mu.Unlock()
	w.sim.Gate.ClearFaults()
	pagesOf(w, 0)
	w.clock.Advance(2 * time.Hour)
	w.restart()
	for range 20 {
		r, _ := w.pass()
		w.clock.Advance(max(r.RequeueAfter%(5*time.Minute), 5*time.Second))
	}
}

// misread carries out the life while a read fails in a way, from its call number skip on.
func (l *generatedLife) misread(t *testing.T, permission, way string, skip int) {
	t.Helper()
	w := l.begin(t)
	fault, ofGate := failedread.Fault(permission, way)
	if ofGate {
		fault.Skip = skip
		_, err := w.sim.Gate.AddFault(fault)
		w.must(err)
	}
	calls := 0
	l.carryOut(w, func(called string, in any) error {
		if ofGate || called != permission || failedread.Paged(way) && !failedread.AnotherPage(in) {
			return nil
		}
		if calls++; calls <= skip {
			return nil
		}
		return failedread.Error(way, permission)
	}, func(step int, gone map[string]bool) {
		for part := range gone {
			if !l.removed[step][part] && l.edits[step] != deletion {
				t.Errorf("gone after %q: %s of\n%s\n%s", l.edits[step], part, w.accelerators(), strings.Join(w.events, "\n"))
			}
		}
		if n := strings.Count(w.accelerators(), " IPV4 "); n > 1 {
			t.Errorf("%d accelerators:\n%s", n, w.accelerators())
		}
	})
	l.settleInTheEnd(w)
	now := w.parts()
	for part := range l.after { // more may be there: a new process keeps what may stand for an object that is not there
		if !now[part] {
			t.Errorf("in the end, %s is missing:\n%s\n%s", part, w.accelerators(), strings.Join(w.events, "\n"))
		}
	}
	left, events := len(l.after) == 0 && len(now) > 0, strings.Join(w.events, "\n")
	told := withoutTags(permission, way) && strings.Contains(events, string(diag.AcceleratorNotOwned))
	if left && !told {
		t.Errorf("left in the end:\n%s\n%s", w.accelerators(), events)
	}
	err := w.client.Get(t.Context(), name, &agav1beta1.GlobalAccelerator{})
	if gone := apierrors.IsNotFound(err); gone != (len(l.after) == 0) {
		t.Errorf("the object is gone: %t\n%s", gone, w.accelerators())
	}
}

// withoutTags reports whether a read answers that accelerators lack tags. An accelerator without the tags of its object
// is not deleted with the object, and an event says so.
func withoutTags(permission, way string) bool {
	return permission == "globalaccelerator:ListTagsForResource" && (way == "empty" || way == "partial")
}

// TestFailedReadRemovesNothingInAnyLife has each read fail in each way, from any of its calls in generated lives with
// edits, deletions and restarts: what no life without the fault removes by then stays. The long form tries 16 lives of
// each world, the short form a few of their faults.
func TestFailedReadRemovesNothingInAnyLife(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(97)
	for seed := range sample.Count(2, 16) {
		for _, of := range slices.Sorted(maps.Keys(unreadWorlds)) {
			random := rand.New(rand.NewPCG(uint64(seed), uint64(len(of))))
			life, lived := generate(of, random), false
			for _, permission := range readsOfAccelerators() {
				for _, way := range failedread.Ways() {
					at := random.IntN(1 << 20)
					if !chosen.Next() {
						continue
					}
					if !lived {
						life.whole(t)
						lived = true
					}
					n := life.calls[permission]
					if failedread.Paged(way) {
						n = life.pages[permission]
					}
					if n == 0 {
						continue
					}
					t.Run(fmt.Sprintf("%d %s, %s %s from %d, %s", seed, of, permission, way, at%n, strings.Join(life.edits,
						" then ")), func(t *testing.T) {
						t.Parallel()
						life.misread(t, permission, way, at%n)
					})
				}
			}
		}
	}
}
