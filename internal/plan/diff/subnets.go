package diff

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// subnetChanges compares subnets as sets of ids. The addresses of a remaining subnet cannot change.
func subnetChanges(have, want stack.LoadBalancer) []string {
	if len(want.Subnets) == 0 {
		return nil
	}
	prefixes := func(ms []stack.SubnetMapping) map[string]string {
		out := make(map[string]string, len(ms))
		for i := range ms {
			out[ms[i].Subnet] = ms[i].SourceNATPrefix
		}
		return out
	}
	h, w := prefixes(have.Subnets), prefixes(want.Subnets)
	var why reasons
	for _, s := range slices.Sorted(maps.Keys(w)) {
		old, ok := h[s]
		if !ok {
			why = append(why, "add subnet "+s)
		} else if p := w[s]; p != stack.AutoAssigned {
			why.managed("source NAT prefix of "+s, old, p)
		}
	}
	for _, s := range slices.Sorted(maps.Keys(h)) {
		if _, ok := w[s]; !ok {
			why = append(why, "remove subnet "+s)
		}
	}
	why.managed("source NAT prefixes", cmp.Or(have.NetworkSourceNAT, "off"), want.NetworkSourceNAT)
	return why
}

// newIPv6Addresses returns the changes of a load balancer that becomes dualstack and gets chosen IPv6 addresses in
// its subnets.
func newIPv6Addresses(have, want stack.LoadBalancer) (why reasons) {
	if want.Type != stack.Network || want.IPAddressType != stack.Dualstack || cmp.Or(have.IPAddressType, stack.IPv4) !=
		stack.IPv4 {
		return nil
	}
	for _, m := range want.Subnets {
		if m.IPv6 != "" && slices.ContainsFunc(have.Subnets, func(h stack.SubnetMapping) bool {
			return h.Subnet == m.Subnet
		}) {
			why = append(why, "IPv6 address of "+m.Subnet+" none → "+m.IPv6)
		}
	}
	return why
}

// withAddresses returns the wanted subnets. Existing subnets get their observed addresses, because AWS demands that
// these are repeated. A prefix for source NAT that AWS chose is repeated too: AWS refuses another one while there are
// UDP listeners.
func withAddresses(have, want stack.LoadBalancer) []stack.SubnetMapping {
	out := slices.Clone(want.Subnets)
	for i := range out {
		at := slices.IndexFunc(have.Subnets, func(h stack.SubnetMapping) bool { return h.Subnet == out[i].Subnet })
		if at < 0 {
			continue
		}
		m, h := &out[i], have.Subnets[at]
		m.AllocationID, m.PrivateIPv4 = h.AllocationID, h.PrivateIPv4
		if want.IPAddressType != stack.IPv4 {
			m.IPv6 = cmp.Or(h.IPv6, m.IPv6)
		}
		if chosen := m.SourceNATPrefix == "" || m.SourceNATPrefix == stack.AutoAssigned; chosen &&
			want.NetworkSourceNAT == "on" {
			m.SourceNATPrefix = cmp.Or(h.SourceNATPrefix, m.SourceNATPrefix)
		}
	}
	return out
}
