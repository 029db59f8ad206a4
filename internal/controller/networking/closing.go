package networking

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// closing is what is left of the rules that a binding let go of.
type closing struct {
	groups  map[string]error // those that were not looked at since, each with why the last look failed
	awaited bool             // by the end of the binding
}

// Closed reports whether the rules that a binding let go of are revoked where no later process looks for them: in
// groups without the cluster's tag. It does not wait for other bindings: neither until the needs of all are known, nor
// for rules of theirs that AWS refuses. err is why rules are not revoked yet, if that was tried. The binding is queued
// when there is news.
func (r *Reconciler) Closed(ctx context.Context, binding string) (closed bool, err error) {
	r.mu.Lock()
	lent := slices.Contains(slices.Collect(maps.Values(r.ending)), binding)
	if r.closing[binding] == nil && !lent {
		r.mu.Unlock()
		return true, nil
	}
	r.mu.Unlock()
	found, err := r.Inventory.SecurityGroups().OfCluster(ctx)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.closing[binding]
	if c == nil {
		return !lent, nil
	}
	maps.DeleteFunc(c.groups, func(g string, _ error) bool { return slices.Contains(found, g) })
	if closed = len(c.groups) == 0 && !lent; closed {
		delete(r.closing, binding)
	}
	c.awaited = !closed
	var errs []error
	for _, g := range slices.Sorted(maps.Keys(c.groups)) {
		if c.groups[g] != nil {
			errs = append(errs, fmt.Errorf("rules of security group %s: %w", g, c.groups[g]))
		}
	}
	return closed, bindings.JoinOnce(errs)
}

// awaitClosed notes that rules of a binding are to be revoked in groups. The lock is held.
func (r *Reconciler) awaitClosed(binding string, groups []string) {
	for _, g := range groups {
		if r.closing[binding] == nil {
			r.closing[binding] = &closing{groups: map[string]error{}}
		}
		r.closing[binding].groups[g] = nil
	}
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

// noteClosed notes the end of a look at a group: done = rules of bindings that were to be revoked are.
func (r *Reconciler) noteClosed(group string, of []string, err error, done bool) {
	var news []string
	r.mu.Lock()
	for _, binding := range of {
		c := r.closing[binding]
		if c == nil {
			continue
		}
		before := c.groups[group]
		if c.groups[group] = err; done {
			delete(c.groups, group)
		}
		if c.awaited && (done && len(c.groups) == 0 || err != nil && (before == nil || before.Error() != err.Error())) {
			news = append(news, binding)
		}
		if len(c.groups) == 0 {
			delete(r.closing, binding)
		}
	}
	r.mu.Unlock()
	for _, binding := range news {
		r.Wake(nameOfRule(binding))
	}
}

// nameOfRule is the binding of a ruleID.
func nameOfRule(id string) types.NamespacedName {
	namespace, name, _ := strings.Cut(id, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}
