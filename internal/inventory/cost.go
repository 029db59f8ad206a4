package inventory

import "github.com/k8s-lbc/lbc/internal/stack"

// RereadCost is about how many reads Reread of a stack takes; 0 = there is nothing to read.
func (i *Inventory) RereadCost(key stack.Key) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil || e.stale != 0 {
		return 0
	}
	calls := func(n, batch int) int { return (n + batch - 1) / batch }
	o := &e.obs
	balancers, groups := len(o.LoadBalancers), len(o.TargetGroups)
	n := calls(balancers, tagBatch) + calls(groups, tagBatch) + calls(balancers+groups, tagBatch) + calls(len(o.SecurityGroups), tagBatch) +
		calls(len(o.Listeners)+len(o.Rules), tagBatch)
	for p, s := range e.knows {
		if s != unknown && p.aspect != attributesOf && p.aspect != targetsOf {
			n++
		}
	}
	for _, lb := range o.LoadBalancers {
		if lb.Attributes != nil {
			n++
		}
	}
	for _, tg := range o.TargetGroups {
		if tg.Attributes != nil {
			n++
		}
	}
	for _, l := range o.Listeners {
		if l.Attributes != nil {
			n++
		}
	}
	return n
}
