package sgsync

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// HasLabel reports whether a rule's description marks it as the controller's: it is Label, or has Label among
// comma-separated key=value pairs.
func HasLabel(description string) bool {
	return slices.ContainsFunc(strings.Split(description, ","), func(part string) bool {
		return strings.TrimSpace(part) == Label
	})
}

// identity is what makes two permissions the same rule for EC2; the description is not part of it.
type identity struct {
	source
	Ports
}

func identityOf(p stack.Permission) identity {
	p = normalise(p)
	return identity{sourceOf(p), Ports{From: p.FromPort, To: p.ToPort}}
}

// mayMatch reports whether a rule admits the source of a permission to one of its ports; a permission without a source
// stands for any source.
func mayMatch(rule, p stack.Permission) bool {
	x, y := identityOf(rule), identityOf(p)
	anySource := y.source == source{protocol: x.protocol}
	return (anySource || x.source == y.source || overlap(x.source, y.source)) && x.From <= y.To && y.From <= x.To
}

// overlap reports whether two ranges of addresses have addresses in common.
func overlap(a, b source) bool {
	if a.protocol != b.protocol || !a.ranged() || !b.ranged() {
		return false
	}
	x, errX := netip.ParsePrefix(cmp.Or(a.cidr, a.cidr6))
	y, errY := netip.ParsePrefix(cmp.Or(b.cidr, b.cidr6))
	return errX == nil && errY == nil && x.Overlaps(y)
}

// Diff compares the rules of one group with the packed needs. If a needed rule exists without Label, Diff neither
// grants it again nor revokes it.
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

// RuleState says whether a rule with Label that no known binding needs may be revoked.
type RuleState int

// States of rules.
const (
	Unneeded       RuleState = iota
	PossiblyNeeded           // bindings whose needs are not known may need it
	Foreign                  // it is another cluster's
)

// Changes returns the rules of one group to grant and to revoke. A rule with Label in state PossiblyNeeded stays,
// and a permission that it admits is not granted, because the grant would be revoked as soon as the rule may go.
// While the needs of some bindings are unknown (partial), Changes revokes nothing, and does not grant what any rule
// admits. waits reports whether something is left to do once more is known.
func Changes(current, wanted []stack.Permission, state func(stack.Permission) RuleState, partial bool) (grant,
	revoke []stack.Permission, waits bool) {
	return changesTo(current, Pack(wanted, current), state, partial)
}

// changesTo is Changes for wanted rules that are packed.
func changesTo(current, packed []stack.Permission, state func(stack.Permission) RuleState, partial bool) (grant,
	revoke []stack.Permission, waits bool) {
	grant, surplus := Diff(current, packed)
	if partial {
		return without(grant, current), nil, true
	}
	var kept []stack.Permission
	for _, p := range surplus {
		switch state(p) {
		case Unneeded:
			revoke = append(revoke, p)
		case PossiblyNeeded:
			kept = append(kept, p)
		case Foreign:
		}
	}
	return without(grant, kept), revoke, len(kept) > 0
}

// without drops the permissions that rules already admit.
func without(perms, rules []stack.Permission) []stack.Permission {
	if len(perms) == 0 || len(rules) == 0 {
		return perms
	}
	return slices.DeleteFunc(perms, sgrules.Of(rules).Admits)
}

// ClusterLabel and the name of a cluster are the description of rules with an address range as their source, in
// groups that several clusters use. Label does not name the cluster, and the existing controller of another cluster
// revokes rules with Label that it does not need. It ignores rules with any other description.
const ClusterLabel = "elbv2.k8s.aws/cluster="

// marks tells by descriptions which rules of one group belong to a cluster.
type marks struct {
	cluster string
	several bool // other clusters use the group, too
}

// own gives the description Label to the rules that name the cluster. All other code recognizes own rules by Label.
func (m marks) own(rules []stack.Permission) []stack.Permission {
	out := rules
	for n, p := range rules {
		if p.Description != ClusterLabel+m.cluster {
			continue
		}
		if &out[0] == &rules[0] {
			out = slices.Clone(rules) // which is the inventory's
		}
		out[n].Description = Label
	}
	return out
}

// undecided reports whether a rule with Label may be another cluster's: its group belongs to several clusters, its
// source is not a security group with tags, and its description does not name the cluster. as has the descriptions
// of the group's rules.
func (m marks) undecided(rule stack.Permission, as map[identity]string) bool {
	return m.several && rule.Group.Literal == "" && as[identityOf(rule)] != ClusterLabel+m.cluster
}

// sign sets the description of rules to grant.
func (m marks) sign(grant []stack.Permission) {
	if !m.several {
		return
	}
	for n := range grant {
		if grant[n].Group.Literal == "" {
			grant[n].Description = ClusterLabel + m.cluster
		}
	}
}

// descriptions returns the descriptions of rules by their identity.
func descriptions(rules []stack.Permission) map[identity]string {
	out := make(map[identity]string, len(rules))
	for _, p := range rules {
		out[identityOf(p)] = p.Description
	}
	return out
}
