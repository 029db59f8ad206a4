package dataplane

import (
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Accelerators lists where accelerators are reached on this machine, two addresses each, by DNS name.
func (p *Plane) Accelerators() []flow.Address { return p.accelerators.Addresses() }

// ResolveAccelerator answers DNS questions about accelerators: both loopback addresses, for the dual-stack name in IPv4-mapped
// form as well. It reports false for a name that no accelerator has. Disabled accelerators keep their addresses.
func (p *Plane) ResolveAccelerator(name string) ([]netip.Addr, bool) {
	return p.accelerators.Resolve(name)
}

// endpoints are the load balancers as accelerators see them.
type endpoints struct{ plane *Plane }

// Healthy implements accelerator.LoadBalancers.
func (e endpoints) Healthy(arn string) bool {
	b := e.plane.balancer(arn)
	if b == nil {
		return false
	}
	c := b.config.Load()
	if c == nil || !c.Active {
		return false
	}
	served := false
	for _, g := range c.groups {
		healthy, unhealthy := g.Hosts()
		if healthy == 0 && unhealthy > 0 {
			return false
		}
		served = served || healthy > 0
	}
	return served
}

// EntryPoints implements accelerator.LoadBalancers: the addresses of an internet-facing load balancer are the public ones.
func (e endpoints) EntryPoints(arn string, v6 bool) []netip.Addr {
	b := e.plane.balancer(arn)
	if b == nil {
		return nil
	}
	c := b.config.Load()
	if c == nil || !c.Active {
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
