package dataplane

import (
	"hash/maphash"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/internal/traffic"
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
func (f *front) drawn(t flow.Tuple) (forGroup, forTarget uint64) {
	p := f.balancer.plane
	if t.Network == "tcp" {
		return p.random(), p.random()
	}
	h := maphash.Comparable(p.seed, t)
	return h, maphash.Comparable(p.seed, h)
}

// counts are the counters that a flow on the route concerns.
func (r *route) counts(b *balancer) counter.FlowTally {
	return counter.FlowTally{&b.flows.Flows, b.flows.Of(r.zone), &r.group.Flows.Flows, r.group.Flows.Of(r.zone)}
}

// routeTo chooses target group and target of a new flow; false when there is none.
func (f *front) routeTo(v *view, zone string, t flow.Tuple) (*route, bool) {
	forGroup, forTarget := f.drawn(t)
	g := f.groupFor(v, t.Client, forGroup)
	if g == nil {
		return nil, false
	}
	to := g.TargetFor(&v.settings, zone, t, forTarget)
	if to == nil {
		return nil, false
	}
	return f.routeVia(v, zone, t, g, to)
}

// routeVia is the route to a target that is chosen already.
func (f *front) routeVia(v *view, zone string, t flow.Tuple, g *targetgroup.Group, to *targetgroup.Target) (*route, bool) {
	s := &g.Config().Settings
	r := &route{group: g, target: to, zone: zone}
	var ok bool
	if r.to, ok = to.NodeAddress(zone, s.CrossesZones(&v.settings), f.balancer.plane.hashOf(t.Client.Addr())); !ok {
		return nil, false
	}
	if !to.IsHealthy() {
		r.counts(f.balancer).Add(counter.UnhealthyFlows, 1)
	}
	r.own = v.privateAddress(zone, r.to.Addr().Is6())
	r.at = netip.AddrPortFrom(v.privateAddress(zone, t.Client.Addr().Is6()), uint16(v.listener.Port))
	r.from = netip.AddrPortFrom(r.own, 0)
	if s.PreserveClientIP && t.Client.Addr().Is4() == r.to.Addr().Is4() {
		r.from = t.Client
	}
	return r, true
}

// groupFor chooses the target group of a flow by weight; with group stickiness by the client's address.
func (f *front) groupFor(v *view, client netip.AddrPort, n uint64) *targetgroup.Group {
	d := v.matcher().Match(&traffic.Request{})
	action, ok := d.Routing()
	if !ok || action.Forward == nil {
		return nil
	}
	total := traffic.TotalWeight(action.Forward)
	if total == 0 {
		return nil
	}
	if s := action.Forward.Stickiness; s != nil && s.Enabled {
		n = f.balancer.plane.hashOf(client.Addr())
	}
	f.balancer.rules.Add(v.listener.ARN)
	ref, _ := traffic.Pick(action.Forward, int(n%uint64(total)))
	return v.groups[ref.Literal]
}

// hashOf is the part of the flow hash that source-IP stickiness keeps.
func (p *Plane) hashOf(a netip.Addr) uint64 { return maphash.Comparable(p.seed, a) }
