package sgrules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// JoinAbove is how many rules of one kind are written as they are asked for, one for each port and range of addresses,
// as the existing controller writes them: a group has room for them, users find in it what they wrote, and the way back
// to that controller changes nothing.
const JoinAbove = 20

// Pack joins rules to few that admit precisely the same: overlapping and adjacent ports, and ranges of addresses that
// are contained in each other or make up a larger one. It tries two ways, ports before addresses and the reverse, and
// takes the shorter result. Descriptions are lost.
func Pack(rules []stack.Permission) []stack.Permission {
	var out []stack.Permission
	for c, boxes := range byClass(rules) {
		packed := sourcesFirst(boxes)
		if other := runs(segments(boxes)); len(other) < len(packed) {
			packed = other
		}
		for _, b := range packed {
			out = append(out, c.rule(b))
		}
	}
	slices.SortFunc(out, Compare)
	return out
}

// LeastRules returns the least number of rules that ranges of addresses need for one port and protocol, of the family
// with more of them. Texts that are not ranges do not count.
func LeastRules(ranges []string) int {
	v4, v6 := prefixes(ranges)
	return max(len(aggregate(v4)), len(aggregate(v6)))
}

// Nested reports whether one of the ranges is within another one, or there twice.
func Nested(ranges []string) bool {
	v4, v6 := prefixes(ranges)
	for _, family := range [][]netip.Prefix{v4, v6} {
		slices.SortFunc(family, comparePrefixes)
		for i := 1; i < len(family); i++ {
			if family[i-1].Overlaps(family[i]) { // sorted, so that the former one holds it
				return true
			}
		}
	}
	return false
}

// prefixes parses ranges, by family. Texts that are not ranges are left out.
func prefixes(ranges []string) (v4, v6 []netip.Prefix) {
	for _, text := range ranges {
		canonical, ok := stack.CanonicalRange(text)
		if !ok {
			continue
		}
		if p := netip.MustParsePrefix(canonical); p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return v4, v6
}

// sourcesFirst joins the ports of each source, leaves out what a larger source is admitted to anyway, and then joins
// the sources that are admitted to the same ports.
func sourcesFirst(boxes []box) []box {
	ports := map[netip.Prefix][]Ports{}
	for _, b := range boxes {
		ports[b.addresses] = append(ports[b.addresses], b.ports)
	}
	sources := map[Ports][]netip.Prefix{}
	for p, all := range ports {
		all = JoinPorts(all)
		ports[p] = all
	}
	for p, all := range ports {
		for _, s := range all {
			if !coveredByLarger(ports, p, s) {
				sources[s] = append(sources[s], p)
			}
		}
	}
	var out []box
	for s, all := range sources {
		for _, p := range aggregate(all) {
			out = append(out, box{p, s})
		}
	}
	return out
}

func coveredByLarger(ports map[netip.Prefix][]Ports, p netip.Prefix, s Ports) bool {
	for larger := p; larger.Bits() > 0; {
		larger = parent(larger)
		if slices.ContainsFunc(ports[larger], func(x Ports) bool { return x.From <= s.From && s.To <= x.To }) {
			return true
		}
	}
	return false
}

// JoinPorts are ranges sorted, with those joined that overlap or touch.
func JoinPorts(in []Ports) []Ports {
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b Ports) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	out := in[:1]
	for _, r := range in[1:] {
		last := &out[len(out)-1]
		if r.From <= last.To+1 {
			last.To = max(last.To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Lists are the prefix lists that are known, by id.
type Lists map[string]stack.PrefixList

// Count returns how many of the rules that a security group may have EC2 counts: those of IPv4 and those of IPv6 by
// themselves, of which the larger number is returned. A security group as the source counts in both. A prefix list
// counts in its family, as many rules as it may have entries (EC2 user guide, "Prefix lists"); one that is not known is
// taken for one rule of IPv4.
func (l Lists) Count(rules []stack.Permission) int {
	var v4, v6 int
	for _, p := range rules {
		switch n := l.weight(p); {
		case p.IPv6CIDR != "" || p.PrefixList != "" && l[p.PrefixList].IPv6:
			v6 += n
		case p.Group != stack.Ref{}:
			v4, v6 = v4+n, v6+n
		default:
			v4 += n
		}
	}
	return max(v4, v6)
}

// weight is how many rules EC2 counts a rule for.
func (l Lists) weight(p stack.Permission) int { return max(1, l[p.PrefixList].MaxEntries) }

// Named returns the prefix lists that rules name and that are known, each once with its number of entries, as "pl-1 has
// 20".
func (l Lists) Named(rules []stack.Permission) (texts []string) {
	for _, p := range rules {
		if list, known := l[p.PrefixList]; known {
			texts = append(texts, fmt.Sprintf("%s has %d", p.PrefixList, list.MaxEntries))
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// Count is Lists.Count where no prefix list is known.
func Count(rules []stack.Permission) int { return Lists(nil).Count(rules) }

// Room splits what is to be revoked from a group so that what is granted fits: first goes before the grant, rest after
// it. Rules that admit what is not wanted are the first to go.
func (l Lists) Room(have, grant, revoke []stack.Permission, wanted Traffic, limit int) (first,
	rest []stack.Permission) {
	rest = slices.Clone(revoke)
	slices.SortStableFunc(rest, func(a, b stack.Permission) int {
		return boolean(wanted.Admits(a)) - boolean(wanted.Admits(b))
	})
	present := slices.Concat(have, grant)
	for len(rest) > 0 && l.Count(present) > limit {
		i := slices.Index(present, rest[0])
		if i >= 0 {
			present = slices.Delete(present, i, i+1)
		}
		first, rest = append(first, rest[0]), rest[1:]
	}
	return first, rest
}

// Room is Lists.Room where no prefix list is known.
func Room(have, grant, revoke []stack.Permission, wanted Traffic, limit int) (first, rest []stack.Permission) {
	return Lists(nil).Room(have, grant, revoke, wanted, limit)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
