package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// ProveAbsence proves that AWS has no resource of a stack, for a caller that is about to remove the finalizers of
// the stack's objects. AWS's lists lag behind writes. So a listing may miss a resource that a former process wrote
// just before this one began to read, that a write with unknown outcome created, or that this process created just
// before the stack was invalidated. Without proof, the caller makes a new plan after wait. since is when the oldest
// object of the stack was created: no former process wrote for an object that is younger than the first listing.
// ProveAbsence costs one listing for all stacks together.
func (i *Inventory) ProveAbsence(ctx context.Context, key stack.Key, since time.Time) (rest absence.Absence,
	wait time.Duration, err error) {
	e := i.entry(key)
	i.mu.Lock()
	rest, wait = i.consistent(e, since)
	if rest.Proven() || wait > 0 {
		i.mu.Unlock()
		return rest, wait, nil
	}
	need := e.needs()
	need.At = i.lagFrom(e, since).Add(listLag)
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

// consistent returns the proof that the stack's listing missed nothing. Without proof, it returns how long until a
// listing can be one; 0 = a listing that begins now. The caller holds i.mu.
func (i *Inventory) consistent(e *entry, since time.Time) (absence.Absence, time.Duration) {
	from := i.lagFrom(e, since)
	if from.IsZero() { // no write that a listing may miss, even if the stack is stale
		return absence.OfList(i.cfg.Now(), from, listLag), 0
	}
	if !e.invalid() {
		if rest := absence.OfList(e.list.At, from, listLag); rest.Proven() {
			return rest, 0
		}
	}
	return absence.Absence{}, max(0, from.Add(listLag).Sub(i.cfg.Now()))
}

// lagFrom returns the time of the last possible write for a stack that listings may miss; zero = there is none. The
// caller holds i.mu.
func (i *Inventory) lagFrom(e *entry, since time.Time) time.Time {
	if since.Before(i.firstListing) && e.lagFrom.Before(i.firstListing) {
		return i.firstListing
	}
	return e.lagFrom
}

// afterStart returns the mark of a listing that cannot miss writes of a former process. The caller holds i.mu.
func (i *Inventory) afterStart() order.Mark { return order.Mark{At: i.firstListing.Add(listLag)} }

// ListAgain makes a listing that cannot miss writes of a former process, unless there was one already. Config.Freed is
// called with the stacks of newly found resources.
func (i *Inventory) ListAgain(ctx context.Context) error {
	i.mu.Lock()
	need := i.afterStart()
	if now := i.cfg.Now(); now.Before(need.At) { // too early: it makes a new one all the same
		need = order.Mark{N: i.listed.N + 1, At: now}
	}
	i.mu.Unlock()
	return i.list(ctx, need)
}

// confirm records that a listing, which began at a mark, shows no resource of a stack that was not known. If it does
// show one, ok is false, and the stack must be read again. The caller holds i.mu.
func (i *Inventory) confirm(e *entry, found *awsop.Observed, began order.Mark) (ok bool) {
	if found != nil && hasMore(found, &e.obs, i.deleted) {
		i.markInvalid(e)
		return false
	}
	e.list = began // this process knows what it has written since
	return true
}

// hasMore reports whether an observation has a load balancer, target group or security group that another one lacks.
// Resources for which gone is true do not count; gone may be nil.
func hasMore(has, lacks *awsop.Observed, gone func(id string) bool) bool {
	there := map[string]bool{}
	for _, id := range idsOf(lacks) {
		there[id] = true
	}
	return slices.ContainsFunc(idsOf(has), func(id string) bool { return !there[id] && (gone == nil || !gone(id)) })
}

// deleted reports whether this process deleted a resource lately. The caller holds i.mu.
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

// LostParts are the parts that load balancers lose by a plan: certificates by ARN, security groups and subnets by id;
// and the subnets that they get instead.
type LostParts struct{ Certificates, SecurityGroups, Subnets, NewSubnets []string }

// Lists counts changes of the lists that ConfirmMissing uses: new lists, and parts that returned to a list.
func (i *Inventory) Lists() uint64 {
	return i.certificates.Lists() + i.groups.Lists() + i.network.Lists()
}

// ConfirmMissing confirms, before load balancers lose parts, that AWS's lists do not lack them by mistake, as an empty
// page does. Parts that the lists have cost nothing: the lists decided about them, unless they have changed since
// lists, the value of Lists before the stack was compiled. The others are read by their ids. again reports that the
// lists have changed, or that some of the others exist, so that the caller must compile again; what is neither known to
// exist nor proven to be absent is an error, and so are subnets whose routes are not as the list of route tables has
// them.
func (i *Inventory) ConfirmMissing(ctx context.Context, parts LostParts, lists uint64) (again bool, err error) {
	moved := slices.Concat(parts.Subnets, parts.NewSubnets)
	if len(parts.Certificates)+len(parts.SecurityGroups)+len(moved) > 0 && lists != i.Lists() {
		return true, nil
	}
	certificates, err := i.certificates.ConfirmMissing(ctx, parts.Certificates)
	if err != nil {
		return false, err
	}
	groups, err := i.groups.ConfirmMissing(ctx, parts.SecurityGroups)
	if err != nil {
		return false, err
	}
	if err := i.network.ConfirmMissing(ctx, parts.Subnets); err != nil {
		return false, err
	}
	return certificates || groups, i.network.Misrouted(ctx, moved)
}

// addLacking adds to a listing the load balancers and target groups that its lists lack by mistake, as an empty page
// does: each one that lacking returns is read by its ARN. It is an error if one is neither found nor proven to be
// absent.
func (i *Inventory) addLacking(ctx context.Context, l *listing, progressed func()) error {
	for _, arn := range i.lacking(l) {
		var balancers []awsop.LoadBalancer
		var groups []awsop.TargetGroup
		var n int
		var err error
		if kindOf(arn) == stack.KindLoadBalancer {
			balancers, _, n, err = i.listLoadBalancers(ctx, l, &elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{
				arn}})
		} else {
			groups, _, n, err = i.listTargetGroups(ctx, l, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
		}
		if err = i.provenAbsent(ctx, arn, n > 0, err); err != nil {
			return fmt.Errorf("looking whether %s, which the list lacks, exists: %w", arn, err)
		}
		progressed()
		l.balancers.items = append(l.balancers.items, balancers...)
		l.targets.items = append(l.targets.items, groups...)
	}
	return nil
}

// provenAbsent returns an error if AWS's answer to a read of a load balancer or target group by its ARN neither shows
// the resource nor proves that it is absent. An answer for another account proves nothing.
func (i *Inventory) provenAbsent(ctx context.Context, arn string, exists bool, err error) error {
	gone, err := absence.OfRead(exists, err != nil && vanished(err), err)
	if !gone.Proven() {
		return err
	}
	if other := i.identity.Other(ctx, arn); other != nil {
		return fmt.Errorf("%w: %w", absence.ErrUnknown, other)
	}
	return nil
}

// lacking returns the ARNs, sorted, that the lists of a listing lack although there is a sign that they exist: a listed
// target group is used by the load balancer, an earlier process knew the resource, or this one knows it and waits for
// the listing to read its stack again. What this process has deleted is left out.
func (i *Inventory) lacking(l *listing) []string {
	signs := map[string]bool{}
	for _, arn := range l.users {
		signs[arn] = true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, d := range i.kept.Stacks {
		for arn := range d.Tags {
			signs[arn] = true
		}
	}
	for _, e := range i.stacks {
		if e.invalid() {
			for _, arn := range arnsOf(&e.obs) {
				signs[arn] = true
			}
			continue
		}
		for _, lb := range e.obs.LoadBalancers { // known without the listing
			delete(signs, lb.ARN)
		}
	}
	for _, arn := range l.arns() {
		delete(signs, arn)
	}
	for arn := range i.gone {
		delete(signs, arn)
	}
	return slices.Sorted(maps.Keys(signs))
}
