// Package sgsync decides which inbound rules the security groups of pods and nodes need for the load balancers in
// front of them, for all TargetGroupBindings together, and writes the differences. Packing and diffing are pure. The
// package uses no Kubernetes client.
package sgsync

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Label is the description that marks the controller's rules in groups that it does not own. The controller never
// revokes rules without it.
const Label = "elbv2.k8s.aws/targetGroupBinding=shared"

// maxRulesPerSource is how many rules one source may use in one group before ranges of ports are joined. A group has
// at most 60 inbound rules by default, and other sources need some of them.
const maxRulesPerSource = 20

// source is a permission without its ports.
type source struct {
	protocol, cidr, cidr6, prefixList, group string
}

func sourceOf(p stack.Permission) source {
	return source{p.Protocol, p.CIDR, p.IPv6CIDR, p.PrefixList, p.Group.Literal}
}

// String identifies the source in the memory of refusals.
func (s source) String() string {
	return s.protocol + " " + cmp.Or(s.group, s.cidr, s.cidr6, s.prefixList)
}

func (s source) permission(r Ports) stack.Permission {
	p := stack.Permission{
		Protocol: s.protocol, FromPort: r.From, ToPort: r.To,
		CIDR: s.cidr, IPv6CIDR: s.cidr6, PrefixList: s.prefixList, Description: Label,
	}
	if s.group != "" {
		p.Group = stack.Literal(stack.KindSecurityGroup, s.group)
	}
	return p
}

func (s source) permissions(ports []Ports) []stack.Permission {
	out := make([]stack.Permission, 0, len(ports))
	for _, r := range ports {
		out = append(out, s.permission(r))
	}
	return out
}

// ranged reports whether the source is a range of addresses.
func (s source) ranged() bool { return s.cidr != "" || s.cidr6 != "" }

func compareSources(a, b source) int {
	return cmp.Or(
		cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.group, b.group), cmp.Compare(a.cidr, b.cidr),
		cmp.Compare(a.cidr6, b.cidr6), cmp.Compare(a.prefixList, b.prefixList))
}

// Pack joins permissions to the fewest rules that admit exactly the same traffic. For each protocol and source,
// overlapping and adjacent port ranges become one. Address ranges that form a larger range become one if there are
// more than sgrules.JoinAbove.
//
// Existing shapes stay, so adopting a cluster changes nothing. These shapes are: one range from the lowest to the
// highest wanted port, several rules that together admit exactly the wanted ports, and a larger address range that
// is wanted completely. The nearest ranges are joined across unwanted ports only if a security group of load balancers
// would otherwise need more than maxRulesPerSource rules, and never across a port of nodes.
func Pack(wanted, current []stack.Permission) []stack.Permission {
	spans, exact := spansBySource(wanted), exactSources(wanted)
	have := spansBySource(managed(current))
	sources := slices.Collect(maps.Keys(spans))
	slices.SortFunc(sources, compareSources)

	var out []stack.Permission
	loose := map[source][]stack.Permission{} // from ranges of addresses, in no shape that stands
	for _, s := range sources {
		packed := sgrules.JoinPorts(spans[s])
		hull := Ports{From: packed[0].From, To: packed[len(packed)-1].To}
		switch h := have[s]; {
		case slices.Contains(h, hull):
			packed = []Ports{hull}
			have[s] = slices.DeleteFunc(h, func(p Ports) bool { return hull.From <= p.From && p.To <= hull.To })
		case len(h) > 0 && slices.Equal(sgrules.JoinPorts(h), packed):
			packed = h
			delete(have, s)
		case s.ranged():
			loose[s] = s.permissions(packed)
			continue
		case !exact[s]:
			packed = joinExcess(packed)
		}
		out = append(out, s.permissions(packed)...)
	}
	out = append(out, joined(wanted, out, loose, have)...)
	standing := sgrules.Of(out)
	var missing []stack.Permission
	for _, s := range sources {
		missing = append(missing, slices.DeleteFunc(loose[s], standing.Admits)...)
	}
	if len(missing) > sgrules.JoinAbove {
		missing = sgrules.Pack(missing)
	}
	fresh := spansBySource(missing)
	for _, s := range slices.SortedFunc(maps.Keys(fresh), compareSources) {
		out = append(out, s.permissions(sgrules.JoinPorts(fresh[s]))...)
	}
	slices.SortStableFunc(out, func(a, b stack.Permission) int { return compareSources(sourceOf(a), sourceOf(b)) })
	return out
}

// joined returns existing rules from address ranges that admit only wanted traffic, in a shape that no binding asks
// for. Rules of a loose source stay only if they and out together admit everything that is wanted of it; otherwise
// it gets other rules.
func joined(wanted, out []stack.Permission, loose map[source][]stack.Permission,
	have map[source][]Ports) []stack.Permission {
	maps.DeleteFunc(have, func(s source, _ []Ports) bool { return !s.ranged() })
	if len(have) == 0 {
		return nil
	}
	traffic, kept := sgrules.Of(wanted), map[source][]stack.Permission{}
	for s, ports := range have {
		if rules := slices.DeleteFunc(s.permissions(ports), func(p stack.Permission) bool { return !traffic.Admits(p) }); len(
			rules) > 0 {
			kept[s] = rules
		}
	}
	for {
		rules := slices.Concat(slices.Collect(maps.Values(kept))...)
		standing, n := sgrules.Of(slices.Concat(out, rules)), len(kept)
		maps.DeleteFunc(kept, func(s source, _ []stack.Permission) bool {
			return slices.ContainsFunc(loose[s], func(p stack.Permission) bool { return !standing.Admits(p) })
		})
		if len(kept) == n {
			return rules
		}
	}
}

// Exact is the description of a permission whose source may be a tenant's: no rule from it may admit a port that
// nobody asked for. A load balancer reaches only its targets, whatever its rules admit.
const Exact = "exact"

// exactSources returns the sources of permissions with the description Exact.
func exactSources(perms []stack.Permission) map[source]bool {
	out := map[source]bool{}
	for _, p := range perms {
		if p.Description == Exact {
			out[sourceOf(normalise(p))] = true
		}
	}
	return out
}

// joinExcess joins the nearest ranges of ports until a source has at most maxRulesPerSource rules.
func joinExcess(ports []Ports) []Ports {
	for joined := true; joined && len(ports) > maxRulesPerSource; {
		ports, joined = joinNearest(ports)
	}
	return ports
}

func spansBySource(perms []stack.Permission) map[source][]Ports {
	out := map[source][]Ports{}
	for _, p := range perms {
		p = normalise(p)
		s := sourceOf(p)
		out[s] = append(out[s], Ports{From: p.FromPort, To: p.ToPort})
	}
	return out
}

// joinNearest joins the two neighbours with the fewest ports between them, and no port of nodes. ok is false if
// there are none.
func joinNearest(in []Ports) (out []Ports, ok bool) {
	best := -1
	for i := range in[:len(in)-1] {
		if !crossesNodePort(in[i].To, in[i+1].From) &&
			(best < 0 || in[i+1].From-in[i].To < in[best+1].From-in[best].To) {
			best = i
		}
	}
	if best < 0 {
		return in, false
	}
	in[best].To = in[best+1].To
	return slices.Delete(in, best+1, best+2), true
}

// normalise brings CIDRs to the form in which EC2 stores them: host bits cleared, IPv6 compressed and in lower case.
func normalise(p stack.Permission) stack.Permission {
	for _, c := range []*string{&p.CIDR, &p.IPv6CIDR} {
		*c, _ = stack.CanonicalRange(*c)
	}
	return p
}

func managed(perms []stack.Permission) []stack.Permission {
	return slices.DeleteFunc(slices.Clone(perms), func(p stack.Permission) bool { return !HasLabel(p.Description) })
}
