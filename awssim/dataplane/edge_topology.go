package dataplane

import (
	"net/netip"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Accelerator is an accelerator of Global Accelerator. Its loopback addresses stay for as long as it exists.
type Accelerator struct {
	ARN              string
	Name             string
	DNSName          string
	DualStackDNSName string // empty unless dual-stack
	// Deployed accelerators have open ports; what arrives at those that are not Enabled is dropped.
	Deployed, Enabled bool
	Addresses         []netip.Addr // the static ones, on the virtual network
	Listeners         []AcceleratorListener
}

// AcceleratorListener takes flows on ranges of ports.
type AcceleratorListener struct {
	ARN      string
	Protocol string          // TCP or UDP
	Ports    []PortRange     // of which the lowest maxDoors are open on loopback; the virtual network has all
	Sticky   bool            // flows of a client go to the same endpoint
	Groups   []EndpointGroup // the nearest first
}

// PortRange is ports from From to To.
type PortRange struct{ From, To int32 }

// EndpointGroup is the endpoints in one region.
type EndpointGroup struct {
	Region    string
	Dial      float64         // percentage of the flows that come this way
	Overrides map[int32]int32 // listener's port → endpoint's
	Endpoints []Endpoint
}

// Endpoint is a load balancer of the topology, or an address.
type Endpoint struct {
	LoadBalancer     string     // ARN; empty: Address counts
	Address          netip.Addr // of an instance or an Elastic IP address
	Running          bool       // what has Address is healthy; load balancers have the health of their targets
	Weight           int32
	PreserveClientIP bool
}

// listenerOn is the listener that has a port, or nil.
func (a *Accelerator) listenerOn(protocol string, port int32) *AcceleratorListener {
	for i := range a.Listeners {
		l := &a.Listeners[i]
		if l.Protocol != protocol {
			continue
		}
		for _, r := range l.Ports {
			if r.From <= port && port <= r.To {
				return l
			}
		}
	}
	return nil
}

// reach is where a flow enters the endpoint: a node of a load balancer in a zone that DNS would answer with, by its public
// address if it has one, or the address itself. It reports false when there is none of the client's address family.
func (e *Endpoint) reach(p *Plane, draw func() uint64, v6 bool) (netip.Addr, bool) {
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

// healthy reports whether the endpoint is: a load balancer when each of its target groups that has targets has a healthy one,
// and one has.
func (e *Endpoint) healthy(p *Plane) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return e.healthyAmong(p.balancers)
}

func (e *Endpoint) healthyAmong(balancers map[string]*balancer) bool {
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
