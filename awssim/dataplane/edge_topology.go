package dataplane

import (
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// reach is where a flow enters the endpoint: a node of a load balancer in a zone that DNS would answer with, by its public
// address if it has one, or the address itself. It reports false when there is none of the client's address family.
func (p *Plane) reach(e *topology.Endpoint, draw func() uint64, v6 bool) (netip.Addr, bool) {
	if e.LoadBalancer == "" {
		return e.Address, e.Address.IsValid() && e.Address.Is6() == v6
	}
	p.mu.RLock()
	b := p.balancers[e.LoadBalancer]
	p.mu.RUnlock()
	if b == nil {
		return netip.Addr{}, false
	}
	c := b.config.Load()
	if c == nil || !c.Active {
		return netip.Addr{}, false
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
	if len(nodes) == 0 {
		return netip.Addr{}, false
	}
	return nodes[draw()%uint64(len(nodes))], true
}

// healthyEndpoint reports whether the endpoint is: a load balancer when each of its target groups that has targets has a healthy one,
// and one has.
func (p *Plane) healthyEndpoint(e *topology.Endpoint) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return healthyAmong(e, p.balancers)
}

func healthyAmong(e *topology.Endpoint, balancers map[string]*balancer) bool {
	if e.LoadBalancer == "" {
		return e.Running
	}
	b := balancers[e.LoadBalancer]
	if b == nil {
		return false
	}
	c := b.config.Load()
	if c == nil || !c.Active {
		return false
	}
	served := false
	for _, g := range c.groups {
		healthy, unhealthy := g.hosts()
		if healthy == 0 && unhealthy > 0 {
			return false
		}
		served = served || healthy > 0
	}
	return served
}
