package inventory

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// begin returns the mark at which a read begins.
func (i *Inventory) begin() order.Mark {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.history.Now()
}

// markInvalid makes a stack wait for a listing that begins from now on. The caller holds i.mu.
func (i *Inventory) markInvalid(e *entry) { e.invalidated = i.history.Next() }

// entry is one stack.
type entry struct {
	// reading holds an element while the stack is read, so that it is read once. It is not a mutex, because AWS may not
	// answer, and waiting callers may give up.
	reading chan struct{}

	// The rest is guarded by Inventory.mu. Copies of obs are handed out, and its maps are shared: they are replaced, never
	// changed.
	obs         awsop.Observed
	list        order.Mark // at which the newest listing that it rests on began
	invalidated order.Mark // of the newest invalidation
	wrote       order.Mark // of the newest write that was recorded
	lagFrom     time.Time  // the time of the last write that the newest listing may miss; zero = there is none
	createdAt   time.Time  // when this process last created a resource of it that listings show; zero = never
	// uncertain resources are read before the stack is planned again.
	uncertain []uncertain
	reread    reread
	absent    []string // ARNs or names of load balancers of others that do not exist
}

// invalid reports whether the entry waits for a listing.
func (e *entry) invalid() bool { return !e.list.Covers(e.invalidated) }

// needs returns the mark of the listing that the entry waits for: it shows what this process wrote. The zero mark is
// that of any listing.
func (e *entry) needs() order.Mark {
	switch {
	case !e.invalid():
		return order.Mark{}
	case e.wrote.Covers(e.invalidated):
		return e.wrote
	}
	return e.invalidated
}

func (i *Inventory) entry(key stack.Key) *entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.lockedEntry(key)
}

// lockedEntry is entry for a caller that holds i.mu.
func (i *Inventory) lockedEntry(key stack.Key) *entry {
	e := i.stacks[key]
	if e == nil {
		e = newEntry(key)
		e.list = i.listed // it showed nothing of the stack
		i.stacks[key] = e
	}
	return e
}

func newEntry(key stack.Key) *entry {
	return &entry{obs: awsop.Observed{Key: key}, reading: make(chan struct{}, 1)}
}

// loadBalancer returns the observed load balancer with an ARN; nil = it is not the stack's.
func (e *entry) loadBalancer(arn string) *awsop.LoadBalancer {
	for n := range e.obs.LoadBalancers {
		if e.obs.LoadBalancers[n].ARN == arn {
			return &e.obs.LoadBalancers[n]
		}
	}
	return nil
}

// Forget drops the entry of a stack that is no longer wanted, unless a part of the stack still exists, or a listing
// in progress may contain parts that were just deleted.
func (i *Inventory) Forget(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.resetBackoff(key)
	if e := i.stacks[key]; e != nil && i.lists == 0 && !e.invalid() && len(e.uncertain) == 0 && e.empty() {
		delete(i.stacks, key)
		i.recount(key)
	}
}

// ResetBackoff ends all counts of Backoff of a stack, and forgets its refusals, because no step of the stack waits any
// longer. Otherwise the next wait of the same step would begin with the last, long pause.
func (i *Inventory) ResetBackoff(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.resetBackoff(key)
}

func (i *Inventory) resetBackoff(key stack.Key) {
	i.backoffs.ForgetFunc(func(k stepKey) bool { return k.stack == key })
	i.cfg.Refusals.Forget(key)
}

// empty reports whether AWS has no resource of a stack, as far as is known.
func (e *entry) empty() bool {
	if len(e.obs.LoadBalancers) > 0 && !e.obs.Owned() { // the rest, on load balancers of others, is planned to be deleted
		return len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0
	}
	return len(e.obs.LoadBalancers)+len(e.obs.Listeners)+len(e.obs.Rules)+len(e.obs.TargetGroups)+
		len(e.obs.SecurityGroups) == 0
}

// RereadCost returns about how many reads Reread needs for a stack; 0 = there is nothing to read.
func (i *Inventory) RereadCost(key stack.Key) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil || e.invalid() {
		return 0
	}
	calls := func(n, batch int) int { return (n + batch - 1) / batch }
	o := &e.obs
	balancers, groups := len(o.LoadBalancers), len(o.TargetGroups)
	n := calls(balancers, tagBatch) + calls(groups, tagBatch) + calls(balancers+groups, tagBatch) +
		calls(len(o.SecurityGroups), tagBatch) +
		calls(len(o.Listeners)+len(o.Rules), tagBatch)
	for r := range o.Resources(stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindListener) {
		for _, x := range []awsop.Part{awsop.PartListeners, awsop.PartRules, awsop.PartCertificates, awsop.PartAttributes} {
			if r.Parts.Known(x) {
				n++
			}
		}
	}
	return n
}
