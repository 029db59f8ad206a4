package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// EnsureConsistent proves that nothing of a stack is overlooked, for a caller that is about to release its objects for
// good. AWS's lists lag behind writes, so that a listing may miss what a former process wrote just before this one
// began to read, what a write of unknown outcome made, or what this process made a moment before the stack was
// invalidated. Without proof, look again after wait, and make a new plan. An object that is younger than this process's
// first listing had no former process; since is when the oldest object of the stack was made. It costs one listing for
// all stacks together.
func (i *Inventory) EnsureConsistent(ctx context.Context, key stack.Key, since time.Time) (rest absence.Absence,
	wait time.Duration, err error) {
	e := i.entry(key)
	i.mu.Lock()
	rest, wait = i.consistent(e, since)
	if rest.Proven() || wait > 0 {
		i.mu.Unlock()
		return rest, wait, nil
	}
	need := i.underWay.invalidations
	if !i.sufficesSoon(e, since) {
		i.history.invalidations++
		need = i.history.invalidations
	}
	i.mu.Unlock()
	if err := i.list(ctx, need); err != nil {
		return rest, 0, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	rest, wait = i.consistent(e, since)
	if !rest.Proven() {
		wait = max(wait, time.Nanosecond)
	}
	return rest, wait, nil
}

// consistent is the proof that the listing that a stack rests on cannot miss anything of it, or how long until a
// listing can be that; 0 = one that begins now. i.mu is held.
func (i *Inventory) consistent(e *entry, since time.Time) (absence.Absence, time.Duration) {
	from := i.lagFrom(e, since)
	if from.IsZero() { // nothing was written that a listing may miss, whatever it is stale for
		return absence.OfList(i.cfg.Now(), from, listLag), 0
	}
	if e.stale == 0 {
		if rest := absence.OfList(e.at, from, listLag); rest.Proven() {
			return rest, 0
		}
	}
	return absence.Absence{}, max(0, from.Add(listLag).Sub(i.cfg.Now()))
}

// lagFrom is when something of a stack may have been written last that listings may miss; zero = never. i.mu is held.
func (i *Inventory) lagFrom(e *entry, since time.Time) time.Time {
	if since.Before(i.firstListing) && e.lagFrom.Before(i.firstListing) {
		return i.firstListing
	}
	return e.lagFrom
}

// sufficesSoon reports whether a listing is under way that is proof for a stack when it ends: it began late enough, and
// a stack that waits for a listing takes it over. i.mu is held.
func (i *Inventory) sufficesSoon(e *entry, since time.Time) bool {
	takesOver := e.stale == 0 || e.stale <= i.underWay.invalidations && e.wrote <= i.underWay.writes
	return i.lists > 0 && takesOver && absence.OfList(i.underWay.at, i.lagFrom(e, since), listLag).Proven()
}

// ListAgain makes a listing that cannot miss what a former process wrote before this one began to read, unless there
// was one since. Config.Freed is called with the stacks of resources that come to light.
func (i *Inventory) ListAgain(ctx context.Context) error {
	i.mu.Lock()
	if i.listed.invalidations > 0 && absence.OfList(i.listed.at, i.firstListing, listLag).Proven() {
		i.mu.Unlock()
		return nil
	}
	i.history.invalidations++
	need := i.history.invalidations
	i.mu.Unlock()
	return i.list(ctx, need)
}

// confirm takes note that a listing which began then holds nothing of a stack that was not known; if it does, ok is
// false, and the stack is to be read again. i.mu is held.
func (i *Inventory) confirm(e *entry, found *awsop.Observed, began version) (ok bool) {
	if found != nil && hasMore(found, &e.obs, i.deleted) {
		i.markStale(e)
		return false
	}
	e.at = began.at // whatever this process wrote since: that is known
	return true
}

// hasMore reports whether an observation has a load balancer, target group or security group that another one lacks;
// except what is gone, which nil means nothing is.
func hasMore(has, lacks *awsop.Observed, gone func(id string) bool) bool {
	there := map[string]bool{}
	for _, id := range idsOf(lacks) {
		there[id] = true
	}
	return slices.ContainsFunc(idsOf(has), func(id string) bool { return !there[id] && (gone == nil || !gone(id)) })
}

// deleted reports whether this process deleted a resource lately. i.mu is held.
func (i *Inventory) deleted(id string) bool {
	_, deleted := i.gone[id]
	return deleted || i.groups.Gone(id)
}

// idsOf are the ARNs of load balancers and target groups and the ids of security groups.
func idsOf(o *awsop.Observed) []string {
	ids := arnsOf(o)
	for _, g := range o.SecurityGroups {
		ids = append(ids, g.GroupID)
	}
	return ids
}
