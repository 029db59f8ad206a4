package secgroup

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// HasLabel reports whether a rule's description marks it as ours: Label alone or among comma-separated key=value pairs.
func HasLabel(description string) bool {
	return slices.ContainsFunc(strings.Split(description, ","), func(part string) bool { return strings.TrimSpace(part) == Label })
}

// identity is what makes two permissions the same rule for EC2; the description is not part of it.
type identity struct {
	source
	span
}

func identityOf(p stack.Permission) identity {
	p = normalise(p)
	return identity{sourceOf(p), span{p.FromPort, p.ToPort}}
}

// mayBe reports whether a rule lets the source of a permission to one of its ports; a permission without a source is anybody's.
func mayBe(rule, p stack.Permission) bool {
	x, y := identityOf(rule), identityOf(p)
	anybody := y.source == source{protocol: x.protocol}
	return (anybody || x.source == y.source) && x.from <= y.to && y.from <= x.to
}

// Diff compares the rules of one group with the packed wish. A wanted rule that exists without our label is neither granted
// again nor ever revoked.
func Diff(current, wanted []stack.Permission) (grant, revoke []stack.Permission) {
	have := map[identity]bool{}
	for _, p := range current {
		have[identityOf(p)] = true
	}
	want := map[identity]bool{}
	for _, p := range wanted {
		id := identityOf(p)
		if !have[id] && !want[id] {
			grant = append(grant, p)
		}
		want[id] = true
	}
	for _, p := range current {
		if HasLabel(p.Description) && !want[identityOf(p)] {
			revoke = append(revoke, p)
		}
	}
	return grant, revoke
}
