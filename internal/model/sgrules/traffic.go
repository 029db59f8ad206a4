// Package sgrules computes with inbound rules of security groups: which traffic they admit, the fewest rules that
// admit exactly some traffic, how rules count against the quota of a group, and in which of several groups a rule
// belongs. It is pure.
//
// It does not decide which rules are wanted: compile does for load balancers, and sgsync for pods and nodes.
package sgrules

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// class is what rules have in common whose traffic can be joined: all but ports and addresses. Rules whose source is no
// range, and those of protocols without ports, which are all different, have one address or port.
type class struct {
	protocol   string
	from, to   int32 // of protocols without ports: type and code
	prefixList string
	group      stack.Ref
	ipv6       bool
}

// Ports is an inclusive range of ports.
type Ports struct{ From, To int32 }

// box is what one rule admits of a class.
type box struct {
	addresses netip.Prefix
	ports     Ports
}

// anywhere stands for the source of rules that have no range.
var anywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// boxOf is a rule as its class and the rest. A text that is no range is taken for a source of its own.
func boxOf(p stack.Permission) (class, box) {
	c, b := class{protocol: p.Protocol, prefixList: p.PrefixList, group: p.Group},
		box{anywhere, Ports{p.FromPort, p.ToPort}}
	if p.Protocol != "tcp" && p.Protocol != "udp" {
		b.ports = Ports{}
		if p.Protocol != "-1" {
			c.from, c.to = p.FromPort, p.ToPort
		}
	}
	text := cmp.Or(p.CIDR, p.IPv6CIDR)
	if text == "" {
		return c, b
	}
	c.ipv6 = p.IPv6CIDR != ""
	canonical, ok := stack.CanonicalRange(text)
	if !ok {
		c.prefixList = text
		return c, b
	}
	b.addresses = netip.MustParsePrefix(canonical)
	return c, b
}

// rule is the permission that admits a box of a class.
func (c class) rule(b box) stack.Permission {
	p := stack.Permission{Protocol: c.protocol, FromPort: b.ports.From, ToPort: b.ports.To, PrefixList: c.prefixList,
		Group: c.group}
	if c.protocol != "tcp" && c.protocol != "udp" {
		p.FromPort, p.ToPort = c.from, c.to
	}
	switch {
	case c.prefixList != "" || c.group != stack.Ref{}:
	case c.ipv6:
		p.IPv6CIDR = b.addresses.String()
	default:
		p.CIDR = b.addresses.String()
	}
	return p
}

// segment is a range of ports to each of which the same addresses are admitted.
type segment struct {
	ports     Ports
	addresses []netip.Prefix // aggregated
}

// Traffic is what rules admit, whatever the rules are.
type Traffic struct{ of map[class][]segment }

// Of returns the traffic that rules admit together.
func Of(rules []stack.Permission) Traffic {
	t := Traffic{map[class][]segment{}}
	for c, boxes := range byClass(rules) {
		t.of[c] = segments(boxes)
	}
	return t
}

// byClass sorts rules out, each once.
func byClass(rules []stack.Permission) map[class][]box {
	type key struct {
		class
		box
	}
	out, seen := map[class][]box{}, make(map[key]bool, len(rules))
	for _, p := range rules {
		c, b := boxOf(p)
		if k := (key{c, b}); !seen[k] {
			seen[k] = true
			out[c] = append(out[c], b)
		}
	}
	return out
}

// segments are sorted, and neighbours differ in their addresses.
func segments(boxes []box) (out []segment) {
	for _, ports := range cut(boxes) {
		s := segment{ports: ports}
		for _, b := range boxes {
			if b.ports.From <= s.ports.From && s.ports.To <= b.ports.To {
				s.addresses = append(s.addresses, b.addresses)
			}
		}
		out = appendSegment(out, s)
	}
	return out
}

func appendSegment(all []segment, s segment) []segment {
	if s.addresses = aggregate(s.addresses); len(s.addresses) == 0 {
		return all
	}
	if n := len(all); n > 0 && all[n-1].ports.To+1 == s.ports.From && slices.Equal(all[n-1].addresses, s.addresses) {
		all[n-1].ports.To = s.ports.To
		return all
	}
	return append(all, s)
}

// Equal reports whether two sets of rules admit the same.
func (t Traffic) Equal(o Traffic) bool {
	return maps.EqualFunc(t.of, o.of, func(a, b []segment) bool {
		return slices.EqualFunc(a, b, func(x, y segment) bool {
			return x.ports == y.ports && slices.Equal(x.addresses, y.addresses)
		})
	})
}

// Admits reports whether all that a rule admits is among the traffic.
func (t Traffic) Admits(rule stack.Permission) bool {
	c, b := boxOf(rule)
	next := b.ports.From
	for _, s := range t.of[c] {
		if s.ports.To < next || s.ports.From > next || !includes(s.addresses, b.addresses) {
			continue
		}
		if next = s.ports.To + 1; next > b.ports.To {
			return true
		}
	}
	return false
}

// Without returns the traffic that other traffic lacks.
func (t Traffic) Without(o Traffic) Traffic {
	out := Traffic{map[class][]segment{}}
	for c, all := range t.of {
		boxes := make([]box, 0, len(all))
		for _, s := range slices.Concat(all, o.of[c]) {
			boxes = append(boxes, box{anywhere, s.ports})
		}
		var rest []segment
		for _, s := range cut(boxes) {
			rest = appendSegment(rest, segment{s, subtract(at(all, s), at(o.of[c], s))})
		}
		if len(rest) > 0 {
			out.of[c] = rest
		}
	}
	return out
}

// cut are the ranges of ports between all boundaries of boxes.
func cut(boxes []box) (out []Ports) {
	var starts []int32
	for _, b := range boxes {
		starts = append(starts, b.ports.From, b.ports.To+1)
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	for i := 0; i+1 < len(starts); i++ {
		out = append(out, Ports{starts[i], starts[i+1] - 1})
	}
	return out
}

// at are the addresses that are admitted to all ports of a range without a boundary in it.
func at(all []segment, s Ports) []netip.Prefix {
	for _, x := range all {
		if x.ports.From <= s.From && s.To <= x.ports.To {
			return x.addresses
		}
	}
	return nil
}

// Rules are rules that admit the traffic: for each range of addresses one for each run of ports.
func (t Traffic) Rules() []stack.Permission {
	var out []stack.Permission
	for c, all := range t.of {
		for _, b := range runs(all) {
			out = append(out, c.rule(b))
		}
	}
	slices.SortFunc(out, Compare)
	return out
}

// runs joins the appearances of a prefix in segments that touch.
func runs(all []segment) (out []box) {
	open := map[netip.Prefix]int{} // the place in out of the box that a segment may go on
	for _, s := range all {
		for _, p := range s.addresses {
			if i, ok := open[p]; ok && out[i].ports.To+1 == s.ports.From {
				out[i].ports.To = s.ports.To
				continue
			}
			open[p] = len(out)
			out = append(out, box{p, s.ports})
		}
	}
	return out
}

// Compare orders rules: by protocol, ports and source.
func Compare(a, b stack.Permission) int {
	_, x := boxOf(a)
	_, y := boxOf(b)
	return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.FromPort, b.FromPort),
		cmp.Compare(a.ToPort, b.ToPort),
		comparePrefixes(x.addresses, y.addresses), cmp.Compare(a.PrefixList, b.PrefixList),
		cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Group.Literal, b.Group.Literal))
}

// aggregate are the fewest prefixes that hold precisely the same addresses, sorted. Of a list that it returned, one
// prefix holds whatever all together hold of another prefix.
func aggregate(in []netip.Prefix) []netip.Prefix {
	in = slices.Clone(in)
	slices.SortFunc(in, comparePrefixes)
	var out []netip.Prefix
	for _, p := range in {
		if n := len(out); n > 0 && out[n-1].Overlaps(p) { // sorted, so that the earlier one holds it
			continue
		}
		out = append(out, p)
		for len(out) > 1 {
			last, before := out[len(out)-1], out[len(out)-2]
			if last.Bits() != before.Bits() || last.Bits() == 0 || parent(last) != parent(before) {
				break
			}
			out = append(out[:len(out)-2], parent(last))
		}
	}
	return out
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func parent(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
}

// halves are the two prefixes that a prefix of more than one address consists of.
func halves(p netip.Prefix) [2]netip.Prefix {
	bits := p.Bits()
	upper := p.Addr().AsSlice()
	upper[bits/8] |= 0x80 >> (bits % 8)
	second, _ := netip.AddrFromSlice(upper)
	return [2]netip.Prefix{netip.PrefixFrom(p.Addr(), bits+1), netip.PrefixFrom(second, bits+1)}
}

// includes reports whether an aggregated list holds all addresses of a prefix.
func includes(set []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(set, func(s netip.Prefix) bool { return s.Bits() <= p.Bits() && s.Contains(p.Addr()) })
}

// subtract are the addresses of a that an aggregated list b does not hold.
func subtract(a, b []netip.Prefix) (out []netip.Prefix) {
	for _, p := range a {
		switch {
		case includes(b, p):
		case !slices.ContainsFunc(b, p.Overlaps):
			out = append(out, p)
		default:
			h := halves(p)
			out = append(out, subtract(h[:], b)...)
		}
	}
	return out
}
