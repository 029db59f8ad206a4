package account

import (
	"maps"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// visibility is what reads do not see yet: AWS's services answer from replicas that lag behind what was written. It
// holds only what still lags; the instant profile leaves it empty. Keys are ids and ARNs.
type visibility struct {
	undescribed former[struct{}] // not found by Describe calls yet
	unusable    former[struct{}] // not found yet by calls that name it to change it
	tags        former[map[string]string]
	balancing   former[Former]
	groups      former[*vpc.SecurityGroup]
	interfaces  former[*vpc.Interface]
}

// former is what reads still show in place of what is there.
type former[V any] map[string]lagging[V]

type lagging[V any] struct {
	value V
	until time.Time
}

// sweepEvery is how many more entries a map may get before those that are over are dropped.
const sweepEvery = 64

func (f former[V]) at(id string, now time.Time) (V, bool) {
	old, ok := f[id]
	return old.value, ok && now.Before(old.until)
}

func (f *former[V]) put(id string, value V, now, until time.Time) {
	m := map[string]lagging[V](*f)
	resource.Put(&m, id, lagging[V]{value, until})
	if len(m)%sweepEvery == 0 {
		maps.DeleteFunc(m, func(_ string, old lagging[V]) bool { return !now.Before(old.until) })
	}
	*f = m
}

// lag is how long reads miss a write of this moment, of which they may miss at most d.
func (a *Account) lag(d time.Duration) time.Duration {
	if a.Profile.LagChance <= 0 || d <= 0 {
		return d
	}
	if a.Random() >= a.Profile.LagChance {
		return 0
	}
	return time.Duration(a.Random() * float64(d))
}

// hide keeps a new resource from reads for the lag of d.
func (a *Account) hide(f *former[struct{}], id string, d time.Duration) {
	if d = a.lag(d); d > 0 {
		now := a.Clock.Now()
		f.put(id, struct{}{}, now, now.Add(d))
	}
}

// keep makes reads show the present value for the lag of d. Of several changes in that time the first counts. present
// is called at most once.
func keep[V any](a *Account, f *former[V], id string, d time.Duration, present func() V) {
	now := a.Clock.Now()
	if _, ok := f.at(id, now); ok {
		return
	}
	if d = a.lag(d); d > 0 {
		f.put(id, present(), now, now.Add(d))
	}
}

// described is what Describe calls show: the former values in place of the present ones.
func described[V any](a *Account, f former[V], present map[string]V) map[string]V {
	if len(f) == 0 {
		return present
	}
	now, shown := a.Clock.Now(), maps.Clone(present)
	for id := range f {
		if value, ok := f.at(id, now); ok {
			resource.Put(&shown, id, value)
		}
	}
	return shown
}

// CreatedCompute records that a resource of EC2 was just made: for a while Describe calls do not find it.
func (a *Account) CreatedCompute(id string) {
	a.hide(&a.visibility.undescribed, id, a.Profile.ComputeDescribed)
	a.hide(&a.visibility.unusable, id, a.Profile.ComputeUsable)
}

// CreatedBalancing records that a resource of Elastic Load Balancing was just made: for a while it is missing from
// lists that are not asked for by ARN or name.
func (a *Account) CreatedBalancing(arn string) {
	a.hide(&a.visibility.undescribed, arn, a.Profile.BalancingListed)
}

// Described reports whether Describe calls find the resource already.
func (a *Account) Described(id string) bool { return a.seen(a.visibility.undescribed, id) }

// Usable reports whether calls that change the resource find it already.
func (a *Account) Usable(id string) bool { return a.seen(a.visibility.unusable, id) }

func (a *Account) seen(f former[struct{}], id string) bool {
	if len(f) == 0 {
		return true
	}
	_, hidden := f.at(id, a.Clock.Now())
	return !hidden
}

// Former is a resource of Elastic Load Balancing as lists show it before its latest change reaches them.
type Former struct {
	Seq   uint64 // of its creation
	Value any    // what the list shows, as the caller of ChangingBalancing gave it
}

// ChangingBalancing records that a resource of Elastic Load Balancing, which lists now show as present, is about to
// change or to go: for a while those that are not asked for by ARN or name go on showing it so. Of several changes in
// that time the first counts. present is called at most once.
func (a *Account) ChangingBalancing(arn string, seq uint64, present func() any) {
	keep(a, &a.visibility.balancing, arn, a.Profile.BalancingChanged, func() Former { return Former{seq, present()} })
}

// FormerBalancing is what lists still show in place of what is there, by ARN. Resources that lists do not show yet are
// not in it.
func (a *Account) FormerBalancing() map[string]Former {
	var out map[string]Former
	for arn := range a.visibility.balancing {
		if old, ok := a.visibility.balancing.at(arn, a.Clock.Now()); ok && a.Described(arn) {
			resource.Put(&out, arn, old)
		}
	}
	return out
}

// ChangingGroup records that a security group is about to change or to go: for a while Describe calls go on showing it
// as it is.
func (a *Account) ChangingGroup(g *vpc.SecurityGroup) {
	keep(a, &a.visibility.groups, g.ID, a.Profile.ComputeChanged, g.Clone)
}

// ChangingInterface is ChangingGroup for a network interface.
func (a *Account) ChangingInterface(n *vpc.Interface) {
	keep(a, &a.visibility.interfaces, n.ID, a.Profile.ComputeChanged, n.Clone)
}

// DescribedGroups are the security groups as Describe calls show them, by id; not to be changed.
func (a *Account) DescribedGroups() map[string]*vpc.SecurityGroup {
	return described(a, a.visibility.groups, a.SecurityGroups)
}

// DescribedInterfaces are the network interfaces as Describe calls show them, by id; not to be changed.
func (a *Account) DescribedInterfaces() map[string]*vpc.Interface {
	return described(a, a.visibility.interfaces, a.Interfaces)
}

// RetagCompute records that the tags of an EC2 resource are about to change: for a while filters see the present ones.
func (a *Account) RetagCompute(id string, present map[string]string) {
	keep(a, &a.visibility.tags, id, a.Profile.ComputeTagged, func() map[string]string { return maps.Clone(present) })
}

// FilteredTags are the tags of an EC2 resource as filters see them; present are those that it has.
func (a *Account) FilteredTags(id string, present map[string]string) map[string]string {
	if len(a.visibility.tags) == 0 {
		return present
	}
	if old, ok := a.visibility.tags.at(id, a.Clock.Now()); ok {
		return old
	}
	return present
}
