package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Loop is background work of the controller. Pass calls Run once per Every of simulated time.
type Loop struct {
	Every time.Duration
	Run   func(context.Context)
}

// unit is what a work queue holds: a stack, or a binding.
type unit struct {
	stack   stack.Key
	binding types.NamespacedName
}

// schedule is the work of a span of simulated time: when units and background loops are due.
type schedule struct {
	*Lab
	due      map[unit]time.Time
	failures *backoff.Failures[unit]
	bindings map[unit]string // as their watch showed them last
	loops    []Loop
	ticks    []time.Time // by loop
	passes   int
}

// Pass reconciles stacks and bindings for a span of simulated time, as the work queues would: each unit when it is
// due, and no earlier. It also runs the background loops.
func (l *Lab) Pass(span time.Duration, loops []Loop, keys ...stack.Key) {
	l.Helper()
	end := l.Clock.Now().Add(span)
	s := &schedule{Lab: l, due: map[unit]time.Time{}, bindings: map[unit]string{}, loops: loops,
		ticks: slices.Repeat([]time.Time{l.Clock.Now()}, len(loops)),
		failures: backoff.NewFailures[unit](backoff.Policy{First: queue.FirstRetry, Longest: l.Config.BindingMaxBackoff},
			l.Clock.Now, nil)}
	for _, key := range keys {
		s.due[unit{stack: key}] = l.Clock.Now()
	}
	for l.Clock.Now().Before(end) {
		s.notice()
		s.runLoops()
		s.reconcileDue()
		l.RunQueues(l.Context())
		for _, b := range l.BindingsWoken {
			s.due[unit{binding: b}] = l.Clock.Now()
		}
		l.BindingsWoken = nil
		s.notice()
		l.Clock.Advance(max(s.next(end).Sub(l.Clock.Now()), time.Millisecond))
	}
}

// notice makes stacks due that were woken, and bindings that changed.
func (s *schedule) notice() {
	for _, key := range s.Woken {
		s.due[unit{stack: key}] = s.Clock.Now()
	}
	s.Woken = nil
	for _, b := range s.AllBindings() {
		spec, err := json.Marshal(b.Spec)
		s.Must(err)
		u, is := unit{binding: client.ObjectKeyFromObject(&b)}, fmt.Sprint(string(spec), b.DeletionTimestamp != nil)
		if s.bindings[u] != is {
			s.bindings[u], s.due[u] = is, s.Clock.Now()
		}
	}
}

func (s *schedule) runLoops() {
	for i, x := range s.loops {
		if !s.Clock.Now().Before(s.ticks[i]) {
			x.Run(s.Context())
			s.ticks[i] = s.Clock.Now().Add(x.Every)
		}
	}
}

func (s *schedule) reconcileDue() {
	for u, at := range maps.Clone(s.due) {
		if at.After(s.Clock.Now()) {
			continue
		}
		if s.passes++; s.passes > 20000 {
			s.Fatal("passes without end")
		}
		if u.stack != (stack.Key{}) {
			r, err := s.ReconcilerOf(u.stack).Reconcile(s.Context(), u.stack)
			s.after(u, r, err)
		} else {
			r, err := s.Bound.Reconcile(s.Context(), reconcile.Request{NamespacedName: u.binding})
			s.after(u, r, err)
		}
	}
}

// after makes a unit due again as its result asks.
func (s *schedule) after(u unit, r reconcile.Result, err error) {
	delete(s.due, u)
	now := s.Clock.Now()
	switch {
	case errors.Is(err, queue.ErrRequeue) || apierrors.IsConflict(err):
		s.due[u] = now.Add(queue.Coalesce)
	case err != nil && u.stack != (stack.Key{}):
		s.due[u] = now.Add(s.ReconcilerOf(u.stack).Retries.When(u.stack))
	case err != nil:
		s.due[u] = now.Add(s.Bound.Unavailable.Pause(reconcile.Request{NamespacedName: u.binding}, s.failures.When(u)))
	case r.RequeueAfter > 0:
		s.due[u] = now.Add(r.RequeueAfter)
		s.failures.Forget(u)
	default:
		s.failures.Forget(u)
	}
}

// next is when the next unit, loop or queue is due, and end at the latest.
func (s *schedule) next(end time.Time) time.Time {
	next := end
	times := slices.Concat(slices.Collect(maps.Values(s.due)), s.ticks)
	for _, k := range s.Bound.Networking.Queues() {
		if _, pause, _ := k.Next(); pause > 0 {
			times = append(times, s.Clock.Now().Add(pause))
		}
	}
	for _, at := range times {
		if at.Before(next) {
			next = at
		}
	}
	return next
}

// Warnings returns the events since from that report trouble, by object.
func (l *Lab) Warnings(from int) map[string][]string {
	out := map[string][]string{}
	for _, e := range l.Events[from:] {
		if object, text, ok := strings.Cut(e, ": "); ok && !strings.Contains(object, "SuccessfullyReconciled") {
			object, reason, _ := cutLast(object, " ")
			out[object] = append(out[object], reason+": "+text)
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Counts returns how many calls to AWS were made since a mark, in all and by action.
func (l *Lab) Counts(mark uint64) (total int, by map[string]int) {
	by = map[string]int{}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		by[c.Action]++
		total++
	}
	return total, by
}

// Foreign creates a load balancer that no stack owns, and returns its ARN.
func (l *Lab) Foreign(name string) string {
	l.Helper()
	out, err := l.Sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Scheme: "internal", Subnets: []string{"subnet-0a1de0000000000a1",
			"subnet-0a1de0000000000b1"}})
	l.Must(err)
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
}
