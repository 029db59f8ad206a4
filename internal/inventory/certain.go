package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Certain makes sure that nothing of a stack is overlooked, for a caller who is about to let go of it for good. AWS's lists lag
// behind writes, so that a listing may miss what a former process wrote just before this one began to read, what a write of
// unknown outcome made, or what this process made a moment before it was told to look again. wait is 0 if nothing can be missing;
// else look again after it, and plan anew. An object that is younger than this process's first listing had no former process;
// since is when the oldest object of the stack was made. It costs one listing for all stacks together.
func (i *Inventory) Certain(ctx context.Context, key stack.Key, since time.Time) (wait time.Duration, err error) {
	e := i.entry(key)
	i.mu.Lock()
	wait, need := i.uncertain(e, since), i.seq+1
	if wait != lookNow {
		i.mu.Unlock()
		return wait, nil
	}
	i.seq++
	i.mu.Unlock()
	if err := i.list(ctx, need); err != nil {
		return 0, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.uncertain(e, since), nil
}

// lookNow is the wait for something that only another listing can tell, which may begin at once.
const lookNow = time.Nanosecond

// uncertain is how long until a listing cannot miss anything of a stack any more; 0 if the stack rests on such a one. i.mu is held.
func (i *Inventory) uncertain(e *entry, since time.Time) time.Duration {
	doubt := e.doubt
	if since.Before(i.born) && doubt.Before(i.born) {
		doubt = i.born
	}
	sure := doubt.Add(listLag)
	switch now := i.cfg.Now(); {
	case doubt.IsZero() || e.stale == 0 && !e.at.Before(sure):
		return 0
	case now.Before(sure):
		return sure.Sub(now)
	}
	return lookNow
}

// Doubt forgets what is known of a stack after a write of which nobody knows whether it had an effect.
func (i *Inventory) Doubt(key stack.Key) {
	i.Invalidate(key)
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[key]; e != nil {
		e.doubt = i.cfg.Now()
	}
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
