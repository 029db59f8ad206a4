package inventory

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// arrivals are the load balancers and target groups with tags of the cluster that were made while this process leads,
// and not by it. Inventory.mu guards them.
type arrivals struct {
	seen map[string]bool        // ARNs that listings have shown, of the whole VPC
	of   map[stack.Key][]string // ARNs by stack
	// stacks that this process has written to: what it made may be found before its answer is known
	written map[stack.Key]bool
}

// Came are the ARNs of what came into the account of a stack since this process had listed it completely, and was not
// made by this process. A listing that shows it is the next one that is made for another reason.
func (i *Inventory) Came(key stack.Key) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.came.written[key] {
		return nil
	}
	return slices.Clone(i.came.of[key])
}

// noteArrivals takes note of what a listing shows for the first time; found is that of this cluster. i.mu is held.
func (i *Inventory) noteArrivals(l *listing, found map[stack.Key]*awsop.Observed) {
	complete := i.listed.invalidations > 0 && absence.OfList(i.listed.at, i.firstListing, listLag).Proven()
	for key, o := range found {
		for _, arn := range arnsOf(o) {
			if complete && !i.came.seen[arn] {
				i.came.of[key] = append(i.came.of[key], arn)
			}
		}
	}
	maps.DeleteFunc(i.came.of, func(key stack.Key, _ []string) bool { return found[key] == nil })
	for _, arn := range l.arns() { // none is dropped: a list that lags may miss what exists
		i.came.seen[arn] = true
	}
}
