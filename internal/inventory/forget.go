package inventory

import (
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Forget drops what is known of a stack that nobody wants any more, unless something of it is left, or a listing under way may hold
// what has just gone.
func (i *Inventory) Forget(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calm(key, nil)
	if e := i.stacks[key]; e != nil && i.lists == 0 && e.stale == 0 && e.empty() {
		delete(i.stacks, key)
	}
}

// Calm ends all counts of PutOff of a stack but these: none of its steps waits any more. A count that stayed would make the next
// wait of that name as long as the last one.
func (i *Inventory) Calm(key stack.Key, but ...plan.StepID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calm(key, but)
}

func (i *Inventory) calm(key stack.Key, but []plan.StepID) {
	prefix := key.String() + " "
	maps.DeleteFunc(i.waits, func(k string, _ int) bool {
		id, ours := strings.CutPrefix(k, prefix)
		return ours && !slices.Contains(but, plan.StepID(id))
	})
}

// empty reports that AWS holds nothing of a stack, as far as is known.
func (e *entry) empty() bool {
	return len(e.obs.LoadBalancers)+len(e.obs.Listeners)+len(e.obs.Rules)+len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0
}
