package inventory

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// arrivals are the load balancers and target groups with tags of the cluster that another process created while this
// process leads. Inventory.mu guards them.
type arrivals struct {
	seen map[string]bool        // ARNs that listings have shown, of the whole VPC
	of   map[stack.Key][]string // ARNs by stack
	// written are the stacks that this process has written to: a listing may show a resource before this process knows the
	// answer of its own call.
	written map[stack.Key]bool
}

// Came returns the ARNs of resources of a stack that another process created since the first complete listing of this
// process. Came causes no listing: the next one for another reason shows such resources.
func (i *Inventory) Came(key stack.Key) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.came.written[key] {
		return nil
	}
	return slices.Clone(i.came.of[key])
}

// noteArrivals records the resources that a listing shows for the first time. found are those of this cluster. The
// caller holds i.mu.
func (i *Inventory) noteArrivals(l *listing, found map[stack.Key]*awsop.Observed) {
	complete := i.listed.Covers(i.afterStart())
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
