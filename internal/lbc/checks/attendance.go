package checks

import (
	"fmt"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// abandonedAfter is the time without a renewal of the Lease after which no controller manages LoadBalancer objects. A
// change of leaders takes seconds.
const abandonedAfter = 2 * time.Minute

// Renewed reports whether somebody has renewed the Lease lately.
func Renewed(l Lease, now time.Time) bool { return now.Sub(l.Renewed) < abandonedAfter }

// Abandoned reports whether no controller that writes LoadBalancer objects holds the Lease, or has given it back
// lately.
func Abandoned(l Lease, now time.Time) bool {
	return !Renewed(l, now) || l.Holder != "" && !naming.IsLeaderIdentity(l.Holder)
}

// Why says why nobody manages LoadBalancer objects.
func Why(l Lease, now time.Time) string {
	if Renewed(l, now) {
		return fmt.Sprintf("%s is held by %s, a controller that writes no LoadBalancer objects", l, l.Holder)
	}
	return fmt.Sprintf("%s was last renewed %s ago", l, doctor.Age(now.Sub(l.Renewed)))
}
