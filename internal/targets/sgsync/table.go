package sgsync

import (
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Table records which binding needs which permissions of which security group. Its methods never block on AWS, so
// reconciles of bindings can always set their needs. It is safe for concurrent use.
type Table struct {
	mu    sync.Mutex
	needs map[string]need // by binding
	// wanted counts the needs for each permission by group and namespace, and unplaced counts those for permissions in
	// need.unplaced. With these counts, reconciling a group does not visit all bindings.
	wanted   map[string]map[stack.Permission]counts[string]
	unplaced counts[stack.Permission]
	// edited has, by group, the bindings whose former rules may still be needed: they changed or are new since the
	// start, and no reconcile of the group has granted all of their rules since. The number identifies the edit.
	edited map[string]map[string]int
	edits  int // since the start
}

// counts says how often each key is needed.
type counts[K comparable] map[K]int

func (c counts[K]) add(n int, keys ...K) {
	for _, k := range keys {
		if c[k] += n; c[k] == 0 {
			delete(c, k)
		}
	}
}

// put replaces what a binding needs; nil forgets the binding. The lock is held.
func (t *Table) put(binding string, n *need) {
	before := t.needs[binding]
	namespace := stack.ParseID(binding).Namespace
	t.unplaced.add(-1, before.unplaced...)
	for g, perms := range before.groups {
		wanted := t.wanted[g]
		for _, p := range perms {
			if wanted[p].add(-1, namespace); len(wanted[p]) == 0 {
				delete(wanted, p)
			}
		}
		if len(wanted) == 0 {
			delete(t.wanted, g)
		}
	}
	if n == nil {
		delete(t.needs, binding)
		return
	}
	t.needs[binding] = *n
	t.unplaced.add(1, n.unplaced...)
	for g, perms := range n.groups {
		wanted := t.wanted[g]
		if wanted == nil {
			wanted = map[stack.Permission]counts[string]{}
			t.wanted[g] = wanted
		}
		for _, p := range perms {
			if wanted[p] == nil {
				wanted[p] = counts[string]{}
			}
			wanted[p].add(1, namespace)
		}
	}
}

// need is what one binding needs.
type need struct {
	groups map[string][]stack.Permission
	// unplaced are permissions of endpoints whose security group is unknown. Rules for them stay in every group.
	unplaced []stack.Permission
	placed   bool                          // the groups of all endpoints were known once
	certain  map[string][]stack.Permission // the groups of the last Set
	// former has, by group, the needs before an edit. Those that rules admit stay while EC2 refuses a source that the
	// edit added (added).
	former, added map[string][]stack.Permission
	// inherits has the groups in which an earlier process may have written rules for the binding. All rules to its
	// ports stay there while EC2 refuses one of its sources.
	inherits map[string]bool
}

// Touched are the groups that a change of the table concerns.
type Touched struct {
	Changed []string // groups of which the binding needs something else than before
	Same    []string // groups of which it needs the same
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{needs: map[string]need{}, wanted: map[string]map[stack.Permission]counts[string]{},
		unplaced: counts[stack.Permission]{}, edited: map[string]map[string]int{}}
}

// Set records all that a binding needs, group by group; nil forgets the binding.
func (t *Table) Set(binding string, groups map[string][]stack.Permission) Touched {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.needs[binding]
	if groups == nil {
		t.put(binding, nil)
	} else {
		n := &need{groups: groups, placed: true, certain: groups, former: map[string][]stack.Permission{},
			added: map[string][]stack.Permission{}, inherits: map[string]bool{}}
		t.remember(binding, before, n)
		t.put(binding, n)
	}
	return compare(before.groups, groups)
}

// Extend records the needs of a binding while the groups of some of its endpoints are unknown. Such endpoints may
// have any group, also one of an earlier time or process. Until the next Set, earlier needs stay, and no rule is
// revoked that admits the same sources to a port in unplaced. A permission without a source stands for any source.
func (t *Table) Extend(binding string, groups map[string][]stack.Permission, unplaced []stack.Permission) Touched {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.needs[binding]
	all := maps.Clone(before.groups)
	if all == nil {
		all = map[string][]stack.Permission{}
	}
	for g, perms := range groups {
		all[g] = union(perms, before.certain[g])
	}
	t.put(binding, &need{groups: all, unplaced: unplaced, placed: before.placed, certain: before.certain,
		former: before.former, added: before.added, inherits: before.inherits})
	return compare(before.groups, all)
}

// union is the permissions of a, and those of b that a lacks.
func union(a, b []stack.Permission) []stack.Permission {
	out := slices.Clone(a)
	if len(b) == 0 {
		return out
	}
	has := make(map[stack.Permission]bool, len(a))
	for _, p := range a {
		has[p] = true
	}
	for _, p := range b {
		if !has[p] {
			out = append(out, p)
		}
	}
	return out
}

// Transfer moves the needs of a binding to another name.
func (t *Table) Transfer(binding, name string) Touched {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, to := t.needs[binding], t.needs[name]
	all := maps.Clone(to.groups)
	if all == nil {
		all = map[string][]stack.Permission{}
	}
	for g, perms := range from.groups {
		all[g] = slices.Concat(all[g], perms)
	}
	t.put(binding, nil)
	t.put(name, &need{groups: all, unplaced: slices.Concat(to.unplaced, from.unplaced)})
	return Touched{Same: slices.Sorted(maps.Keys(from.groups))}
}

// Lend moves needs that a binding no longer has, because groups are its new needs, to another name, if still says
// that the binding's networking asks for similar ones. It reports whether it moved any.
func (t *Table) Lend(binding, name string, groups map[string][]stack.Permission,
	still func(stack.Permission) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	to := t.needs[name]
	all := maps.Clone(to.groups)
	if all == nil {
		all = map[string][]stack.Permission{}
	}
	lent := false
	for g, perms := range t.needs[binding].groups {
		for _, p := range perms {
			if !slices.Contains(groups[g], p) && still(p) {
				lent = true
				all[g] = append(slices.Clone(all[g]), p)
			}
		}
	}
	if lent {
		t.put(name, &need{groups: all, unplaced: to.unplaced})
	}
	return lent
}

// Restrict drops the needs of a name in all groups but those given.
func (t *Table) Restrict(name string, groups []string) Touched {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, there := t.needs[name]
	if !there {
		return Touched{}
	}
	rest := maps.Clone(n.groups)
	maps.DeleteFunc(rest, func(g string, _ []stack.Permission) bool { return !slices.Contains(groups, g) })
	t.put(name, &need{groups: rest, unplaced: n.unplaced})
	return compare(n.groups, rest)
}

func compare(before, after map[string][]stack.Permission) Touched {
	var t Touched
	for g, perms := range after {
		if old, there := before[g]; there && slices.Equal(old, perms) {
			t.Same = append(t.Same, g)
		} else {
			t.Changed = append(t.Changed, g)
		}
	}
	for g := range before {
		if _, still := after[g]; !still {
			t.Changed = append(t.Changed, g)
		}
	}
	slices.Sort(t.Same)
	slices.Sort(t.Changed)
	return t
}

// Knows reports whether a binding's needs were recorded since the start.
func (t *Table) Knows(binding string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.needs[binding]
	return ok
}

// Any reports whether the needs of a binding are recorded.
func (t *Table) Any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.needs) > 0
}

// Placed reports whether the groups of all endpoints of a binding were known once since the start.
func (t *Table) Placed(binding string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.needs[binding].placed
}

// Of returns what a binding needs in a group.
func (t *Table) Of(binding, group string) []stack.Permission {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.needs[binding].groups[group]
}

// Standing returns, by group, the needs of a binding with the description Standing.
func (t *Table) Standing(binding string) map[string][]stack.Permission {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string][]stack.Permission{}
	for g, perms := range t.needs[binding].groups {
		for _, p := range perms {
			if p.Description == Standing {
				out[g] = append(out[g], p)
			}
		}
	}
	return out
}

// NodePorts returns the permissions for ports of nodes that bindings of a namespace need in a group, and may have.
func (t *Table) NodePorts(namespace, group string) (out []stack.Permission) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, namespaces := range t.wanted[group] {
		if p.Description != NotAllowed && NodePort(p) && namespaces[namespace] > 0 {
			out = append(out, p)
		}
	}
	return out
}

// settle drops the needs from before edits that a reconcile has seen, unless EC2 refuses a source that an edit
// added, or the needs do not fit. Of the remaining ones, it drops those that no rule admits.
func (t *Table) settle(group string, seen int, without refused) {
	if without.searching {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for binding, edit := range t.edited[group] {
		if edit > seen {
			continue
		}
		n := t.needs[binding]
		if without.full[binding] == nil && !slices.ContainsFunc(n.groups[group], func(p stack.Permission) bool {
			return without.has(p) && (!barred(p) || n.former[group] != nil)
		}) {
			delete(n.former, group)
			delete(n.added, group)
			delete(n.inherits, group)
			delete(t.edited[group], binding)
			continue
		}
		if n.former[group] != nil {
			n.former[group] = slices.DeleteFunc(slices.Clone(n.former[group]), func(p stack.Permission) bool {
				return !without.stood(p)
			})
		}
	}
	if len(t.edited[group]) == 0 {
		delete(t.edited, group)
	}
}

// guards reports whether edited bindings may still need any of a group's rules.
func (t *Table) guards(group string, rules []stack.Permission) bool {
	if len(rules) == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for binding := range t.edited[group] {
		n := t.needs[binding]
		every := refused{searching: true, inherits: true}
		if former := slices.Concat(n.former[group], n.inherited(group, every)); slices.ContainsFunc(rules,
			func(rule stack.Permission) bool {
				return slices.ContainsFunc(former, func(p stack.Permission) bool { return mayMatch(rule, p) })
			}) {
			return true
		}
	}
	return false
}
