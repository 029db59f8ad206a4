package dataplane

import "github.com/k8s-lbc/lbc/awssim/dataplane/topology"

// ZoneState is an enabled zone of a load balancer as DNS sees it.
type ZoneState struct {
	topology.Zone
	// Healthy is set if every target group in use has, in this zone, the healthy targets that DNS failover requires.
	Healthy bool
	// InService is set if the zone's addresses belong into an answer: it is healthy and no zonal shift leads away from it, or
	// that holds for no zone (then all are in service, lest the name vanish).
	InService bool
}

// Zones lists, for DNS, which zones of an active load balancer are in service, in the topology's order; none when there is no
// active load balancer of that ARN.
func (p *Plane) Zones(arn string) []ZoneState {
	b := p.balancer(arn)
	if b == nil {
		return nil
	}
	if c := b.config.Load(); c == nil || !c.Active {
		return nil
	}
	return b.zoneStates()
}

func (b *balancer) zoneStates() []ZoneState {
	c := b.config.Load()
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
func (b *balancer) inService() []topology.Zone {
	var zones []topology.Zone
	for _, s := range b.zoneStates() {
		if s.InService {
			zones = append(zones, s.Zone)
		}
	}
	return zones
}

// HealthyIn reports whether each target group in use has enough healthy targets for a node in the zone. A group without any
// target does not count.
func (c *balancerConfig) healthyIn(zone string) bool {
	for _, g := range c.groups {
		pool, s := g.Pool(), &g.Config().Settings
		if len(pool.Registered) == 0 {
			continue
		}
		if n := pool.HostsFor(zone, s.CrossesZones(&c.settings)); !s.InDNS(n.Healthy, n.Registered) {
			return false
		}
	}
	return true
}
