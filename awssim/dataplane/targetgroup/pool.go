package targetgroup

// Pool is the choice of targets at one moment; it is immutable.
type Pool struct {
	Registered []*Target // neither draining nor unused
	All        []*Target // eligible with cross-zone balancing
	zones      map[string][]*Target
	everywhere []*Target            // eligible targets that belong to no zone
	hosts      map[string]HostCount // registered targets by zone; "" holds those that belong to none
}

// HostCount counts targets.
type HostCount struct{ Healthy, Registered int }

// count counts a usable target; its group's lock is held.
func (p *Pool) count(t *Target) {
	zone := t.Spec().Zone
	if zone == "all" {
		zone = ""
	}
	c := p.hosts[zone]
	c.Registered++
	if t.health.state == stateHealthy {
		c.Healthy++
	}
	p.hosts[zone] = c
}

// From lists the targets that a node in a zone may choose.
func (p *Pool) From(zone string, crossZone bool) []*Target {
	if crossZone || zone == "" {
		return p.All
	}
	if targets, ok := p.zones[zone]; ok {
		return targets
	}
	return p.everywhere
}

// HealthyIn reports whether a zone has a healthy target of its own.
func (p *Pool) HealthyIn(zone string) bool {
	for _, t := range p.zones[zone] {
		if t.IsHealthy() {
			return true
		}
	}
	return false
}

// RegisteredIn reports whether a zone has a target of its own.
func (p *Pool) RegisteredIn(zone string) bool { return len(p.zones[zone]) > 0 }

// HostsFor counts the targets that a node in a zone may use.
func (p *Pool) HostsFor(zone string, crossZone bool) HostCount {
	sum := HostCount{}
	for where, n := range p.hosts {
		if crossZone || where == zone || where == "" {
			sum.Healthy += n.Healthy
			sum.Registered += n.Registered
		}
	}
	return sum
}

// Hosts counts the registered targets by health.
func (g *Group) Hosts() (healthy, unhealthy int64) {
	for _, t := range g.Pool().Registered {
		if t.IsHealthy() {
			healthy++
		} else {
			unhealthy++
		}
	}
	return healthy, unhealthy
}

// ShiftedHosts counts the targets that a zonal shift keeps traffic away from, under CloudWatch's names.
func (g *Group) ShiftedHosts(out map[string]int64) {
	user := g.User()
	if user == nil {
		return
	}
	name := "ZonalShiftedHostCount"
	if user.Network {
		name = "ActiveZonalShiftHostCount"
	}
	for _, t := range g.Pool().Registered {
		if user.shifted(t) {
			out[name]++
		}
	}
}
