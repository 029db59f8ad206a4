package doctor

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// abandonedAfter is the time without a renewal of the Lease after which no controller looks after LoadBalancer objects.
// A change of leaders takes seconds.
const abandonedAfter = 2 * time.Minute

// Shown is a LoadBalancer object.
type Shown struct {
	Namespace, Name string
	Ready           bool // its condition Ready is True
	Writer          string
}

func (s Shown) String() string { return "LoadBalancer " + s.Namespace + "/" + s.Name }

// LeaseOf is what a Lease says.
func LeaseOf(l *coordinationv1.Lease) Lease {
	out := Lease{Namespace: l.Namespace, Name: l.Name}
	if l.Spec.HolderIdentity != nil {
		out.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		out.Renewed = l.Spec.RenewTime.Time
	}
	if l.Spec.LeaseDurationSeconds != nil {
		out.Duration = time.Duration(*l.Spec.LeaseDurationSeconds) * time.Second
	}
	return out
}

// Live reports whether somebody has renewed the Lease lately.
func (l Lease) Live(now time.Time) bool { return now.Sub(l.Renewed) < abandonedAfter }

// Abandoned reports whether no controller that writes LoadBalancer objects holds the Lease, or has given it back
// lately.
func (l Lease) Abandoned(now time.Time) bool {
	return !l.Live(now) || l.Holder != "" && !naming.IsLeaderIdentity(l.Holder)
}

// Why says why nobody looks after LoadBalancer objects.
func (l Lease) Why(now time.Time) string {
	if l.Live(now) {
		return fmt.Sprintf("%s is held by %s, a controller that writes no LoadBalancer objects", l, l.Holder)
	}
	return fmt.Sprintf("%s was last renewed %s ago", l, Age(now.Sub(l.Renewed)))
}
