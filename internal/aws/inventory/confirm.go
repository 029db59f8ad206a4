package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// confirmation says who owned a resource, by its tags, when they were last read again.
type confirmation struct {
	at    time.Time
	owner stack.Key
	owned bool // by a stack of this cluster
	gone  bool // it does not exist
}

// confirmations are the results of reads before deletions. Inventory.mu guards them. They are dropped after
// confirmedFor.
type confirmations struct {
	of    map[string]confirmation // by ARN or group id
	asked map[string]bool         // the resources that callers wait for
}

func (c *confirmations) recent(id string, now time.Time) bool {
	r, ok := c.of[id]
	return ok && now.Sub(r.at) < confirmedFor
}

// ConfirmOwnership reads the tags of a stack's resources again, by ARN or group id, before the caller deletes them. It
// returns the resources that no longer have the stack's tags, and forgets them as if no listing had found them. A
// resource that does not exist is not among them, because its deletion succeeds.
//
// Callers at about the same time share calls. Each call is filled up with other resources of the cluster, which are
// then known for confirmedFor. Deleting n load balancers therefore takes about n/10 calls of DescribeTags.
func (i *Inventory) ConfirmOwnership(ctx context.Context, key stack.Key, ids []string) ([]string, error) {
	for {
		i.mu.Lock()
		waiting := false
		for _, id := range ids {
			if !i.confirmed.recent(id, i.cfg.Now()) {
				i.confirmed.asked[id], waiting = true, true
			}
		}
		i.mu.Unlock()
		if !waiting {
			return i.disown(key, ids), nil
		}
		if _, err := shared(ctx, i, "tags before deletion", func(ctx context.Context) (struct{}, error) {
			return struct{}{},
				i.readAsked(ctx)
		}); err != nil {
			return nil, fmt.Errorf("reading tags again before a deletion: %w", err)
		}
	}
}

// readAsked reads the tags that callers wait for, and as many more as fit into the calls.
func (i *Inventory) readAsked(ctx context.Context) error {
	i.mu.Lock()
	began := i.history.Now()
	at := began.At
	maps.DeleteFunc(i.confirmed.of, func(_ string, c confirmation) bool { return at.Sub(c.at) >= confirmedFor })
	var arns, groups []string
	for id := range i.confirmed.asked {
		if i.confirmed.recent(id, at) { // the call before read it too; it may be deleted by now
			continue
		}
		if strings.HasPrefix(id, "arn:") {
			arns = append(arns, id)
		} else {
			groups = append(groups, id)
		}
	}
	i.confirmed.asked = map[string]bool{}
	arns, groups = i.filled(arns, groups, at)
	i.mu.Unlock()

	tags, err := i.allTags(ctx, arns)
	var securityGroups []awsop.SecurityGroup
	if err == nil {
		err = i.proveAbsent(ctx, arns, tags)
	}
	if err == nil {
		i.keepTags(tags, began)
		securityGroups, err = i.groups.Read(ctx, groups...)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		return err
	}
	for _, arn := range arns {
		t, exists := tags[arn]
		i.noteOwner(arn, arn, t, exists, at)
	}
	for _, id := range groups {
		i.noteOwner(id, "", nil, false, at)
	}
	for _, g := range securityGroups {
		i.noteOwner(g.GroupID, g.Name, g.Tags, true, at)
	}
	return nil
}

// proveAbsent returns an error if some of the resources of which AWS shows no tags may exist in another account: their
// deletion would seem to succeed, and leave them.
func (i *Inventory) proveAbsent(ctx context.Context, arns []string, tags map[string]map[string]string) error {
	for _, arn := range arns {
		if _, exists := tags[arn]; !exists && !i.Gone(arn) {
			return i.identity.Other(ctx, arn)
		}
	}
	return nil
}

// noteOwner records who owns a resource. name is its ARN, or the name of a security group.
func (i *Inventory) noteOwner(id, name string, tags map[string]string, exists bool, at time.Time) {
	owner, _, owned := naming.StackOf(i.cfg.Cluster, name, tags)
	i.confirmed.of[id] = confirmation{at: at, owner: owner, owned: owned, gone: !exists}
}

// filled adds resources of the cluster that were not confirmed lately, so that the calls are full. The caller holds
// i.mu.
func (i *Inventory) filled(arns, groups []string, now time.Time) (moreARNs, moreGroups []string) {
	x, y := filling{list: arns, batch: tagBatch}, filling{list: groups, batch: securitygroup.Batch}
	old := func(id string) bool { return !i.confirmed.recent(id, now) }
	for _, e := range i.stacks {
		for n := range e.obs.LoadBalancers {
			x.offer(e.obs.LoadBalancers[n].ARN, old)
		}
		for n := range e.obs.TargetGroups {
			x.offer(e.obs.TargetGroups[n].ARN, old)
		}
		for n := range e.obs.SecurityGroups {
			y.offer(e.obs.SecurityGroups[n].GroupID, old)
		}
	}
	return x.all(), y.all()
}

// filling are the ids of calls, and in order the first other ids that fit into the last call.
type filling struct {
	list  []string
	batch int // how many ids a call takes
	more  []string
}

// offer takes an id for which old is true, if there is room for it or it comes before another one. Without a call there
// is no room.
func (f *filling) offer(id string, old func(string) bool) {
	room := (f.batch - len(f.list)%f.batch) % f.batch
	if len(f.list) == 0 || room == 0 || len(f.more) == room && id >= f.more[room-1] {
		return
	}
	at, has := slices.BinarySearch(f.more, id)
	if has || slices.Contains(f.list, id) || !old(id) {
		return
	}
	f.more = slices.Insert(f.more, at, id)
	f.more = f.more[:min(len(f.more), room)]
}

// all returns the ids of the calls.
func (f *filling) all() []string {
	slices.Sort(f.list)
	return append(f.list, f.more...)
}

// disown forgets the resources that no longer belong to a stack. If one of them belongs to another stack now, that
// stack is read again.
func (i *Inventory) disown(key stack.Key, ids []string) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []string
	for _, id := range ids {
		c := i.confirmed.of[id]
		if c.gone || c.owned && c.owner == key {
			continue
		}
		out = append(out, id)
		if other := i.stacks[c.owner]; c.owned && other != nil {
			i.markInvalid(other)
		}
		if e := i.stacks[key]; e != nil {
			e.drop(id)
			e.forgetOrphans()
		}
	}
	return out
}

// ConfirmAbsence is called before the caller creates a load balancer for a stack. It makes sure that the listing
// without such a load balancer is not older than absenceConfirmedFor. news is true if a new listing shows a resource
// of the stack: the caller must make a new plan. Stacks that create load balancers at about the same time share one
// listing.
func (i *Inventory) ConfirmAbsence(ctx context.Context, key stack.Key) (news bool, err error) {
	i.mu.Lock()
	need := order.Mark{At: i.cfg.Now().Add(-absenceConfirmedFor)}
	if i.assumesTags() {
		need.N = i.listed.N + 1
	}
	enough := i.listed.Covers(need)
	i.mu.Unlock()
	if enough {
		return false, nil
	}
	if err := i.list(ctx, need); err != nil {
		return false, fmt.Errorf("looking for load balancers of %s before one is created: %w", key, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	return e != nil && e.invalid(), nil
}

// FindUnlisted reads target groups by ARN that no listing showed, and reports whether one exists and is the stack's:
// AWS's lists lag behind writes, including those of a former process. The next Observed then shows it. FindUnlisted
// does not read groups that this process deleted.
func (i *Inventory) FindUnlisted(ctx context.Context, key stack.Key, arns []string) (exists bool, err error) {
	for _, arn := range arns {
		if i.Gone(arn) {
			continue
		}
		found, err := i.find(ctx, stack.KindTargetGroup, arn, "")
		if err != nil {
			return false, err
		}
		of, err := i.readStacks(ctx, found)
		if err != nil {
			return false, err
		}
		if of[key] != nil {
			i.mu.Lock()
			i.gain(key, arn)
			i.mu.Unlock()
			exists = true
		}
	}
	return exists, nil
}
