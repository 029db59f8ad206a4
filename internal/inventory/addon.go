package inventory

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnShelf holds what lies over load balancers. It is guarded by Inventory.mu.
type addOnShelf struct {
	of         map[string]*addOns // by ARN of the load balancer
	subscribed fact[bool]         // to Shield Advanced
	trouble    trouble            // reading the subscription
	written    int64              // always 0: nobody subscribes by the controller
	reading    int                // reads under way
}

// addOns is what is known of one load balancer.
type addOns struct {
	webACL     fact[string]
	classic    fact[string] // decision 16: WAF Classic
	protection fact[*elb.ShieldProtection]
	capacity   fact[int32]
	failures   map[elb.AddOn]*trouble
	writes     int64 // grows with each operation, so that a read that began before does not count
}

// trouble is a read that failed a moment ago and is not worth another try yet.
type trouble struct {
	err error
	at  time.Time
}

func (s *addOnShelf) at(arn string) *addOns {
	a := s.of[arn]
	if a == nil {
		a = &addOns{failures: map[elb.AddOn]*trouble{}}
		s.of[arn] = a
	}
	return a
}

// record writes an operation through; the lock is held.
func (s *addOnShelf) record(op plan.Operation, out plan.Output, resolve func(stack.Ref) string, now time.Time) {
	if d, ok := op.(elb.DeleteLoadBalancer); ok {
		delete(s.of, resolve(d.LoadBalancer))
		return
	}
	decided, ok := elb.Effect(op, out)
	if !ok {
		return
	}
	arn := out.ID // of a new load balancer
	if r, _, changes := elb.Changes(op); changes {
		arn = resolve(r)
	}
	a := s.at(arn)
	a.writes++
	for _, k := range addOnKinds {
		k.keep(a, &decided, now)
	}
}

// fact is one answer.
type fact[T any] struct {
	value T
	at    time.Time
	known bool
}

// young reports whether the answer may still be given. The lock is held.
func (f *fact[T]) young(now time.Time, life func(T) time.Duration) bool {
	return f.known && now.Sub(f.at) <= life(f.value)
}

func known[T any](v T, at time.Time) fact[T] { return fact[T]{value: v, at: at, known: true} }

// ForgetAddOns makes the next Observed read again what lies over a load balancer.
func (i *Inventory) ForgetAddOns(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.addOns.of, arn)
}

// observeAddOns fills in what is known of add-ons, after reading those that are wanted, of the load balancers that they are
// wanted for. It never fails: what cannot be read is said so in the observation, and what takes long is there another time.
func (i *Inventory) observeAddOns(ctx context.Context, o *elb.Observed, desired *stack.Stack) {
	r := addOnReader{i: i, o: o, patience: time.NewTimer(i.cfg.Patience)}
	defer r.patience.Stop()
	r.ctx = cloud.WithPriority(ctx, cloud.Cosmetic)
	i.mu.Lock()
	r.crowded = i.addOns.reading > readers && i.cfg.Patience <= patience
	i.mu.Unlock()
	if desired != nil {
		for n := range desired.LoadBalancers {
			r.read(&desired.LoadBalancers[n])
		}
	}
	r.collect()
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range o.LoadBalancers {
		if a := i.addOns.of[o.LoadBalancers[n].ARN]; a != nil {
			for _, k := range addOnKinds {
				k.show(a, &o.LoadBalancers[n])
			}
		}
	}
	if s := i.addOns.subscribed; s.known && !s.value {
		r.refuse(elb.AddOnShield, plan.Guard{
			Code: diag.NotSubscribed, Text: "the account does not subscribe to Shield Advanced, so that the load balancer cannot be protected by it",
			Remedy: "subscribe, or remove the annotation",
		})
	}
}
