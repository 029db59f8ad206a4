package compile

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// standUnseen makes stand what members share, if members that cannot be seen may be part of the load balancer that AWS holds: what they
// want of it is not known. Where AWS holds none, they have nothing to lose. done tells that there is nothing else to compile.
func (c *compiler) standUnseen() (r Result, done bool) {
	b := c.newBuild()
	lb, known := b.existing()
	switch {
	case b.stuck:
		return c.stuck(b), true
	case !known:
		return c.waiting(b.needs), true
	}
	c.stands = lb != nil
	if len(c.e.Members) > 0 || lb == nil {
		return Result{}, false
	}
	// Those that were seen have left. Only what is known to be theirs goes with them.
	b.lb = stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: c.e.Type}
	b.stands = true
	return Result{Stack: b.stack(), Memory: c.carry()}, true
}

// UnseenMembers tells an object what waits because members of its group cannot be seen.
func UnseenMembers(o diag.Object, u *intent.Unseen) diag.Diagnostic {
	return diag.New(o, "", diag.UnseenMembers, fmt.Sprintf("what members of other namespaces may have of the load balancer stays, because %s: changes of its settings, ports and certificates wait, "+
		"and rules go only if they forward to target groups of Ingresses of namespace %s", u.Why, u.Namespace), u.Remedy)
}
