package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/proof"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Certain proves that nothing of a stack is overlooked, for a caller who is about to let go of it for good. AWS's lists lag
// behind writes, so that a listing may miss what a former process wrote just before this one began to read, what a write of
// unknown outcome made, or what this process made a moment before it was told to look again. Without proof, look again after wait,
// and plan anew. An object that is younger than this process's first listing had no former process; since is when the oldest object
// of the stack was made. It costs one listing for all stacks together.
func (i *Inventory) Certain(ctx context.Context, key stack.Key, since time.Time) (rest proof.Absence, wait time.Duration, err error) {
	e := i.entry(key)
	i.mu.Lock()
	rest, wait = i.certain(e, since)
	need := i.seq + 1
	if rest.Proven() || wait > 0 {
		i.mu.Unlock()
		return rest, wait, nil
	}
	i.seq++
	i.mu.Unlock()
	if err := i.list(ctx, need); err != nil {
		return rest, 0, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	rest, wait = i.certain(e, since)
	if !rest.Proven() {
		wait = max(wait, time.Nanosecond)
	}
	return rest, wait, nil
}

// certain is the proof that the listing that a stack rests on cannot miss anything of it, or how long until a listing can be that; 0 =
// one that begins now. i.mu is held.
func (i *Inventory) certain(e *entry, since time.Time) (proof.Absence, time.Duration) {
	doubt := e.doubt
	if since.Before(i.born) && doubt.Before(i.born) {
		doubt = i.born
	}
	if doubt.IsZero() { // nothing was written that a listing may miss, whatever it is stale for
		return proof.OfList(i.cfg.Now(), doubt, listLag), 0
	}
	if e.stale == 0 {
		if rest := proof.OfList(e.at, doubt, listLag); rest.Proven() {
			return rest, 0
		}
	}
	return proof.Absence{}, max(0, doubt.Add(listLag).Sub(i.cfg.Now()))
}

// confirm takes note that a listing which began at that time holds nothing of a stack that was not known; if it does, the stack
// is to be read again. i.mu is held.
func (i *Inventory) confirm(e *entry, found *plan.Observed, at time.Time) {
	if found != nil {
		news := slices.ContainsFunc(found.LoadBalancers, func(x plan.LoadBalancer) bool {
			return !slices.ContainsFunc(e.obs.LoadBalancers, func(y plan.LoadBalancer) bool { return x.ARN == y.ARN })
		}) || slices.ContainsFunc(found.TargetGroups, func(x plan.TargetGroup) bool {
			return !slices.ContainsFunc(e.obs.TargetGroups, func(y plan.TargetGroup) bool { return x.ARN == y.ARN })
		}) || slices.ContainsFunc(found.SecurityGroups, func(x plan.SecurityGroup) bool {
			return !slices.ContainsFunc(e.obs.SecurityGroups, func(y plan.SecurityGroup) bool { return x.GroupID == y.GroupID })
		})
		if news {
			i.seq++
			e.stale = i.seq
			return
		}
	}
	e.at = at
}
