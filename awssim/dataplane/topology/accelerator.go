package topology

import (
	"net/netip"
	"slices"
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
	Ports    []PortRange     // the virtual network has all; on loopback see docs/simulator.md
	Sticky   bool            // flows of a client go to the same endpoint
	Groups   []EndpointGroup // the nearest first
}

// PortRange is ports from From to To.
type PortRange struct{ From, To int32 }

// Has reports whether the listener takes flows at a port.
func (l *AcceleratorListener) Has(port int32) bool {
	return slices.ContainsFunc(l.Ports, func(r PortRange) bool { return r.From <= port && port <= r.To })
}

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

// ListenerOn is the listener that has a port, or nil.
func (a *Accelerator) ListenerOn(protocol string, port int32) *AcceleratorListener {
	for i := range a.Listeners {
		l := &a.Listeners[i]
		if l.Protocol == protocol && l.Has(port) {
			return l
		}
	}
	return nil
}
