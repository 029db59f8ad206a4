package loadbalancer

import (
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ZoneState is an enabled zone of a load balancer as DNS sees it.
type ZoneState struct {
	topology.Zone
	// Healthy is set if every target group in use has, in this zone, the healthy targets that DNS failover requires.
	Healthy bool
	// InService is set if the zone's addresses belong into an answer: it is healthy and no zonal shift leads away from it,
	// or that holds for no zone (then all are in service, so that the name keeps addresses).
	InService bool
}

// ZoneStates are the enabled zones in the topology's order; none before the first update.
func (b *LoadBalancer) ZoneStates() []ZoneState {
	c := b.config.Load()
	if c == nil {
		return nil
	}
	states := make([]ZoneState, len(c.Zones))
	served := false
	for i, z := range c.Zones {
		healthy := c.healthyIn(z.Name)
		states[i] = ZoneState{Zone: z, Healthy: healthy, InService: healthy && !z.Shifted}
		served = served || states[i].InService
	}
	for i := range states {
		states[i].InService = states[i].InService || !served
	}
	return states
}

// inService are the zones that DNS answers.
func (b *LoadBalancer) inService() []topology.Zone {
	var zones []topology.Zone
	for _, s := range b.ZoneStates() {
		if s.InService {
			zones = append(zones, s.Zone)
		}
	}
	return zones
}

// EntryPoints are the addresses of one family, of the zones in service, at which accelerators reach an active load
// balancer. Those of an internet-facing load balancer are the public ones.
func (b *LoadBalancer) EntryPoints(v6 bool) []netip.Addr {
	c := b.Active()
	if c == nil {
		return nil
	}
	var nodes []netip.Addr
	for _, z := range b.inService() {
		at := z.Private
		switch {
		case v6:
			at = z.IPv6
		case c.Scheme == stack.InternetFacing && z.Public.IsValid():
			at = z.Public
		}
		if at.IsValid() {
			nodes = append(nodes, at)
		}
	}
	return nodes
}

// healthyIn reports whether each target group in use has enough healthy targets for a node in the zone. A group without
// any target does not count.
func (c *Config) healthyIn(zone string) bool {
	for _, g := range c.groups {
		pool, s := g.Pool(), &g.Config().Settings
		if len(pool.Registered) == 0 {
			continue
		}
		if n := pool.HostsFor(zone, s.CrossesZones(&c.Settings)); !s.InDNS(n.Healthy, n.Registered) {
			return false
		}
	}
	return true
}

// Zone finds the zone whose node a connection reached: by its address on the virtual network, else in turn as DNS would
// answer: of the zones in service those with a healthy target of the listener if there are any, else zones with a
// target, else all.
func (b *LoadBalancer) Zone(local netip.Addr, s *Snapshot, client netip.AddrPort) string {
	for _, z := range b.config.Load().Zones {
		if local == z.Private || local == z.Public || local == z.IPv6 {
			return z.Name
		}
	}
	for _, g := range s.TargetGroups {
		// a client resolves the name once and stays at one node
		if settings := &g.Config().Settings; settings.Sticky && settings.StickyType == "source_ip" {
			return b.resolvedZone(s, b.HashOf(client.Addr()))
		}
	}
	return b.resolvedZone(s, b.turn.Add(1))
}

// resolvedZone is the zone that a client finds by DNS, n its turn.
func (b *LoadBalancer) resolvedZone(s *Snapshot, n uint64) string {
	zones := b.inService()
	if len(zones) == 0 {
		return ""
	}
	start := int(n % uint64(len(zones)))
	for _, good := range []func(*targetgroup.Pool, string) bool{(*targetgroup.Pool).HealthyIn,
		(*targetgroup.Pool).RegisteredIn} {
		for i := range zones {
			z := zones[(start+i)%len(zones)]
			for _, g := range s.TargetGroups {
				if good(g.Pool(), z.Name) {
					return z.Name
				}
			}
		}
	}
	return zones[start].Name
}

// PrivateAddress is the load balancer's own address in a zone.
func (c *Config) PrivateAddress(zone string, v6 bool) netip.Addr {
	return topology.OwnAddress(c.Zones, zone, v6)
}
