package inventory

import (
	"maps"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Forget drops what is known of a stack that nobody wants any more, unless something of it is left, or a listing under way may hold
// what has just gone.
func (i *Inventory) Forget(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calm(key)
	if e := i.stacks[key]; e != nil && i.lists == 0 && e.stale == 0 && len(e.suspects) == 0 && e.empty() {
		delete(i.stacks, key)
	}
}

// Calm ends all counts of PutOff of a stack, and what Refused keeps: none of its steps waits any more. A count that stayed
// would make the next wait of that name as long as the last one.
func (i *Inventory) Calm(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calm(key)
}

func (i *Inventory) calm(key stack.Key) {
	i.putOff.ForgetFunc(func(k stepKey) bool { return k.stack == key })
	maps.DeleteFunc(i.refusals, func(k stepKey, _ refusal) bool { return k.stack == key })
}

// empty reports that AWS holds nothing of a stack, as far as is known.
func (e *entry) empty() bool {
	return len(e.obs.LoadBalancers)+len(e.obs.Listeners)+len(e.obs.Rules)+len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) == 0
}
