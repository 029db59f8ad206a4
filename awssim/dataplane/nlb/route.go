package nlb

import (
	"hash/maphash"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// route is where a flow goes.
type route struct {
	group  *targetgroup.Group
	target *targetgroup.Target
	to     netip.AddrPort // the target's address
	from   netip.AddrPort // what the target sees as its client; port 0: any
	own    netip.Addr     // the load balancer's own address on the side of the target
	zone   string
	at     netip.AddrPort // the load balancer's address on the side of the client, as PROXY protocol headers have it
}

// hairpin reports whether the target would answer itself: it takes the packets of its own address for its own and never
// answers the load balancer.
func (r *route) hairpin() bool { return r.from.Addr() == r.to.Addr() }

// drawn are the two random numbers that a flow's choices use: they are a pure function of a flow.Tuple, or random.
func (l *Listener) drawn(t flow.Tuple) (forGroup, forTarget uint64) {
	b := l.LoadBalancer
	if t.Network == "tcp" {
		return b.Random(), b.Random()
	}
	h := maphash.Comparable(b.Seed, t)
	return h, maphash.Comparable(b.Seed, h)
}

// counts are the counters that a flow on the route concerns.
func (r *route) counts(b *loadbalancer.LoadBalancer) counter.FlowTally {
	return counter.FlowTally{&b.Flows.Flows, b.Flows.Of(r.zone), &r.group.Flows.Flows, r.group.Flows.Of(r.zone)}
}

// routeTo chooses target group and target of a new flow; false when there is none.
func (l *Listener) routeTo(s *loadbalancer.Snapshot, zone string, t flow.Tuple) (*route, bool) {
	forGroup, forTarget := l.drawn(t)
	g := l.groupFor(s, t.Client, forGroup)
	if g == nil {
		return nil, false
	}
	to := g.TargetFor(&s.Settings, zone, t, forTarget)
	if to == nil {
		return nil, false
	}
	return l.routeVia(s, zone, t, g, to)
}

// routeVia is the route to a target that is chosen already.
func (l *Listener) routeVia(s *loadbalancer.Snapshot, zone string, t flow.Tuple, g *targetgroup.Group,
	to *targetgroup.Target) (*route, bool) {
	settings := &g.Config().Settings
	r := &route{group: g, target: to, zone: zone}
	var ok bool
	if r.to, ok = to.NodeAddress(zone, settings.CrossesZones(&s.Settings), l.LoadBalancer.HashOf(t.Client.Addr())); !ok {
		return nil, false
	}
	if !to.IsHealthy() {
		r.counts(l.LoadBalancer).Add(counter.UnhealthyFlows, 1)
	}
	r.own = s.PrivateAddress(zone, r.to.Addr().Is6())
	r.at = netip.AddrPortFrom(s.PrivateAddress(zone, t.Client.Addr().Is6()), uint16(s.Listener.Port))
	r.from = netip.AddrPortFrom(r.own, 0)
	if settings.PreserveClientIP && t.Client.Addr().Is4() == r.to.Addr().Is4() {
		r.from = t.Client
	}
	return r, true
}

// groupFor chooses the target group of a flow by weight; with group stickiness by the client's address.
func (l *Listener) groupFor(s *loadbalancer.Snapshot, client netip.AddrPort, n uint64) *targetgroup.Group {
	d := s.Matcher().Match(&traffic.Request{})
	action, ok := d.Routing()
	if !ok || action.Forward == nil {
		return nil
	}
	total := traffic.TotalWeight(action.Forward)
	if total == 0 {
		return nil
	}
	if sticky := action.Forward.Stickiness; sticky != nil && sticky.Enabled {
		n = l.LoadBalancer.HashOf(client.Addr())
	}
	l.LoadBalancer.Rules.Add(s.Listener.ARN)
	ref, _ := traffic.Pick(action.Forward, int(n%uint64(total)))
	return s.TargetGroups[ref.Literal]
}
