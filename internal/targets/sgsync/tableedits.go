package sgsync

import (
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
