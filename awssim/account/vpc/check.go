package vpc

import (
	"fmt"
	"net/netip"
)

// NetworkFaults lists references between networks, interfaces and addresses that dangle, and addresses that are taken
// twice or by no interface. It needs the account's lock, and is for tests.
func (c *Network) NetworkFaults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	used := map[string]int{} // IPv4 addresses by subnet
	publics := map[netip.Addr]string{}
	for id, n := range c.Interfaces {
		s, ok := c.Subnets[n.Subnet]
		if id != n.ID || !ok || n.VPC != s.VPC {
			fault("interface %s is not filed, or its subnet %s does not exist", n.ID, n.Subnet)
			continue
		}
		for _, g := range n.Groups {
			if c.SecurityGroups[g] == nil {
				fault("interface %s has security group %s, which does not exist", id, g)
			}
		}
		for _, address := range n.Addresses {
			used[n.Subnet]++
			if holder := c.book[addressKey{n.VPC, address.Addr}]; holder != id {
				fault("address %s of %s is booked for %q", address.Addr, id, holder)
			}
			if p := address.Public; p.IsValid() {
				if other, twice := publics[p]; twice {
					fault("public address %s belongs to %s and %s", p, other, id)
				}
				publics[p] = id
			}
		}
		for _, address := range n.IPv6Addresses {
			if holder := c.book[addressKey{n.VPC, address}]; holder != id {
				fault("address %s of %s is booked for %q", address, id, holder)
			}
		}
		for _, p := range n.IPv6Prefixes {
			if holder := c.IPv6PrefixHolder(n.VPC, p); holder != id {
				fault("prefix %s of %s overlaps with one of %s", p, id, holder)
			}
		}
		for _, p := range n.Prefixes {
			used[n.Subnet] += 1 << (32 - p.Bits())
		}
	}
	for key, id := range c.book {
		if c.Interfaces[id] == nil {
			fault("address %s is booked for %s, which does not exist", key.addr, id)
		}
	}
	for id, s := range c.Subnets {
		if c.VPCs[s.VPC] == nil {
			fault("subnet %s is in %s, which does not exist", id, s.VPC)
		}
		if s.used < used[id] {
			fault("subnet %s counts %d addresses in use, but has %d", id, s.used, used[id])
		}
	}
	for id, e := range c.Addresses {
		if e.Interface != "" && c.Interfaces[e.Interface] == nil {
			fault("address %s belongs to %s, which does not exist", id, e.Interface)
		}
	}
	return faults
}
