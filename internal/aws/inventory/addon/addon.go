// Package addon caches the add-ons of load balancers: web ACLs, protection by Shield Advanced, reserved capacity. It
// reads the add-ons that stacks declare, waits only a moment for the answers, and records writes. Each kind of add-on
// has its own read; see kinds.
package addon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	lifetime       = 10 * time.Minute
	webACLLifetime = time.Hour // names and ARNs
	// subscribedLifetime and unsubscribedLifetime are for the subscription to Shield Advanced, which accounts gain sooner
	// than they lose it.
	subscribedLifetime   = 2 * time.Hour
	unsubscribedLifetime = 10 * time.Minute
	// failureLifetime is how long a failed read is not tried again.
	failureLifetime = 15 * time.Second
	// turnTimeout is how much of a read's time it may wait for its turn.
	turnTimeout = 45 * time.Second
	// Timeout is how long a pass usually waits for add-ons; what is not read by then is there for the next pass.
	Timeout = 2 * time.Second
	// readers is how many reads may be under way before passes do not wait for theirs.
	readers = 8
)

// errSlow is the answer while the web ACLs are still being listed.
var errSlow = diag.New(diag.Object{}, "", diag.AWSUnavailable, "AWS WAF has not answered yet",
	"nothing to do: the controller tries again")

// AddOns is the known state of the add-ons of all load balancers. It is safe for concurrent use.
type AddOns struct {
	timeout time.Duration
	kinds   []kind
	reading atomic.Int32 // reads under way

	subscribed *cache.Value[bool]
	webACLs    *cache.Value[map[string]string]
}

// New makes AddOns of which nothing is known. timeout is how long, in real time, Observe and WebACLs wait for AWS, and
// wait how long for a new answer where an old one serves.
func New(clients awsclient.Clients, now func() time.Time, timeout, wait time.Duration) *AddOns {
	a := &AddOns{timeout: timeout}
	a.kinds = kinds(a, clients, now)
	a.subscribed = cache.NewValue(cache.Config{Now: now, Lifetime: subscribedLifetime,
		FailureLifetime: keepFailure},
		counted(a, func(ctx context.Context) (bool, error) {
			out, err := clients.Shield.GetSubscriptionState(ctx, &shield.GetSubscriptionStateInput{})
			if err != nil {
				return false, fmt.Errorf("reading the subscription to Shield Advanced: %w", err)
			}
			return out.SubscriptionState == shieldtypes.SubscriptionStateActive, nil
		}))
	a.webACLs = cache.NewValue(cache.Config{
		Now: now, Lifetime: webACLLifetime, Stale: cache.Stale, Wait: wait, Passing: awsclient.Passing,
	}, func(ctx context.Context) (map[string]string, error) { return listWebACLs(ctx, clients.WAFv2) })
	return a
}

// keepFailure keeps failures for a while, but not that a read's turn did not come.
func keepFailure(err error) time.Duration {
	if errors.Is(err, awsclient.ErrBusy) {
		return 0
	}
	return failureLifetime
}

// counted is a read that is counted while it is under way.
func counted[T any](a *AddOns, read func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		a.reading.Add(1)
		defer a.reading.Add(-1)
		return read(ctx)
	}
}

// Record takes over what a successful operation did; resolve gives the ARN behind a reference.
func (a *AddOns) Record(op plan.Operation, out awsop.Output, resolve func(stack.Ref) string) {
	effect := op.About().Effect
	arn := resolve(effect.Resource)
	switch {
	case effect.Kind != stack.KindLoadBalancer:
		return
	case effect.Verb == plan.Deletes:
		a.Forget(arn)
		return
	}
	var before awsop.Observed
	if effect.Verb != plan.Creates { // of which no add-on is known, so that what is known afterwards is by the operation
		before.LoadBalancers = []awsop.LoadBalancer{{ARN: arn}}
	}
	for _, lb := range awsop.Advance(before, op, out, resolve).LoadBalancers {
		for _, k := range a.kinds {
			k.put(lb.ARN, &lb)
		}
	}
}

// Forget drops what is known of a load balancer's add-ons, so that the next Observe reads them.
func (a *AddOns) Forget(arn string) {
	for _, k := range a.kinds {
		k.forget(arn)
	}
}

// read is a read that Observe waits for.
type read struct {
	on        awsop.AddOn
	operation string
	lb        int // index of the load balancer, -1 = the account
	get       func(context.Context) error
	failure   func() error // that of an earlier read; nil = it succeeded
	err       error
}

// Observe fills in what is known of add-ons, after reading those that are wanted, of the load balancers that they are
// wanted for. It never fails: what cannot be read is in Unread or Unavailable of the observation, and what takes longer
// than the timeout makes it Pending.
func (a *AddOns) Observe(ctx context.Context, o *awsop.Observed, desired *stack.Stack) {
	var reads []*read
	if desired != nil {
		for n := range desired.LoadBalancers {
			reads = append(reads, a.wanted(o, &desired.LoadBalancers[n])...)
		}
		if desired.EndsShield {
			for _, lb := range o.LoadBalancers {
				reads = append(reads, a.wanted(o, &stack.LoadBalancer{ID: lb.ID, Type: lb.Type,
					AddOns: stack.AddOns{Shield: new(true)}})...)
			}
		}
	}
	a.await(ctx, reads)
	for _, r := range reads {
		if errors.Is(r.err, awsclient.ErrBusy) {
			o.Pending, r.err = true, r.failure()
		}
		if r.err != nil {
			unread(o, r)
		}
	}
	for n := range o.LoadBalancers {
		for _, k := range a.kinds {
			k.show(&o.LoadBalancers[n])
		}
	}
	if subscribed, known := a.subscribed.Peek(); known && !subscribed {
		refuse(o, awsop.AddOnShield, plan.Guard{
			Code: diag.NotSubscribed,
			Text: "the account does not subscribe to Shield Advanced, so Shield Advanced does not protect the load balancer",
			Remedy: "subscribe the account to Shield Advanced, or switch the protection off: annotation " +
				"shield-advanced-protection: \"false\" of an Ingress, or shieldConfiguration.enabled: false in the " +
				"LoadBalancerConfiguration of a Gateway",
		})
	}
}

// wanted are the reads for one wanted load balancer.
func (a *AddOns) wanted(o *awsop.Observed, w *stack.LoadBalancer) (reads []*read) {
	if w.Shield != nil {
		reads = append(reads, &read{on: awsop.AddOnShield, operation: "GetSubscriptionState", lb: -1, get: a.subscription,
			failure: a.subscribed.Failure})
	}
	for _, k := range a.kinds {
		if !k.wanted(&w.AddOns) {
			continue
		}
		for n := range o.LoadBalancers {
			if lb := &o.LoadBalancers[n]; lb.ID == w.ID && lb.Type == w.Type {
				reads = append(reads, k.read(n, lb.ARN))
			}
		}
	}
	return reads
}

// subscription makes sure that it is known whether the account subscribes to Shield Advanced.
func (a *AddOns) subscription(ctx context.Context) error {
	subscribed, err := a.subscribed.Get(ctx)
	if err == nil && !subscribed {
		_, err = a.subscribed.Within(ctx, unsubscribedLifetime)
	}
	return err
}

// await makes the reads, until the timeout. They go on after it.
func (a *AddOns) await(ctx context.Context, reads []*read) {
	timeout := a.timeout
	if a.reading.Load() > readers && timeout <= Timeout {
		timeout = 0
	}
	ctx, cancel := context.WithTimeoutCause(awsclient.WithMaxWait(awsclient.WithPriority(ctx, awsclient.Cosmetic),
		turnTimeout), timeout, awsclient.ErrBusy)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range reads {
		all.Go(func() {
			if r.err = r.get(ctx); r.err != nil && ctx.Err() != nil && errors.Is(r.err, context.Cause(ctx)) {
				r.err = awsclient.ErrBusy
			}
		})
	}
	all.Wait()
}

func refuse(o *awsop.Observed, on awsop.AddOn, g plan.Guard) {
	if o.Unavailable == nil {
		o.Unavailable = map[awsop.AddOn]plan.Guard{}
	}
	o.Unavailable[on] = g
}

func unread(o *awsop.Observed, r *read) {
	d := awsclient.Problem(r.operation, r.err)
	g := plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
	if r.lb < 0 {
		refuse(o, r.on, g)
		return
	}
	lb := &o.LoadBalancers[r.lb]
	if lb.Unread == nil {
		lb.Unread = map[awsop.AddOn]plan.Guard{}
	}
	lb.Unread[r.on] = g
}

// WebACLs returns the ARNs of the regional web ACLs of WAFv2 by name. It waits no longer than the timeout; the error is
// a diag.Diagnostic, or that of ctx. The map must not be changed.
func (a *AddOns) WebACLs(ctx context.Context) (map[string]string, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, a.timeout, errSlow)
	defer cancel()
	names, err := a.webACLs.Get(waiting)
	switch {
	case err == nil:
		return names, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case waiting.Err() != nil:
		return nil, errSlow
	}
	return nil, awsclient.Problem("ListWebACLs", err)
}

// ForgetWebACLs has the web ACLs listed again.
func (a *AddOns) ForgetWebACLs() { a.webACLs.Forget() }

func listWebACLs(ctx context.Context, client awsclient.WAFv2) (map[string]string, error) {
	out := map[string]string{}
	in := &wafv2.ListWebACLsInput{Scope: waftypes.ScopeRegional, Limit: aws.Int32(100)}
	for {
		page, err := client.ListWebACLs(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("listing web ACLs: %w", err)
		}
		for _, w := range page.WebACLs {
			out[aws.ToString(w.Name)] = aws.ToString(w.ARN)
		}
		if aws.ToString(page.NextMarker) == "" || len(page.WebACLs) == 0 { // a full last page has a marker too
			return out, nil
		}
		in.NextMarker = page.NextMarker
	}
}
