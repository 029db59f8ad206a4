package compile

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// departure is the result of a group of whose members nothing can be built. What the group has of objects that leave
// goes nevertheless: their owner must not wait until somebody else corrects his objects. The rest stays as AWS holds
// it.
func (c *compiler) departure() Result {
	nothing := Result{Memory: c.carry()}
	gone := c.departed()
	if !gone.Any() {
		return nothing
	}
	b := c.newBuild()
	lb, known := b.existing()
	switch {
	case b.stuck:
		return nothing
	case !known:
		return c.waiting(b.needs...)
	case lb == nil:
		return nothing
	}
	b.lb = stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: c.e.Type}
	b.keep = stack.Keep{Settings: true, Departed: gone}
	return Result{Stack: b.stack(), Keep: b.keep, Memory: c.carry(), Departure: true}
}

// departed are the objects that leave the group. What begins as what a member has is the member's.
func (c *compiler) departed() (out stack.Departed) {
	if c.e.Key.ID.Namespace != "" || c.e.Unseen != nil || c.cfg.StrictGroups || len(c.e.Leaving) == 0 {
		return stack.Departed{}
	}
	for _, o := range c.e.Leaving {
		out.Prefixes = append(out.Prefixes, c.e.Names.TargetGroups(o)...)
	}
	for i := range c.e.Members {
		out.Except = append(out.Except, c.e.Names.TargetGroups(c.e.Members[i].Object)...)
	}
	return out
}
