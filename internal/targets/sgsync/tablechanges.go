package sgsync

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

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
	slices.SortFunc(needs, func(a, b Need) int { return strings.Compare(a.Binding, b.Binding) })
	fair(needs)
	return needs
}

// remember keeps the needs from before an edit, in case EC2 refuses a source that the edit adds. The rules of an
// earlier process are unknown: any rule to the ports of a binding may be its own. The caller holds the lock.
func (t *Table) remember(binding string, before need, now *need) {
	for g, perms := range now.groups {
		added := newSources(before.groups[g], perms)
		last := slices.DeleteFunc(union(before.former[g], before.groups[g]), func(p stack.Permission) bool {
			return p.Description == NotAllowed
		})
		news := len(added) > 0 && before.placed
		if !news { // what an edit only takes away does not stay
			added, last = before.added[g], before.former[g]
		}
		if kept := narrow(union(perms, last)[len(perms):], before.certain[g], perms); len(kept) > 0 {
			now.former[g], now.added[g] = kept, added
		}
		first := !before.placed && len(before.unplaced) > 0
		if first || before.inherits[g] {
			now.inherits[g] = true
		}
		if first && !before.inherits[g] || news && len(now.former[g]) > 0 {
			if t.edited[g] == nil {
				t.edited[g] = map[string]int{}
			}
			t.edits++
			t.edited[g][binding] = t.edits
		}
	}
}

// narrow drops former ranges that, together with the present needs of a binding, are wider than Wide allows: edits
// must not add up to a wide range. It does not limit needs that were wide before, or that are wide now.
func narrow(former, before, now []stack.Permission) []stack.Permission {
	if len(former) == 0 || len(Wide(rangesOf(before))) > 0 || len(Wide(rangesOf(now))) > 0 {
		return former
	}
	wide := map[netip.Prefix]bool{}
	for _, p := range Wide(rangesOf(slices.Concat(former, now))) {
		wide[p] = true
	}
	return slices.DeleteFunc(former, func(p stack.Permission) bool {
		ranges := rangesOf([]stack.Permission{p})
		return len(ranges) > 0 && wide[ranges[0]]
	})
}

// rangesOf returns the address ranges that permissions admit, without those that are not allowed.
func rangesOf(perms []stack.Permission) (out []netip.Prefix) {
	for _, p := range perms {
		if r, err := netip.ParsePrefix(p.CIDR + p.IPv6CIDR); err == nil && !barred(p) {
			out = append(out, r.Masked())
		}
	}
	return out
}

// newSources returns the permissions whose sources are new.
func newSources(before, now []stack.Permission) []stack.Permission {
	had := map[source]bool{}
	for _, p := range before {
		had[sourceOf(normalise(p))] = true
	}
	return slices.DeleteFunc(slices.Clone(now), func(p stack.Permission) bool { return had[sourceOf(normalise(p))] })
}
