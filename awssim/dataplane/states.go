package dataplane

// states counts, of a target group that an ALB uses, the zones that have the healthy targets which DNS and routing ask for, and
// those that have not, under CloudWatch's names.
func (p *Plane) states(g *group, out map[string]int64) {
	user := g.serves.Load()
	if user == nil || user.network {
		return
	}
	b := p.balancers[user.arn]
	if b == nil {
		return
	}
	c := b.config.Load()
	s, pool := &g.config.Load().settings, g.pool.Load()
	for _, z := range c.Zones {
		n := pool.hostsFor(z.Name, s.CrossesZones(&c.settings))
		for name, well := range map[string]bool{"DNS": s.InDNS(n.healthy, n.registered), "Routing": s.Routable(n.healthy, n.registered)} {
			if well {
				out["HealthyState"+name]++
			} else {
				out["UnhealthyState"+name]++
			}
		}
	}
}

// shiftedHosts counts the targets that a zonal shift keeps traffic away from, under CloudWatch's names.
func (g *group) shiftedHosts(out map[string]int64) {
	user := g.serves.Load()
	if user == nil {
		return
	}
	name := "ZonalShiftedHostCount"
	if user.network {
		name = "ActiveZonalShiftHostCount"
	}
	for _, t := range g.pool.Load().registered {
		if user.shifted(t) {
			out[name]++
		}
	}
}
