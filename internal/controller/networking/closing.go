package networking

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// closing is what is left of the rules that a binding let go of.
type closing struct {
	lent    map[string]error // names of ending under which they stay, each with why their groups could not be looked up
	groups  map[string]error // groups that were not looked at since, each with why the last look failed
	awaited bool             // by the end of the binding
}

// Closed reports whether the rules that a binding let go of are revoked where no later process looks for them: in
// groups without the cluster's tag. err is why they are not; nil = they soon are. The binding is queued when there is
// news. It does not wait for other bindings: neither until the needs of all are known, nor for their rules.
func (r *Reconciler) Closed(ctx context.Context, binding string) (closed bool, err error) {
	r.mu.Lock()
	var open []string
	if c := r.closing[binding]; c != nil {
		open, c.awaited = slices.Sorted(maps.Keys(c.groups)), true
	}
	r.mu.Unlock()
	var errs []error
	tagged := map[string]bool{}
	for _, g := range open {
		has, err := r.Inventory.SecurityGroups().HasClusterTag(ctx, g)
		tagged[g], errs = has, append(errs, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.closing[binding]
	if c == nil {
		return true, nil
	}
	maps.DeleteFunc(c.groups, func(g string, _ error) bool { return tagged[g] })
	if len(c.groups)+len(c.lent) == 0 {
		delete(r.closing, binding)
		return true, nil
	}
	for _, of := range []map[string]error{c.groups, c.lent} {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			errs = append(errs, of[name])
		}
	}
	return false, bindings.JoinOnce(errs)
}

// closingOf is what is left of the rules of a binding. The lock is held.
func (r *Reconciler) closingOf(binding string) *closing {
	if r.closing[binding] == nil {
		r.closing[binding] = &closing{lent: map[string]error{}, groups: map[string]error{}}
	}
	return r.closing[binding]
}

// lend notes that rules of a binding stay under a name. The lock is held.
func (r *Reconciler) lend(binding, name string) {
	r.ending[name] = binding
	r.closingOf(binding).lent[name] = nil
}

// close notes that rules of a binding, or of the name under which they stayed, are to be revoked in groups. The caller
// calls wake without the lock, which is held.
func (r *Reconciler) close(id string, groups []string) (wake func()) {
	binding := cmp.Or(r.ending[id], id)
	delete(r.ending, id)
	c := r.closingOf(binding)
	delete(c.lent, id)
	for _, g := range groups {
		c.groups[g] = nil
	}
	return r.news(binding, c)
}

// news returns what queues a binding whose end waits. The lock is held.
func (r *Reconciler) news(binding string, c *closing) (wake func()) {
	if len(c.groups)+len(c.lent) == 0 {
		delete(r.closing, binding)
	}
	if !c.awaited {
		return func() {}
	}
	namespace, name, _ := strings.Cut(binding, "/")
	return func() { r.Wake(types.NamespacedName{Namespace: namespace, Name: name}) }
}

// closingIn are the bindings whose rules are to be revoked in a group. The lock is held.
func (r *Reconciler) closingIn(group string) (out []string) {
	for binding, c := range r.closing {
		if _, there := c.groups[group]; there {
			out = append(out, binding)
		}
	}
	return out
}

// noteClosed notes the end of a look at a group: done = the rules of bindings that were to be revoked are.
func (r *Reconciler) noteClosed(group string, of []string, err error, done bool) {
	for _, binding := range of {
		r.mu.Lock()
		wake := func() {}
		c := r.closing[binding]
		if c != nil && done {
			delete(c.groups, group)
			wake = r.news(binding, c)
		} else if c != nil {
			wake = r.failed(binding, c, c.groups, group, err)
		}
		r.mu.Unlock()
		wake()
	}
}

// noteUnlisted notes why the groups could not be looked up in which rules stay under a name.
func (r *Reconciler) noteUnlisted(name string, err error) {
	r.mu.Lock()
	wake := func() {}
	binding := r.ending[name]
	if c := r.closing[binding]; c != nil {
		wake = r.failed(binding, c, c.lent, name, err)
	}
	r.mu.Unlock()
	wake()
}

// failed notes an error of what is left of a binding, in one of its maps. The lock is held.
func (r *Reconciler) failed(binding string, c *closing, of map[string]error, name string, err error) (wake func()) {
	before, open := of[name]
	if !open || err == nil {
		return func() {}
	}
	if of[name] = err; before != nil && before.Error() == err.Error() {
		return func() {}
	}
	return r.news(binding, c)
}
