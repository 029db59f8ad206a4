package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// addressKind is a kind of addresses of an NLB in its subnets.
type addressKind struct {
	what      string
	of        func(*stack.SubnetMapping) *string
	source    func(*intent.AddressSources) intent.Source
	scheme    string // of the only load balancers that take them; empty = all
	dualstack bool   // dualstack load balancers take them only
	fixed     bool   // a subnet gets it when the load balancer gets the subnet, and at no other time
	uniform   bool   // AWS takes one for all subnets or for none
}

// addressKinds are the kinds, in the order in which they are checked.
var addressKinds = []addressKind{
	{what: "EIP allocations", of: func(m *stack.SubnetMapping) *string { return &m.AllocationID },
		source: func(s *intent.AddressSources) intent.Source { return s.Allocations },
		scheme: stack.InternetFacing, fixed: true, uniform: true},
	{what: "private IPv4 addresses", of: func(m *stack.SubnetMapping) *string { return &m.PrivateIPv4 },
		source: func(s *intent.AddressSources) intent.Source { return s.PrivateIPv4 },
		scheme: stack.Internal, fixed: true},
	{what: "IPv6 addresses", of: func(m *stack.SubnetMapping) *string { return &m.IPv6 },
		source:    func(s *intent.AddressSources) intent.Source { return s.IPv6 },
		dualstack: true, fixed: true},
	{what: "source NAT prefixes", of: func(m *stack.SubnetMapping) *string { return &m.SourceNATPrefix },
		source:    func(s *intent.AddressSources) intent.Source { return s.SourceNATPrefixes },
		dualstack: true},
}

// declared are the values of a kind, in the order of the mappings.
func (k addressKind) declared(mappings []stack.SubnetMapping) (out []string) {
	for _, m := range mappings {
		if v := *k.of(&m); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// at is where addresses of a kind are declared, of member and source.
func (b *build) at(k addressKind, member int, source intent.Source) string {
	if own := k.source(&b.members[member].Settings.AddressSources); own.Path() != "" {
		return own.Place()
	}
	return source.Place()
}

// mapSubnets assigns fixed addresses to the subnets of an NLB: allocations by position, the others to the subnet that
// contains them. A subnet that the load balancer has keeps the addresses that it has.
func (b *build) mapSubnets() {
	b.mapAddresses()
	s := b.settings.mappings
	if !s.Set || len(s.Value) == 0 || len(b.lb.Subnets) == 0 {
		return
	}
	if b.checkAddresses() && b.placeAddresses() {
		b.keepAddresses(s.Member, s.Source)
	}
}

// invalidAddresses reports what is wrong with declared addresses of a kind.
func (b *build) invalidAddresses(k addressKind, remedy, format string, args ...any) {
	s := b.settings.mappings
	b.failShared(s.Member, diag.New(b.members[s.Member].Object, b.at(k, s.Member, s.Source), diag.InvalidSubnets,
		fmt.Sprintf(format, args...), remedy))
}

// checkAddresses reports whether the load balancer takes the addresses that are declared, as many as they are.
func (b *build) checkAddresses() bool {
	for _, k := range addressKinds {
		switch values := k.declared(b.settings.mappings.Value); {
		case len(values) == 0:
			continue
		case k.scheme != "" && k.scheme != b.lb.Scheme:
			b.invalidAddresses(k, "remove them or set scheme "+k.scheme, "%s can only be set for %s load balancers", k.what,
				strings.ReplaceAll(k.scheme, "-", " "))
			return false
		case k.dualstack && !b.dualstack():
			b.invalidAddresses(k, "remove them or set IP address type dualstack",
				"%s can only be set for dualstack load balancers", k.what)
			return false
		case len(values) != len(b.lb.Subnets):
			b.invalidAddresses(k, "give one per subnet", "count of %s (%d) and subnets (%d) must match", k.what, len(values),
				len(b.lb.Subnets))
			return false
		}
	}
	return true
}

// placeAddresses assigns the addresses that are declared; ok is false if they do not fit the subnets, which is
// reported, or while these are not known.
func (b *build) placeAddresses() (ok bool) {
	eips, v4, v6, nat := addressKinds[0], addressKinds[1], addressKinds[2], addressKinds[3]
	values := b.settings.mappings.Value
	if ids := eips.declared(values); len(ids) > 0 {
		b.allocate(ids)
	}
	private, public, prefixes := v4.declared(values), v6.declared(values), nat.declared(values)
	chosen := slices.DeleteFunc(slices.Clone(prefixes), func(p string) bool { return p == stack.AutoAssigned })
	for i := range b.lb.Subnets {
		if len(prefixes) > 0 {
			b.lb.Subnets[i].SourceNATPrefix = stack.AutoAssigned
		}
	}
	if len(private)+len(public)+len(chosen) == 0 {
		return true
	}
	if !b.subnetsInFull() {
		return false
	}
	placed := 0
	for i, subnet := range b.subnets {
		to := &b.lb.Subnets[i]
		if to.PrivateIPv4, ok = subnet.IPv4Of(private); !ok && len(private) > 0 {
			b.invalidAddresses(v4, "list one valid address inside each subnet's CIDR block",
				"exactly one private IPv4 address of the list must be in subnet %s", subnet.ID)
			return false
		}
		if to.IPv6, ok = subnet.IPv6Of(public); !ok && len(public) > 0 {
			b.invalidAddresses(v6, "list one valid address inside each subnet's IPv6 CIDR block",
				"exactly one IPv6 address of the list must be in subnet %s", subnet.ID)
			return false
		}
		if !b.unreserved(v4, to.PrivateIPv4, subnet.CIDR) || !b.unreserved(v6, to.IPv6, subnet.IPv6CIDRs...) {
			return false
		}
		if p, ok := subnet.PrefixOf(chosen); ok {
			to.SourceNATPrefix = p
			placed++
		}
	}
	if placed != len(chosen) {
		b.invalidAddresses(nat, "list one prefix of 80 bits inside each subnet's IPv6 CIDR block, or "+stack.AutoAssigned,
			"each source NAT prefix must be in a subnet of its own: the subnets have %s, and the list has %s",
			b.ipv6Ranges(), strings.Join(chosen, ", "))
	}
	return placed == len(chosen)
}

// unreserved reports whether AWS does not keep an address of a subnet for itself, which is reported.
func (b *build) unreserved(k addressKind, address string, ranges ...string) bool {
	for _, r := range ranges {
		if text := constraint.OfAddress(constraint.Placed{Address: address, Range: r}); text != "" {
			b.invalidAddresses(k, "list another address of the subnet", "%s", text)
			return false
		}
	}
	return true
}

// ipv6Ranges lists the IPv6 ranges of the chosen subnets.
func (b *build) ipv6Ranges() string {
	var out []string
	for _, s := range b.subnets {
		out = append(out, s.ID+" "+fmt.Sprint(s.IPv6CIDRs))
	}
	return strings.Join(out, ", ")
}

// standing are the subnets that the load balancer has in AWS and keeps, by id, with the addresses that were chosen for
// them.
func (b *build) standing() map[string]stack.SubnetMapping {
	lb, _ := b.existing()
	if lb == nil || lb.Scheme != b.lb.Scheme {
		return nil
	}
	out := make(map[string]stack.SubnetMapping, len(lb.Subnets))
	for _, id := range lb.Subnets {
		out[id] = lb.Fixed[id]
	}
	return out
}

// allocate gives the subnets allocations in their order. Where the order is AWS's, because no subnets are named, an
// allocation that a subnet has is its own wherever it is listed; and a new subnet does not get one that another has.
func (b *build) allocate(ids []string) {
	standing := b.standing()
	free := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		for _, have := range standing {
			if have.AllocationID == id {
				return true
			}
		}
		return false
	})
	for i := range b.lb.Subnets {
		to := &b.lb.Subnets[i]
		have, kept := standing[to.Subnet]
		at := slices.Index(free, ids[i])
		switch {
		case kept && !b.settings.subnets.Set && slices.Contains(ids, have.AllocationID):
			to.AllocationID = have.AllocationID
		case kept && b.settings.subnets.Set, len(free) == 0:
			to.AllocationID = ids[i]
		default:
			at = max(at, 0)
			to.AllocationID = free[at]
			free = slices.Delete(free, at, at+1)
		}
	}
}

// unallocated reports whether a subnet that stays has no allocation.
func (b *build) unallocated(standing map[string]stack.SubnetMapping) bool {
	return slices.ContainsFunc(b.lb.Subnets, func(m stack.SubnetMapping) bool {
		have, there := standing[m.Subnet]
		return there && have.AllocationID == ""
	})
}

// keepAddresses leaves subnets that the load balancer has the addresses that they have, and notes others that are
// declared. When it becomes dualstack, they get the IPv6 addresses.
func (b *build) keepAddresses(member int, source intent.Source) {
	standing := b.standing()
	lb, _ := b.existing()
	for _, k := range addressKinds {
		if !k.fixed || k.dualstack && lb != nil && b.becomesDualstack(lb) {
			continue
		}
		var kept []string
		for i := range b.lb.Subnets {
			to := &b.lb.Subnets[i]
			have, there := standing[to.Subnet]
			declared, has := *k.of(to), *k.of(&have)
			verb := "keeps"
			if !there {
				verb = "gets"
			}
			if declared == "" || declared == has || !there && (!k.uniform || !b.unallocated(standing)) {
				continue
			}
			kept = append(kept, fmt.Sprintf("%s %s %s, not %s", to.Subnet, verb, cmp.Or(has, "an address that AWS chooses"),
				declared))
			*k.of(to) = has
		}
		if len(kept) > 0 {
			b.note(member, diag.New(b.members[member].Object, b.at(k, member, source), diag.IgnoredSetting,
				fmt.Sprintf("%s have no effect in subnets that the load balancer already has: %s", k.what,
					strings.Join(kept, "; ")),
				"declare the current addresses; to change an address, remove its subnet, wait until AWS has removed it, and "+
					"add the subnet again"))
		}
	}
}
