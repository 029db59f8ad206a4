package sgsync

import (
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// namesOf returns the sources in a group that bindings need and no rule admits, with the namespaces of these
// bindings.
func (t *Table) namesOf(group string, stands func(stack.Permission) bool) map[source][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[source][]string{}
	for p, namespaces := range t.wanted[group] {
		if !barred(p) && !stands(p) {
			s := sourceOf(normalise(p))
			out[s] = slices.AppendSeq(out[s], maps.Keys(namespaces))
		}
	}
	for s, namespaces := range out {
		slices.Sort(namespaces)
		out[s] = slices.Compact(namespaces)
	}
	return out
}

// needsOf returns what bindings need in a group, without refused sources, and the permissions of endpoints whose
// groups are unknown. Both are of one moment: when the endpoints of a binding are found, its permissions move from
// the one to the other. seen is the last edit of that moment.
func (t *Table) needsOf(group string, without refused) (needs Needs, unplaced []stack.Permission, seen int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p := range t.wanted[group] {
		if !without.has(p) {
			needs.All = append(needs.All, p)
		}
	}
	unplaced = slices.Collect(maps.Keys(t.unplaced))
	for binding := range t.edited[group] {
		n := t.needs[binding]
		needs.All = append(needs.All, n.kept(group, without)...)
		unplaced = append(unplaced, n.inherited(group, without)...)
	}
	needs.Each = func() []Need { return t.eachNeed(group, without) }
	return needs, unplaced, t.edits
}

// inherited returns the ports of a binding with refused sources, from any source, if an earlier process may have
// opened them.
func (n need) inherited(group string, without refused) (ports []stack.Permission) {
	if !n.inherits[group] || !without.inherits {
		return nil
	}
	for _, p := range n.groups[group] {
		if !barred(p) && (without.searching || without.has(p)) {
			ports = append(ports, stack.Permission{Protocol: p.Protocol, FromPort: p.FromPort, ToPort: p.ToPort})
		}
	}
	return ports
}

// kept returns what a binding needed in a group before an edit, and rules admit, if EC2 refuses a source that the
// edit added.
func (n need) kept(group string, without refused) []stack.Permission {
	if !without.searching && !slices.ContainsFunc(n.added[group], without.has) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.former[group]), func(p stack.Permission) bool {
		return without.has(p) || !without.stood(p)
	})
}

// eachNeed returns what each binding needs in a group, without refused sources, in the order in which they get room.
// It visits all bindings.
func (t *Table) eachNeed(group string, without refused) (needs []Need) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for binding, n := range t.needs {
		perms := slices.DeleteFunc(slices.Clone(n.groups[group]), without.has)
		if perms = append(perms, n.kept(group, without)...); len(perms) > 0 {
			needs = append(needs, Need{binding, perms, n.former[group]})
		}
	}
	sorting.By(needs, func(a, b Need) int { return strings.Compare(a.Binding, b.Binding) })
	fair(needs)
	return needs
}
