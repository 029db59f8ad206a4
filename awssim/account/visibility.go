package account

import (
	"maps"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// visibility is what reads do not see yet: AWS's services answer from replicas that lag behind what was written. It holds
// only what still lags; the instant profile leaves it empty. Keys are ids and ARNs.
type visibility struct {
	describedAt   map[string]time.Time     // found by Describe calls from then on
	usableAt      map[string]time.Time     // found by calls that name it to change it
	oldTags       map[string]oldTags       // what filters see
	former        map[string]Former        // what lists of load balancing show
	formerCompute map[string]formerCompute // what Describe calls show in place of what is there
}

// sweepEvery is how many more entries a map may get before those that are over are dropped.
const sweepEvery = 64

type oldTags struct {
	tags  map[string]string
	until time.Time
}

// CreatedCompute says that a resource of EC2 was just made: for a while Describe calls do not find it.
func (a *Account) CreatedCompute(id string) {
	a.hide(&a.visibility.describedAt, id, a.Profile.ComputeDescribed)
	a.hide(&a.visibility.usableAt, id, a.Profile.ComputeUsable)
}

// CreatedBalancing says that a resource of Elastic Load Balancing was just made: for a while it is missing from lists that
// are not asked for by ARN or name.
func (a *Account) CreatedBalancing(arn string) {
	a.hide(&a.visibility.describedAt, arn, a.Profile.BalancingListed)
}

// Former is a resource of Elastic Load Balancing as lists show it that do not know of its latest change.
type Former struct {
	Seq   uint64 // of its creation
	Value any    // what the list shows, as the caller of ChangingBalancing gave it
	until time.Time
}

// ChangingBalancing says that a resource of Elastic Load Balancing, which lists now show as present, is about to change or to go:
// for a while those that are not asked for by ARN or name go on showing it so. Of several changes in that time the first counts.
// present is called at most once.
func (a *Account) ChangingBalancing(arn string, seq uint64, present func() any) {
	now := a.Clock.Now()
	if old, ok := a.visibility.former[arn]; ok && now.Before(old.until) {
		return
	}
	d := a.lag(a.Profile.BalancingChanged)
	if d <= 0 {
		return
	}
	resource.Put(&a.visibility.former, arn, Former{seq, present(), now.Add(d)})
	if len(a.visibility.former)%sweepEvery == 0 {
		maps.DeleteFunc(a.visibility.former, func(_ string, old Former) bool { return !now.Before(old.until) })
	}
}

// FormerBalancing is what lists still show in place of what is there, by ARN. Resources that lists do not show yet are not in it.
func (a *Account) FormerBalancing() map[string]Former {
	var out map[string]Former
	for arn, old := range a.visibility.former {
		if a.Clock.Now().Before(old.until) && a.Described(arn) {
			resource.Put(&out, arn, old)
		}
	}
	return out
}

// lag is how long reads miss the write that is made now, of which they may miss at most d.
func (a *Account) lag(d time.Duration) time.Duration {
	if a.Profile.LagChance <= 0 || d <= 0 {
		return d
	}
	if a.Random() >= a.Profile.LagChance {
		return 0
	}
	return time.Duration(a.Random() * float64(d))
}

func (a *Account) hide(m *map[string]time.Time, id string, d time.Duration) {
	if d = a.lag(d); d <= 0 {
		return
	}
	now := a.Clock.Now()
	resource.Put(m, id, now.Add(d))
	if len(*m)%sweepEvery == 0 {
		maps.DeleteFunc(*m, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
}

// Described tells whether Describe calls find the resource already.
func (a *Account) Described(id string) bool { return a.seen(a.visibility.describedAt, id) }

// Usable tells whether calls that change the resource find it already.
func (a *Account) Usable(id string) bool { return a.seen(a.visibility.usableAt, id) }

func (a *Account) seen(m map[string]time.Time, id string) bool {
	if len(m) == 0 {
		return true
	}
	at, ok := m[id]
	return !ok || !a.Clock.Now().Before(at)
}

// RetagCompute says that the tags of an EC2 resource are about to change: for a while filters see the present ones. Of several
// changes in that time the first counts.
func (a *Account) RetagCompute(id string, present map[string]string) {
	now := a.Clock.Now()
	if old, ok := a.visibility.oldTags[id]; ok && now.Before(old.until) {
		return
	}
	d := a.lag(a.Profile.ComputeTagged)
	if d <= 0 {
		return
	}
	resource.Put(&a.visibility.oldTags, id, oldTags{maps.Clone(present), now.Add(d)})
	if len(a.visibility.oldTags)%sweepEvery == 0 {
		maps.DeleteFunc(a.visibility.oldTags, func(_ string, old oldTags) bool { return !now.Before(old.until) })
	}
}

// FilteredTags are the tags of an EC2 resource as filters see them; present are those that it has.
func (a *Account) FilteredTags(id string, present map[string]string) map[string]string {
	if len(a.visibility.oldTags) == 0 {
		return present
	}
	if old, ok := a.visibility.oldTags[id]; ok && a.Clock.Now().Before(old.until) {
		return old.tags
	}
	return present
}
