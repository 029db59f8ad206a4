package dataplane

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/dataplane/accelerator"
	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/nlb"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// Stats are counts since each resource appeared, under CloudWatch's metric names. Names that AWS reports only when not
// zero are left out when zero.
type Stats struct {
	LoadBalancers map[string]map[string]int64 // by ARN
	TargetGroups  map[string]map[string]int64 // by ARN
	// LoadBalancerZones and TargetGroupZones are by ARN and by the zone of the node that served.
	LoadBalancerZones map[string]map[string]map[string]int64
	TargetGroupZones  map[string]map[string]map[string]int64
	Users             map[string]string // the load balancer of each target group, by ARN
	// Measures are the metrics that are no counts, by ARN of load balancer or target group; ZoneMeasures are by zone, too.
	Measures     map[string]map[string]float64
	ZoneMeasures map[string]map[string]map[string]float64
	Accelerators map[accelerator.Path]map[string]int64
	// Rules counts the requests that each rule took, by Rule.ID. Requests that met a listener's default actions are
	// counted under the listener's ARN. (CloudWatch has no such metric.)
	Rules map[string]int64
}

// Stats reports the counters of everything that exists.
func (p *Plane) Stats() Stats {
	accelerators := p.accelerators.Stats()
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := Stats{
		LoadBalancers: map[string]map[string]int64{}, TargetGroups: map[string]map[string]int64{}, Rules: map[string]int64{},
		LoadBalancerZones: map[string]map[string]map[string]int64{},
		TargetGroupZones:  map[string]map[string]map[string]int64{},
		Users:             map[string]string{}, Measures: map[string]map[string]float64{},
		ZoneMeasures: map[string]map[string]map[string]float64{},
		Accelerators: accelerators,
	}
	for arn, b := range p.loadBalancers {
		s.LoadBalancers[arn] = b.Requests.Named()
		s.LoadBalancerZones[arn] = b.RequestsByZone.ByZone()
		s.Measures[arn] = map[string]float64{}
		b.AddCapacity(s.Measures[arn])
		b.Rules.CopyTo(s.Rules)
	}
	for arn, g := range p.targetGroups {
		s.TargetGroups[arn] = g.Counters.Named()
		s.TargetGroupZones[arn] = g.CountersByZone.ByZone()
		s.Users[arn] = g.UserARN()
		healthy, unhealthy := g.Hosts()
		if anomalous, mitigated := g.AnomalousHosts(); anomalous+mitigated > 0 {
			s.TargetGroups[arn]["AnomalousHostCount"], s.TargetGroups[arn]["MitigatedHostCount"] = anomalous, mitigated
		}
		s.TargetGroups[arn]["HealthyHostCount"], s.TargetGroups[arn]["UnHealthyHostCount"] = healthy, unhealthy
		p.states(g, s.TargetGroups[arn])
		g.ShiftedHosts(s.TargetGroups[arn])
		measures(g, &s, healthy+unhealthy)
	}
	p.flowStats(&s)
	return s
}

// measures adds how fast the targets answer, and how many requests come upon each.
func measures(g *targetgroup.Group, s *Stats, hosts int64) {
	whole := map[string]float64{}
	s.Measures[g.ARN], s.ZoneMeasures[g.ARN] = whole, g.CountersByZone.ResponseTimes()
	g.Counters.ResponseTime(whole)
	if requests := g.Counters[counter.RequestCount].Load(); hosts > 0 && requests > 0 {
		whole["RequestCountPerTarget"] = float64(requests) / float64(hosts)
	}
}

// flowStats adds what NLBs count, and their zones in DNS, to s.
func (p *Plane) flowStats(s *Stats) {
	for arn, b := range p.loadBalancers {
		c := b.Config()
		if c == nil || !c.IsNetwork() {
			continue
		}
		s.LoadBalancers[arn] = b.Flows.Named()
		zones := b.Flows.ByZone()
		for _, z := range b.ZoneStates() {
			if zones[z.Name] == nil {
				zones[z.Name] = map[string]int64{}
			}
			if z.Healthy {
				zones[z.Name]["ZonalHealthStatus"] = 1
			}
		}
		s.LoadBalancerZones[arn] = zones
	}
	for arn, g := range p.targetGroups {
		maps.Copy(s.TargetGroups[arn], g.Flows.Named())
		for zone, counts := range g.Flows.ByZone() {
			if s.TargetGroupZones[arn][zone] == nil {
				s.TargetGroupZones[arn][zone] = map[string]int64{}
			}
			maps.Copy(s.TargetGroupZones[arn][zone], counts)
		}
	}
}

// measure measures every load balancer at the end of each window, as long as there is one.
func (p *Plane) measure() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.measuring = nil
	if p.closed || len(p.loadBalancers) == 0 {
		return
	}
	for _, b := range p.loadBalancers {
		b.Measure()
	}
	p.measuring = p.options.Clock.AfterFunc(counter.MeterWindow, p.measure)
}

// keepMeasuring begins to measure once there is something to; the lock is held.
func (p *Plane) keepMeasuring() {
	if p.measuring == nil && len(p.loadBalancers) > 0 {
		p.measuring = p.options.Clock.AfterFunc(counter.MeterWindow, p.measure)
	}
}

// Anomaly reports whether a target fails more often than its peers, and whether it gets less because of that.
func (p *Plane) Anomaly(targetGroup, target string, port int32) (anomalous, mitigated bool) {
	g := p.targetGroup(targetGroup)
	if g == nil {
		return false, false
	}
	return g.Anomaly(target, port)
}

// states counts, of a target group that an ALB uses, the zones that have the healthy targets which DNS and routing ask
// for, and those that have not, under CloudWatch's names.
func (p *Plane) states(g *targetgroup.Group, out map[string]int64) {
	user := g.User()
	if user == nil || user.Network {
		return
	}
	b := p.loadBalancers[user.ARN]
	if b == nil {
		return
	}
	c := b.Config()
	s, pool := &g.Config().Settings, g.Pool()
	for _, z := range c.Zones {
		n := pool.HostsFor(z.Name, s.CrossesZones(&c.Settings))
		for name, well := range map[string]bool{"DNS": s.InDNS(n.Healthy, n.Registered), "Routing": s.Routable(n.Healthy,
			n.Registered)} {
			if well {
				out["HealthyState"+name]++
			} else {
				out["UnhealthyState"+name]++
			}
		}
	}
}

// Flows lists the open flows of all NLBs, oldest first.
func (p *Plane) Flows() []nlb.Flow {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var flows []nlb.Flow
	for arn, b := range p.loadBalancers {
		flows = append(flows, b.open.List(arn)...)
	}
	slices.SortFunc(flows, func(a, b nlb.Flow) int {
		return cmp.Or(a.Since.Compare(b.Since), a.Client.Compare(b.Client), a.Target.Compare(b.Target))
	})
	return flows
}

// PublicKey is the PEM of the key with the id that signs x-amzn-oidc-data.
func (p *Plane) PublicKey(id string) ([]byte, bool) { return p.sessions.PublicKey(id) }
