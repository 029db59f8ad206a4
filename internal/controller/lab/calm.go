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

// Pass reconciles stacks and bindings for a span of simulated time, as the work queues would: each unit when it is
// due, and no earlier. It also runs the background loops.
func (l *Lab) Pass(span time.Duration, loops []Loop, keys ...stack.Key) {
	l.Helper()
	type unit struct {
		stack   stack.Key
		binding types.NamespacedName
	}
	end := l.Clock.Now().Add(span)
	due := map[unit]time.Time{}
	for _, key := range keys {
		due[unit{stack: key}] = l.Clock.Now()
	}
	failures := backoff.NewFailures[unit](backoff.Policy{First: queue.FirstRetry, Longest: l.Config.BindingMaxBackoff},
		l.Clock.Now, nil)
	known := map[unit]string{} // what a watch brings back
	ticks := make([]time.Time, len(loops))
	for i := range ticks {
		ticks[i] = l.Clock.Now()
	}
	after := func(u unit, r reconcile.Result, err error) {
		delete(due, u)
		now := l.Clock.Now()
		switch {
		case errors.Is(err, queue.ErrRequeue) || apierrors.IsConflict(err):
			due[u] = now.Add(queue.Coalesce)
		case err != nil && u.stack != (stack.Key{}):
			due[u] = now.Add(l.ReconcilerOf(u.stack).Retries.When(u.stack))
		case err != nil:
			due[u] = now.Add(l.Bound.Unavailable.Pause(reconcile.Request{NamespacedName: u.binding}, failures.When(u)))
		case r.RequeueAfter > 0:
			due[u] = now.Add(r.RequeueAfter)
			failures.Forget(u)
		default:
			failures.Forget(u)
		}
	}
	notice := func() {
		for _, key := range l.Woken {
			due[unit{stack: key}] = l.Clock.Now()
		}
		l.Woken = nil
		for _, b := range l.AllBindings() {
			spec, err := json.Marshal(b.Spec)
			l.Must(err)
			u, is := unit{binding: client.ObjectKeyFromObject(&b)}, fmt.Sprint(string(spec), b.DeletionTimestamp != nil)
			if known[u] != is {
				known[u], due[u] = is, l.Clock.Now()
			}
		}
	}
	for passes := 0; l.Clock.Now().Before(end); {
		notice()
		for i, x := range loops {
			if !l.Clock.Now().Before(ticks[i]) {
				x.Run(l.Context())
				ticks[i] = l.Clock.Now().Add(x.Every)
			}
		}
		for u, at := range maps.Clone(due) {
			if at.After(l.Clock.Now()) {
				continue
			}
			if passes++; passes > 20000 {
				l.Fatal("passes without end")
			}
			if u.stack != (stack.Key{}) {
				r, err := l.ReconcilerOf(u.stack).Reconcile(l.Context(), u.stack)
				after(u, r, err)
			} else {
				r, err := l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: u.binding})
				after(u, r, err)
			}
		}
		l.RunQueues(l.Context())
		for _, b := range l.BindingsWoken {
			due[unit{binding: b}] = l.Clock.Now()
		}
		l.BindingsWoken = nil
		notice()
		next := end
		for _, k := range l.Bound.Networking.Queues() {
			if _, pause, _ := k.Next(); pause > 0 {
				ticks = append(ticks, l.Clock.Now().Add(pause))
			}
		}
		for _, at := range slices.Concat(slices.Collect(maps.Values(due)), ticks) {
			if at.Before(next) {
				next = at
			}
		}
		ticks = ticks[:len(loops)]
		l.Clock.Advance(max(next.Sub(l.Clock.Now()), time.Millisecond))
	}
}

// Warnings are the events of a span that tell trouble, by object.
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

// Counts are the calls to AWS since a mark, by action.
func (l *Lab) Counts(mark uint64) (total int, by map[string]int) {
	by = map[string]int{}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		by[c.Action]++
		total++
	}
	return total, by
}

// Foreign makes a load balancer of a name that is nobody's, and returns its ARN.
func (l *Lab) Foreign(name string) string {
	l.Helper()
	out, err := l.Sim.Balancing.CreateLoadBalancer(l.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Scheme: "internal", Subnets: []string{"subnet-0a1de0000000000a1",
			"subnet-0a1de0000000000b1"}})
	l.Must(err)
	return aws.ToString(out.LoadBalancers[0].LoadBalancerArn)
}
