package inventory

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// version is a point in the history of the inventory: how many invalidations and writes there were before, and when it
// was. What began to be read at a version shows what was written up to it, as far as AWS's reads show it at once; see
// listLag.
type version struct {
	invalidations, writes int64
	at                    time.Time
}

// version is the present one. i.mu is held.
func (i *Inventory) version() version {
	v := i.history
	v.at = i.cfg.Now()
	return v
}

// markStale has a stack wait for a listing that begins from now on. i.mu is held.
func (i *Inventory) markStale(e *entry) {
	i.history.invalidations++
	e.stale = i.history.invalidations
}

// entry is one stack.
type entry struct {
	// reading holds an element while the stack is read, so that it is read once. It is no mutex, as AWS may not answer,
	// and its callers may give up.
	reading chan struct{}

	// The rest is guarded by Inventory.mu. Copies of obs are handed out, and its maps are shared: they are replaced, never
	// changed.
	obs       awsop.Observed
	stale     int64     // version.invalidations at the newest invalidation; 0 = trustworthy
	wrote     int64     // version.writes at the newest write-through
	at        time.Time // when the newest listing began that it rests on
	lagFrom   time.Time // when something was written that the newest listing may miss; zero = never
	createdAt time.Time // when this process last created something of it that listings find; zero = never
	// uncertain resources are read before the stack is planned again.
	uncertain []uncertain
	reread    reread
	absent    []string // ARNs or names of load balancers of others that do not exist
}

func (i *Inventory) entry(key stack.Key) *entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		e = newEntry(key)
		e.at = i.listed.at // which had nothing of it
		if i.listed.invalidations == 0 {
			e.stale = 1 // any listing will do
		}
		i.stacks[key] = e
	}
	return e
}

func newEntry(key stack.Key) *entry {
	return &entry{obs: awsop.Observed{Key: key}, reading: make(chan struct{}, 1)}
}

// loadBalancer is what is known of a load balancer; nil = it is not the stack's.
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
	if e := i.stacks[key]; e != nil && i.lists == 0 && e.stale == 0 && len(e.uncertain) == 0 && e.empty() {
		delete(i.stacks, key)
	}
}

// ResetBackoff ends all counts of Backoff of a stack, and forgets its refusals: none of its steps waits any more. A
// count that stayed would make the next wait of that name as long as the last one.
func (i *Inventory) ResetBackoff(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.resetBackoff(key)
}

func (i *Inventory) resetBackoff(key stack.Key) {
	i.backoffs.ForgetFunc(func(k stepKey) bool { return k.stack == key })
	i.cfg.Refusals.Forget(key)
}

// empty reports that AWS holds nothing of a stack, as far as is known.
func (e *entry) empty() bool {
	if len(e.obs.LoadBalancers) > 0 && !e.obs.Owned() { // what is left on those of others was planned to go
		return len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0
	}
	return len(e.obs.LoadBalancers)+len(e.obs.Listeners)+len(e.obs.Rules)+len(e.obs.TargetGroups)+
		len(e.obs.SecurityGroups) == 0
}

// RereadCost is about how many reads Reread of a stack takes; 0 = there is nothing to read.
func (i *Inventory) RereadCost(key stack.Key) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil || e.stale != 0 {
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
