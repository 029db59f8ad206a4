// Package secgroup decides which inbound rules the security groups of pods and nodes need for the load balancers in front of
// them, over all TargetGroupBindings together, and has the differences written. Packing and diffing are pure.
// It imports stack, plan, inventory, cloud and apply; it knows nothing of Kubernetes.
package secgroup

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Label is the description that marks the controller's rules in groups that it does not own; rules without it are never revoked.
const Label = "elbv2.k8s.aws/targetGroupBinding=shared"

// maxRulesPerSource bounds how many rules one source may take in one group before ranges are joined: a group admits 60
// inbound rules by default, and other sources want their share.
const maxRulesPerSource = 20

// source is everything of a permission but its ports.
type source struct {
	protocol, cidr, cidr6, prefixList, group string
}

func sourceOf(p stack.Permission) source {
	return source{p.Protocol, p.CIDR, p.IPv6CIDR, p.PrefixList, p.Group.Literal}
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

func compareSources(a, b source) int {
	return cmp.Or(
		cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.group, b.group), cmp.Compare(a.cidr, b.cidr),
		cmp.Compare(a.cidr6, b.cidr6), cmp.Compare(a.prefixList, b.prefixList))
}

// Pack joins permissions to the fewest rules that admit precisely the same traffic: per protocol and source, overlapping and
// adjacent port ranges become one. Two shapes in which the existing controller writes rules are kept where they stand, so that
// taking over a cluster changes nothing: one range from the lowest to the highest wanted port, and several rules that together
// admit precisely what is wanted. Only when a source would otherwise take more than maxRulesPerSource rules are the nearest ranges
// joined across the ports between them.
func Pack(wanted, current []stack.Permission) []stack.Permission {
	spans := spansBySource(wanted)
	have := spansBySource(managed(current))
	sources := make([]source, 0, len(spans))
	for s := range spans {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, compareSources)

	var out []stack.Permission
	for _, s := range sources {
		packed := union(spans[s])
		hull := Ports{packed[0].From, packed[len(packed)-1].To}
		switch h := have[s]; {
		case slices.Contains(h, hull):
			packed = []Ports{hull}
		case len(h) > 0 && slices.Equal(union(h), packed):
			packed = h
		default:
			for len(packed) > maxRulesPerSource {
				packed = joinNearest(packed)
			}
		}
		for _, r := range packed {
			out = append(out, s.permission(r))
		}
	}
	return out
}

func spansBySource(perms []stack.Permission) map[source][]Ports {
	out := map[source][]Ports{}
	for _, p := range perms {
		p = normalise(p)
		s := sourceOf(p)
		out[s] = append(out[s], Ports{p.FromPort, p.ToPort})
	}
	return out
}

// union sorts ranges and joins those that overlap or touch.
func union(in []Ports) []Ports {
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

// joinNearest joins the two neighbours with the fewest ports between them.
func joinNearest(in []Ports) []Ports {
	best := 0
	for i := range in[:len(in)-1] {
		if in[i+1].From-in[i].To < in[best+1].From-in[best].To {
			best = i
		}
	}
	in[best].To = in[best+1].To
	return slices.Delete(in, best+1, best+2)
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
