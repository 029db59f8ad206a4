package account

import (
	"fmt"
	"net/netip"
)

// Check lists what must never be true of the account, whatever calls were made: the faults of load balancing and of
// networks, and counts beyond their quotas. It needs the account's lock, and is for tests. A quota that was lowered below
// what there is shows as a fault; tests that do that ask BalancingFaults and ComputeFaults.
func (a *Account) Check() []string {
	return append(append(a.BalancingFaults(), a.ComputeFaults()...), a.QuotaFaults()...)
}

// ComputeFaults lists references between networks, interfaces and addresses that dangle, and addresses that are taken twice
// or by nobody. It needs the account's lock, and is for tests.
func (a *Account) ComputeFaults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	used := map[string]int{} // IPv4 addresses by subnet
	publics := map[netip.Addr]string{}
	for id, n := range a.Interfaces {
		s, ok := a.Subnets[n.Subnet]
		if id != n.ID || !ok || n.VPC != s.VPC {
			fault("interface %s is not filed, or its subnet %s does not exist", n.ID, n.Subnet)
			continue
		}
		for _, g := range n.Groups {
			if a.SecurityGroups[g] == nil {
				fault("interface %s has security group %s, which does not exist", id, g)
			}
		}
		for _, address := range n.Addresses {
			used[n.Subnet]++
			if holder := a.book[addressKey{n.VPC, address.Addr}]; holder != id {
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
			if holder := a.book[addressKey{n.VPC, address}]; holder != id {
				fault("address %s of %s is booked for %q", address, id, holder)
			}
		}
		for _, p := range n.IPv6Prefixes {
			if holder := a.IPv6PrefixHolder(n.VPC, p); holder != id {
				fault("prefix %s of %s overlaps with one of %s", p, id, holder)
			}
		}
		for _, p := range n.Prefixes {
			used[n.Subnet] += 1 << (32 - p.Bits())
		}
	}
	for key, id := range a.book {
		if a.Interfaces[id] == nil {
			fault("address %s is booked for %s, which does not exist", key.addr, id)
		}
	}
	for id, s := range a.Subnets {
		if a.VPCs[s.VPC] == nil {
			fault("subnet %s is in %s, which does not exist", id, s.VPC)
		}
		if s.used < used[id] {
			fault("subnet %s counts %d addresses in use, but has %d", id, s.used, used[id])
		}
	}
	for id, e := range a.Addresses {
		if e.Interface != "" && a.Interfaces[e.Interface] == nil {
			fault("address %s belongs to %s, which does not exist", id, e.Interface)
		}
	}
	return faults
}

// QuotaFaults lists what there is more of than its quota allows. It needs the account's lock, and is for tests.
func (a *Account) QuotaFaults() []string {
	var faults []string
	within := func(what, quota string, n int) {
		if most := a.Quota(quota); n > most {
			faults = append(faults, fmt.Sprintf("%s: %d, but the quota %s is %d", what, n, quota, most))
		}
	}
	within("target groups", "target-groups", len(a.TargetGroups))
	for _, tg := range a.TargetGroups {
		n := 0
		for _, t := range tg.Targets {
			if t.GoneAt.IsZero() {
				n++
			}
		}
		within("targets of "+tg.ARN, "targets-per-target-group", n)
	}
	ofType := map[string]int{}
	for arn, lb := range a.LoadBalancers {
		ofType[lb.Type]++
		if lb.Type == "gateway" {
			continue
		}
		rules, certificates, targets := 0, 0, 0
		for _, l := range lb.Listeners {
			rules += len(l.Rules) - 1
			certificates += len(l.Certificates)
		}
		groups := lb.TargetGroups()
		for tg := range groups {
			for _, t := range a.TargetGroups[tg].Targets {
				if t.GoneAt.IsZero() {
					targets++
				}
			}
		}
		per := "-per-" + lb.Type + "-load-balancer"
		within("listeners of "+arn, "listeners"+per, len(lb.Listeners))
		within("certificates of "+arn, "certificates"+per, certificates)
		within("targets of "+arn, "targets"+per, targets)
		if lb.Type == "application" {
			within("rules of "+arn, "rules"+per, rules)
			within("target groups of "+arn, "target-groups"+per, len(groups))
		}
	}
	for typ, n := range ofType {
		within("load balancers", typ+"-load-balancers", n)
	}
	return faults
}
