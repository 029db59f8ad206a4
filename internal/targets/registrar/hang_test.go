package registrar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// hanging is an account whose calls wait until they are let go, each told as "OPERATION KEYS" when it is sent.
type hanging struct {
	mu    sync.Mutex
	held  map[string]bool
	calls map[string]chan error
	sent  chan string
}

func newHanging(held ...string) *hanging {
	h := &hanging{held: map[string]bool{}, calls: map[string]chan error{}, sent: make(chan string, 1000)}
	for _, k := range held {
		h.held[k] = true
	}
	return h
}

func (h *hanging) wait(name string) error {
	let := make(chan error, 1)
	h.mu.Lock()
	h.calls[name] = let
	h.mu.Unlock()
	h.sent <- name
	return <-let
}

// answer ends a call.
func (h *hanging) answer(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls[name] <- err
	delete(h.calls, name)
}

// expect waits until these calls are sent, in whatever order.
func (h *hanging) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, <-h.sent)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func (h *hanging) DescribeTargetHealth(_ context.Context, in *elbv2.DescribeTargetHealthInput,
	_ ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error) {
	if len(in.Targets) > 0 {
		return &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: notRegistered(in.Targets)}, nil
	}
	err := h.wait("read")
	h.mu.Lock()
	defer h.mu.Unlock()
	out := &elbv2.DescribeTargetHealthOutput{}
	for k := range h.held {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, held(k, "healthy"))
	}
	return out, err
}

func (h *hanging) write(_ context.Context, _ stack.Key, _ plan.StepID, op plan.Operation) apply.Outcome {
	var keys []string
	var all []awsop.Target
	add := false
	switch op := op.(type) {
	case awsop.RegisterTargets:
		all, add = op.Targets, true
	case awsop.DeregisterTargets:
		all = op.Targets
	}
	for _, t := range all {
		keys = append(keys, t.ID)
	}
	err := h.wait(plan.NameOf(op) + " " + strings.Join(keys, " "))
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys { // also if the answer is lost
		if delete(h.held, k); add {
			h.held[k] = true
		}
	}
	if err != nil {
		return apply.Outcome{State: apply.Failed, Err: err}
	}
	return apply.Outcome{State: apply.Done}
}

// asyncRegistry is a registry whose Syncs do not wait, and the channel of the ends of calls.
func asyncRegistry(h *hanging, fresh bool) (*Registry, *clock.Stepped, chan stack.ID) {
	c := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	r := newRegistry(h, h.write, func(string) bool { return fresh })
	progress := make(chan stack.ID, 1000)
	r.Clock, r.Progress = c, func(b stack.ID) { progress <- b }
	return r, c, progress
}

// asking makes a request without waiting for its calls.
func asking(t testing.TB, r *Registry, q Request) Change {
	t.Helper()
	c, err := r.sync(t.Context(), q, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func of(ids ...string) Request {
	return Request{Binding: stack.ID{Name: "b"}, Group: tg, Want: want(ids...)}
}

func TestRegistrationAndDeregistrationWaitForNoOtherCall(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, _, progress := asyncRegistry(h, true)
	asking(t, r, of("1", "2"))
	h.expect(t, "RegisterTargets 1 2")
	h.answer("RegisterTargets 1 2", nil)
	<-progress
	if c := asking(t, r, of("1", "2")); c.Pending || c.Registered != 2 || len(c.Added) != 2 {
		t.Errorf("%+v", c)
	}
	asking(t, r, of("2", "3")) // both calls hang
	h.expect(t, "DeregisterTargets 1", "RegisterTargets 3")
	if c := asking(t, r, of("4")); !c.Pending || !cmp.Equal(c.Unanswered, []string{"4:80"}) {
		t.Errorf("%+v", c)
	}
	h.expect(t, "DeregisterTargets 2", "RegisterTargets 4")
	h.answer("DeregisterTargets 2", nil)
	<-progress
	h.answer("RegisterTargets 3", nil) // which is not wanted any more
	h.expect(t, "DeregisterTargets 3")
	h.answer("DeregisterTargets 3", errors.New("lost"))
	h.answer("DeregisterTargets 1", nil)
	h.answer("RegisterTargets 4", nil)
	for range 4 {
		<-progress
	}
	if c, err := r.sync(t.Context(), of("4"), false); err == nil || c.Pending || c.Registered != 2 ||
		c.Deregistered != 2 || len(h.calls) > 0 {
		t.Errorf("%+v, %v; a failure is told before it is tried again", c, err)
	}
	asking(t, r, of("4"))
	h.expect(t, "DeregisterTargets 3")
	h.answer("DeregisterTargets 3", nil)
	<-progress
	if c := asking(t, r, of("4")); c.Pending || !maps.Equal(h.held, map[string]bool{"4": true}) {
		t.Errorf("%+v: %v", c, h.held)
	}
}

func TestThousandBindingsAreWrittenConcurrently(t *testing.T) {
	t.Parallel()
	const n = 1000
	h := newHanging()
	h.sent = make(chan string, 2*n)
	r, _, progress := asyncRegistry(h, true)
	request := func(i int, id string) Request {
		return Request{Binding: stack.ID{Name: fmt.Sprint(i)}, Group: Group{ARN: fmt.Sprintf("%s-%d", arn, i)},
			Want: want(fmt.Sprintf("%s-%d", id, i))}
	}
	var first, second []string
	for i := range n {
		asking(t, r, request(i, "old"))
		first = append(first, fmt.Sprintf("RegisterTargets old-%d", i))
		second = append(second, fmt.Sprintf("RegisterTargets new-%d", i), fmt.Sprintf("DeregisterTargets old-%d", i))
	}
	slices.Sort(first)
	slices.Sort(second)
	h.expect(t, first...) // none is answered before all are sent
	for _, call := range first {
		h.answer(call, nil)
		<-progress
	}
	for i := range n {
		if c := asking(t, r, request(i, "new")); !c.Pending {
			t.Fatalf("binding %d: %+v", i, c)
		}
	}
	h.expect(t, second...)
	for _, call := range second {
		h.answer(call, nil)
		<-progress
	}
	for i := range n {
		if c := asking(t, r, request(i, "new")); c.Pending || c.Registered != 2 || c.Deregistered != 1 {
			t.Fatalf("binding %d: %+v", i, c)
		}
	}
}

func TestWhileManyCallsOfAGroupAreUnderWayTheRestIsGathered(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, _, progress := asyncRegistry(h, true)
	var ids []string
	for _, id := range strings.Split("abcdefgh", "") {
		ids = append(ids, id)
		asking(t, r, of(ids...))
	}
	h.expect(t, "RegisterTargets a", "RegisterTargets b", "RegisterTargets c", "RegisterTargets d")
	h.answer("RegisterTargets b", nil)
	<-progress
	h.expect(t, "RegisterTargets e f g h")
}

func TestAGroupThatCannotBeReadGetsItsTargetsAndLosesNone(t *testing.T) {
	t.Parallel()
	h := newHanging("1", "old")
	r, c, progress := asyncRegistry(h, false)
	of := func(ids ...string) Request {
		q := of(ids...)
		q.New = true
		return q
	}
	asking(t, r, of("1", "2"))
	h.expect(t, "read")
	c.Advance(readTime - time.Millisecond)
	asking(t, r, of("1", "2"))
	if len(h.sent) > 0 {
		t.Errorf("%s: a read that takes this long is waited for", <-h.sent)
	}
	c.Advance(time.Millisecond)
	h.expect(t, "RegisterTargets 1 2")
	h.answer("RegisterTargets 1 2", nil)
	<-progress
	asking(t, r, of("1", "3")) // known to be registered, wanted, not wanted: at once
	h.expect(t, "DeregisterTargets 2", "RegisterTargets 3")
	h.answer("DeregisterTargets 2", nil)
	<-progress
	h.answer("read", nil)
	h.expect(t, "DeregisterTargets old")
	h.answer("DeregisterTargets old", nil)
	h.answer("RegisterTargets 3", nil)
	for range 3 {
		<-progress
	}
	if c := asking(t, r, of("1", "3")); c.Pending || c.Registered != 3 || c.Deregistered != 2 ||
		!maps.Equal(h.held, map[string]bool{"1": true, "3": true}) {
		t.Errorf("%+v: %v", c, h.held)
	}
}

func TestAReadOfAKnownGroupHoldsUpNothing(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, _, progress := asyncRegistry(h, true)
	asking(t, r, of("1"))
	h.expect(t, "RegisterTargets 1")
	h.answer("RegisterTargets 1", nil)
	<-progress
	r.Invalidate(tg)
	asking(t, r, of("2"))
	h.expect(t, "DeregisterTargets 1", "RegisterTargets 2", "read")
}

func TestTheFirstReadIsWaitedForWhileItMayBeShort(t *testing.T) {
	t.Parallel()
	h := newHanging("1")
	r, c, progress := asyncRegistry(h, false)
	asking(t, r, of("1", "2"))
	h.expect(t, "read")
	h.answer("read", nil)
	h.expect(t, "RegisterTargets 2")
	h.answer("RegisterTargets 2", nil)
	<-progress
	<-progress
	if c.Advance(readTime); len(h.sent) > 0 {
		t.Errorf("%s though all is registered", <-h.sent)
	}
}

func TestAnAsyncSyncReturnsBeforeItsCallsDo(t *testing.T) {
	t.Parallel()
	h := newHanging()
	r, _, _ := asyncRegistry(h, true)
	r.Async = true
	change, err := r.Sync(t.Context(), of("1"))
	if err != nil || !change.Pending {
		t.Errorf("%+v, %v", change, err)
	}
	h.expect(t, "RegisterTargets 1")
}

// TestWhateverFailsTheGroupEndsAsWanted ends calls in any order, some without their answers, while what is wanted
// changes.
func TestWhateverFailsTheGroupEndsAsWanted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all := []string{"1", "2", "3", "4"}
		some := rapid.SliceOfDistinct(rapid.SampledFrom(all), rapid.ID)
		h := newHanging(some.Draw(rt, "held")...)
		r, c, _ := asyncRegistry(h, false)
		isNew := rapid.Bool().Draw(rt, "new")
		of := func(ids ...string) Request {
			q := of(ids...)
			q.New = isNew
			return q
		}
		wanted := of(some.Draw(rt, "wanted")...)
		step := func(mayFail bool) (idle bool) {
			change, _ := r.sync(t.Context(), wanted, false)
			h.mu.Lock()
			open := slices.Sorted(maps.Keys(h.calls))
			h.mu.Unlock()
			if len(open) == 0 {
				c.Advance(readTime)
				return !change.Pending
			}
			var err error
			if mayFail && rapid.Bool().Draw(rt, "fails") {
				err = errors.New("lost")
			}
			g := r.group(tg)
			g.mu.Lock()
			ended := g.ended
			g.mu.Unlock()
			h.answer(rapid.SampledFrom(open).Draw(rt, "answers"), err)
			<-ended
			return false
		}
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "edit") {
				wanted = of(some.Draw(rt, "wanted")...)
			}
			step(true)
		}
		for n, ended := 0, 0; ended < 2; n++ { // twice in a row
			if ended++; !step(false) {
				ended = 0
			}
			if n > 100_000 {
				rt.Fatal("no end")
			}
		}
		is := map[string]bool{}
		for _, e := range wanted.Want.All() {
			is[e.ID] = true
		}
		if !maps.Equal(is, h.held) {
			rt.Fatalf("wanted %v, registered %v", is, h.held)
		}
	})
}
