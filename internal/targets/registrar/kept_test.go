package registrar

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// holdBench is a registry of n groups with the targets 10.0.0.1 to 10.0.0.4 each, with a brake that lets two groups go.
type holdBench struct {
	*testing.T
	r    *Registry
	now  time.Time
	gone map[string]bool // addresses of pods that do not serve
}

func newHoldBench(t *testing.T, n int) *holdBench {
	t.Helper()
	b := &balancing{}
	h := &holdBench{T: t, r: newRegistry(b, b.write, func(string) bool { return true }), gone: map[string]bool{}}
	h.r.Brake = brake.New(2, func() time.Time { return h.now })
	for i := range n {
		h.pass(i, false, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
	}
	return h
}

func (h *holdBench) request(i int, ids ...string) Request {
	return Request{Binding: stack.ID{Namespace: "shop", Name: fmt.Sprint(i)}, Group: Group{ARN: fmt.Sprint("arn-", i)},
		Want: wantAs(func(e *Endpoint) { e.Namespace, e.Pod = "shop", "pod-"+e.ID }, ids...)}
}

func (h *holdBench) pass(i int, allowed bool, ids ...string) {
	h.Helper()
	q := h.request(i, ids...)
	h.r.KeepServing(q, allowed, func(e Endpoint) bool { return !h.gone[e.ID] })
	if _, err := h.r.Sync(h.Context(), q); err != nil {
		h.Fatal(err)
	}
}

func (h *holdBench) registered(i, want int) {
	h.Helper()
	if got := len(h.r.Registered(awsclient.Scope{})[fmt.Sprint("arn-", i)]); got != want {
		h.Errorf("group %d has %d targets, want %d", i, got, want)
	}
}

func TestMostTargetsOfManyGroupsStayWhileTheirPodsServe(t *testing.T) {
	t.Parallel()
	h := newHoldBench(t, 5)
	for i := range 5 {
		h.pass(i, false)
	}
	for i, n := range []int{0, 0, 4, 4, 4} {
		h.registered(i, n)
	}
	h.gone["10.0.0.2"] = true // it goes at once, and what is new comes
	h.pass(2, false, "10.0.0.9")
	h.registered(2, 4)
	if got := h.r.KeptFor("shop", "pod-10.0.0.1"); len(got) != 3 {
		t.Errorf("held for %v", got)
	}
	if got := h.r.KeptFor("shop", "pod-10.0.0.9"); len(got) != 0 {
		t.Errorf("held for %v", got)
	}
	h.pass(3, true) // consent
	h.registered(3, 0)
	h.pass(4, false, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4") // all come back
	h.registered(4, 4)
	if h.r.Brake.Stopped() != 1 {
		t.Errorf("%d held", h.r.Brake.Stopped())
	}
	if _, err := h.r.Clear(t.Context(), Request{Binding: stack.ID{Namespace: "shop", Name: "2"}, Group: Group{
		ARN: "arn-2"}}); err != nil || h.r.Brake.Stopped() != 0 {
		t.Errorf("%v, %d held", err, h.r.Brake.Stopped())
	}
}

// TestTargetsOfATenantHoldNoneOfOthers has another tenant's Services select nothing, and then one of this tenant's.
func TestTargetsOfATenantHoldNoneOfOthers(t *testing.T) {
	t.Parallel()
	h := newHoldBench(t, 6)
	for i := range 5 {
		q := h.request(i)
		q.Binding.Namespace = "mal"
		h.r.KeepServing(q, false, func(Endpoint) bool { return true })
	}
	if h.pass(5, false, "10.0.0.9"); h.r.Brake.Stopped() != 3 {
		t.Errorf("%d held", h.r.Brake.Stopped())
	}
	h.registered(5, 1)
}

// TestTargetsThatGoStepByStepAreHeldWhenMostWent gives up one target of four after the other.
func TestTargetsThatGoStepByStepAreHeldWhenMostWent(t *testing.T) {
	t.Parallel()
	h := newHoldBench(t, 5)
	all := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
	for n := 3; n >= 0; n-- {
		for i := range 5 {
			h.pass(i, false, all[:n]...)
		}
	}
	for i, n := range []int{0, 0, 2, 2, 2} {
		h.registered(i, n)
	}
}

func TestWhatEndsAndWhatIsReplacedPodByPodIsNeverHeld(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(h *holdBench, i int){
		"pods end": func(h *holdBench, i int) {
			for n := range 4 {
				h.gone[fmt.Sprint("10.0.0.", n+1)] = true
			}
			h.pass(i, false)
			h.registered(i, 0)
		},
		"a rollout": func(h *holdBench, i int) {
			pods := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
			for n := range 4 {
				h.gone[pods[0]] = true
				pods = append(slices.Clone(pods[1:]), fmt.Sprintf("10.0.%d.%d", i+1, n))
				h.pass(i, false, pods...)
				h.registered(i, 4)
			}
		},
		"another port": func(h *holdBench, i int) {
			q := h.request(i)
			q.Want = wantAs(func(e *Endpoint) { e.Namespace, e.Pod, e.Port = "shop", "pod-"+e.ID, 8080 }, "10.0.0.1",
				"10.0.0.2", "10.0.0.3", "10.0.0.4")
			if held := h.r.KeepServing(q, false, func(Endpoint) bool { return true }); len(held) > 0 {
				h.Errorf("held %v", held)
			}
		},
		"a few": func(h *holdBench, i int) {
			h.pass(i, false, "10.0.0.1", "10.0.0.2")
			h.registered(i, 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHoldBench(t, 5)
			for i := range 5 {
				step(h, i)
			}
			if h.r.Brake.Stopped() > 0 {
				t.Errorf("%d held", h.r.Brake.Stopped())
			}
		})
	}
}

// BenchmarkHold is what each pass over a binding of 1,000 targets spends before its targets are sent.
func BenchmarkHold(b *testing.B) {
	r := newRegistry(&balancing{}, nil, func(string) bool { return true })
	r.Brake = brake.New(10, time.Now)
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	q := Request{Group: tg, Want: want(ids...)}
	for b.Loop() {
		r.KeepServing(q, false, func(Endpoint) bool { return true })
	}
}

// TestPodsThatEndCostNoLookAtOtherGroups has the brake hold the targets of one group of many: each pod of the cluster
// that ends asks which bindings hold it.
func TestPodsThatEndCostNoLookAtOtherGroups(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a pod that ends while targets are held, by target groups",
		func(n int) float64 {
			h := newHoldBench(t, 5)
			for i := range 5 {
				h.pass(i, false)
			}
			for i := range n {
				h.r.group(Group{ARN: fmt.Sprint("other-", i)})
			}
			return growth.Bytes(func() {
				if got := h.r.KeptFor("shop", "pod-10.0.0.1"); len(got) != 3 {
					t.Errorf("held for %v", got)
				}
			})
		})
}

func TestForgottenGroupKeepsIndexOfItsSuccessor(t *testing.T) {
	t.Parallel()
	r := newHoldBench(t, 1).r
	of := Group{ARN: "a"}
	former := r.group(of)
	r.index(r.keeping, former, true)
	r.Forget(of)
	if len(r.keeping) > 0 {
		t.Error("Forget left an entry")
	}
	successor := r.group(of)
	r.index(r.keeping, successor, true)
	r.index(r.keeping, former, false)
	if r.keeping[of] != successor {
		t.Error("the forgotten group removed the entry of its successor")
	}
	r.index(r.keeping, successor, false)
	r.index(r.keeping, former, true)
	if len(r.keeping) > 0 {
		t.Error("an entry of a forgotten group")
	}
}
