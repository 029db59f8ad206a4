package compile

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// departure is the result of a group of whose members nothing can be built. What it has of the objects of a namespace that all leave goes
// nevertheless: their owner must not wait until somebody else corrects his objects. The rest stays as AWS holds it.
func (c *compiler) departure() Result {
	nothing := Result{Memory: c.carry()}
	gone := c.departed()
	if len(gone) == 0 {
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

// departed are the namespaces of objects that leave a group in which no member of the same namespace stays, sorted.
func (c *compiler) departed() (out []string) {
	if c.e.Key.ID.Namespace != "" || c.e.Unseen != nil || c.cfg.StrictGroups {
		return nil
	}
	for _, o := range c.e.Leaving {
		stays := false
		for i := range c.e.Members {
			stays = stays || c.e.Members[i].Object.Namespace == o.Namespace
		}
		if !stays {
			out = append(out, o.Namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
