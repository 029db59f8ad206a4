package awssim

import (
	"crypto/x509"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// lead is how long before the API calls a load balancer active its listeners come up, so that no client that saw it
// active is refused.
const lead = 25 * time.Millisecond

// topologyOf is what the data plane has to serve, read off the account, whose lock is held; it shares nothing with the
// account that calls change in place. Next is when the account will look different without another call: a load
// balancer becomes active, a target has drained; zero if never.
func topologyOf(a *account.Account) (t topology.Topology, next time.Time) {
	now := a.Clock.Now()
	soon := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	groups := firewalls(a)
	for _, lb := range a.LoadBalancersInOrder() {
		soon(lb.ActiveAt.Add(-lead))
		soon(lb.Capacity.ReadyAt)
		served := loadBalancer(a, lb, now, groups)
		var change time.Time
		served.Firewall, change = a.Firewall(lb.ARN)
		soon(change)
		t.LoadBalancers = append(t.LoadBalancers, served)
	}
	for _, tg := range a.TargetGroupsInOrder() {
		a.PurgeTargets(tg)
		for _, r := range tg.Targets {
			for _, at := range a.Settling(tg, r) {
				soon(at)
			}
		}
		t.TargetGroups = append(t.TargetGroups, targetGroup(a, tg))
	}
	for _, x := range a.AcceleratorsInOrder() {
		soon(x.ServesAt)
		for _, l := range x.Listeners {
			for _, g := range l.Groups {
				for _, e := range g.Endpoints {
					soon(e.Added.Add(a.Profile.EndpointInitial))
				}
			}
		}
		t.Accelerators = append(t.Accelerators, accelerator(a, x))
	}
	soon(a.Trouble.NextFlap(now))
	return t, next
}

func loadBalancer(a *account.Account, lb *account.LoadBalancer, now time.Time,
	groups map[string]firewall) topology.LoadBalancer {
	state, _ := lb.StateAt(now.Add(lead))
	served := topology.LoadBalancer{
		ARN: lb.ARN, Name: lb.Name, DNSName: lb.DNSName, Type: stack.LoadBalancerType(lb.Type), Scheme: lb.Scheme,
		IPAddressType: lb.IPAddressType, Active: state == "active" || state == "active_impaired",
		Filtered: lb.SecurityGroups != nil, Attributes: maps.Clone(lb.Attributes), FirewallOut: a.Trouble.FirewallOut,
	}
	if v, ok := a.VPC(lb.VPC); ok {
		for _, c := range slices.Concat(v.CIDRs, v.IPv6CIDRs) {
			served.VPC = append(served.VPC, c.Prefix)
		}
	}
	if !now.Before(lb.Capacity.ReadyAt) {
		served.ReservedUnits = lb.Capacity.Units
	}
	for _, z := range lb.Zones {
		if a.Trouble.ZoneOut(z.Name) {
			continue
		}
		served.Zones = append(served.Zones, zone(a, z))
		served.Zones[len(served.Zones)-1].Shifted = a.Trouble.Shifted(lb, z.Name)
	}
	switch len(lb.SecurityGroups) {
	case 1: // shared: a group may have many members and many load balancers
		served.Ingress, served.Egress = groups[lb.SecurityGroups[0]].ingress, groups[lb.SecurityGroups[0]].egress
	default:
		for _, id := range lb.SecurityGroups {
			served.Ingress = append(served.Ingress, groups[id].ingress...)
			served.Egress = append(served.Egress, groups[id].egress...)
		}
	}
	for _, l := range lb.Listeners {
		served.Listeners = append(served.Listeners, listener(a, l))
	}
	return served
}

func zone(a *account.Account, z account.Zone) topology.Zone {
	served := topology.Zone{Name: z.Name}
	n, ok := a.Interface(z.Interface)
	if !ok {
		return served
	}
	served.Private = n.PrimaryAddress()
	if len(n.Addresses) > 0 {
		served.Public = n.Addresses[0].Public
	}
	if len(n.IPv6Addresses) > 0 {
		served.IPv6 = n.IPv6Addresses[0]
	}
	return served
}

// firewall is the permissions of a security group, with what they refer to resolved to ranges.
type firewall struct{ ingress, egress []topology.Permission }

// firewalls are those of the security groups of load balancers.
func firewalls(a *account.Account) map[string]firewall {
	members := groupMembers(a)
	all := map[string]firewall{}
	for _, lb := range a.LoadBalancers {
		for _, id := range lb.SecurityGroups {
			if _, done := all[id]; done {
				continue
			}
			if g, ok := a.SecurityGroup(id); ok {
				all[id] = firewall{permissions(a, g.Ingress, members), permissions(a, g.Egress, members)}
			}
		}
	}
	return all
}

// groupMembers are the addresses of the interfaces in each security group that another group's permissions refer to.
func groupMembers(a *account.Account) map[string][]netip.Addr {
	members := map[string][]netip.Addr{}
	for _, g := range a.SecurityGroups {
		for _, list := range [][]vpc.Permission{g.Ingress, g.Egress} {
			for i := range list {
				if list[i].Group != "" {
					members[list[i].Group] = nil
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.Interfaces)) {
		n := a.Interfaces[id]
		for _, group := range n.Groups {
			if _, referred := members[group]; !referred {
				continue
			}
			for _, a := range n.Addresses {
				members[group] = append(members[group], a.Addr)
			}
			members[group] = append(members[group], n.IPv6Addresses...)
		}
	}
	return members
}

// permissions are a group's with groups and prefix lists resolved to ranges.
func permissions(a *account.Account, list []vpc.Permission, members map[string][]netip.Addr) []topology.Permission {
	var served []topology.Permission
	for _, p := range list {
		add := func(peer netip.Prefix) {
			served = append(served, topology.Permission{Protocol: p.Protocol, FromPort: p.From, ToPort: p.To, Source: peer})
		}
		switch {
		case p.CIDR.IsValid():
			add(p.CIDR)
		case p.Group != "":
			for _, ip := range members[p.Group] {
				add(netip.PrefixFrom(ip, ip.BitLen()))
			}
		default:
			if l, ok := a.PrefixLists[p.PrefixList]; ok {
				for _, entry := range l.Entries {
					add(entry)
				}
			}
		}
	}
	return served
}

func listener(a *account.Account, l *account.Listener) topology.Listener {
	served := topology.Listener{
		ARN: l.ARN, Port: l.Port, Protocol: l.Protocol, SSLPolicy: l.SSLPolicy, ALPN: l.ALPN,
		Attributes: maps.Clone(l.Attributes),
	}
	for _, arn := range certificates(l) {
		// A certificate that is gone cannot be: ACM refuses to delete what a listener uses.
		if pair, err := a.TLSCertificate(arn); err == nil {
			served.Certificates = append(served.Certificates, topology.Certificate{ARN: arn, TLS: *pair})
		}
	}
	served.Clients = clientAuth(a, l.MutualTLS)
	for _, r := range l.Rules {
		if id, ok := identification(a, r.Actions); ok {
			if served.Identify == nil {
				served.Identify = map[string]topology.Identification{}
			}
			name := r.ARN
			if r.Default {
				name = ""
			}
			served.Identify[name] = id
		}
		if r.Default {
			served.Default = r.StackActions()
			continue
		}
		served.Rules = append(served.Rules, stack.Rule{
			ID: r.ARN, Order: r.Priority, Conditions: r.Conditions, Actions: r.StackActions(), Transforms: r.Transforms,
			Tags: maps.Clone(r.Tags),
		})
	}
	return served
}

// clientAuth is how a listener authenticates its clients.
func clientAuth(a *account.Account, m account.MutualTLS) topology.ClientAuth {
	served := topology.ClientAuth{Mode: m.Mode, IgnoreExpiry: m.IgnoreExpiry, Advertise: m.AdvertiseName == "on"}
	store := a.TrustStores[m.TrustStore]
	if store == nil {
		return served
	}
	served.Authorities = store.Authorities
	if revocations := slices.Clone(store.Revocations); len(revocations) > 0 { // none of which changes
		served.Revoked = func(c *x509.Certificate) bool {
			return slices.ContainsFunc(revocations, func(r *account.Revocation) bool { return r.Revokes(c) })
		}
	}
	return served
}

// certificates are a listener's, the default one first.
func certificates(l *account.Listener) []string {
	if l.Certificate == "" {
		return nil
	}
	arns := []string{l.Certificate}
	for _, arn := range l.Certificates {
		if arn != l.Certificate {
			arns = append(arns, arn)
		}
	}
	return arns
}

// nowhere is an address that nothing ever has: TEST-NET-1 of RFC 5737.
var nowhere = netip.MustParseAddr("192.0.2.1")

func targetGroup(a *account.Account, tg *account.TargetGroup) topology.TargetGroup {
	served := topology.TargetGroup{
		ARN: tg.ARN, Name: tg.Name, TargetType: tg.TargetType, Protocol: tg.Protocol, ProtocolVersion: tg.ProtocolVersion,
		Port: tg.Port, ControlPort: tg.ControlPort, Attributes: maps.Clone(tg.Attributes),
		HealthCheck: stack.HealthCheck{
			Protocol: tg.HealthCheck.Protocol, Port: tg.HealthCheck.Port, Path: tg.HealthCheck.Path,
			Matcher:         matcher(tg.HealthCheck),
			IntervalSeconds: tg.HealthCheck.Interval, TimeoutSeconds: tg.HealthCheck.Timeout,
			HealthyThreshold: tg.HealthCheck.HealthyThreshold, UnhealthyThreshold: tg.HealthCheck.UnhealthyThreshold,
		},
	}
	for _, t := range tg.SortedTargets() {
		address := targetAddress(a, tg, t)
		if a.Trouble.Ill(tg, t, a.Clock.Now()) {
			address = nowhere
		}
		served.Targets = append(served.Targets, topology.Target{
			ID: t.ID, Port: t.Port, Zone: t.Zone, Address: address, Nodes: targetNodes(a, tg, t), QUICServerID: t.QUICServerID,
			Draining:    a.Left(tg, t),
			Registering: a.Registering(tg, t),
			Unused:      a.TargetHealth(tg, t).State == account.Unused,
		})
	}
	return served
}

func matcher(h account.HealthCheck) string {
	if h.GRPCCodes != "" {
		return h.GRPCCodes
	}
	return h.HTTPCodes
}

// targetAddress is where a target's traffic goes: the address it is, the primary one of an instance, or that of a load
// balancer in its first zone. It is invalid when the target is none of these any more.
func targetAddress(a *account.Account, tg *account.TargetGroup, t *account.Target) netip.Addr {
	switch tg.TargetType {
	case "ip":
		ip, err := netip.ParseAddr(t.ID)
		if err != nil {
			return netip.Addr{}
		}
		return ip
	case "instance":
		if i, ok := a.Instance(t.ID); ok && len(i.Interfaces) > 0 {
			n, ok := a.Interface(i.Interfaces[0])
			switch {
			case ok && tg.IPAddressType != "ipv6":
				return n.PrimaryAddress()
			case ok && len(n.IPv6Addresses) > 0:
				return n.IPv6Addresses[0]
			}
		}
	case "alb":
		if lb, ok := a.LoadBalancers[t.ID]; ok && len(lb.Zones) > 0 {
			return zone(a, lb.Zones[0]).Private
		}
	}
	return netip.Addr{}
}

// targetNodes are the places of a target that is a load balancer.
func targetNodes(a *account.Account, tg *account.TargetGroup, t *account.Target) []topology.Zone {
	lb := a.LoadBalancers[t.ID]
	if tg.TargetType != "alb" || lb == nil {
		return nil
	}
	var nodes []topology.Zone
	for _, z := range lb.Zones {
		nodes = append(nodes, zone(a, z))
	}
	return nodes
}
