package dataplane

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// balancers are the load balancers of this moment. What asks them for more must not hold p.mu: an update of a load
// balancer holds the lock of that one, and looks target groups up under p.mu.
func (p *Plane) balancers() []*loadBalancer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Collect(maps.Values(p.loadBalancers))
}

// Addresses lists the active load balancers by DNS name.
func (p *Plane) Addresses() []flow.Address {
	var out []flow.Address
	for _, b := range p.balancers() {
		if a, ok := b.address(); ok {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b flow.Address) int {
		return cmp.Or(cmp.Compare(a.DNSName, b.DNSName), cmp.Compare(a.ARN, b.ARN))
	})
	return out
}

// address is where the load balancer listens; false while it is not active.
func (b *loadBalancer) address() (flow.Address, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.Config()
	if c == nil || b.loopback == nil {
		return flow.Address{}, false
	}
	a := flow.Address{ARN: b.ARN, Name: c.Name, DNSName: c.DNSName, IP: b.loopback.Address, TCP: map[int32]int32{},
		UDP: map[int32]int32{}}
	for key, l := range b.listeners {
		tcp, udp := l.ports()
		if tcp != 0 {
			a.TCP[key.port] = tcp
		}
		if udp != 0 {
			a.UDP[key.port] = udp
		}
	}
	return a, true
}

// find looks a name up among the active load balancers: a DNS name of one, with "dualstack." in front, or for an NLB
// with one of its zones in front. Case and a final dot do not matter.
func (p *Plane) find(name string) (*loadBalancer, flow.Address, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	label, rest, _ := strings.Cut(name, ".")
	for _, b := range p.balancers() {
		c := b.Active()
		if c == nil {
			continue
		}
		own := strings.ToLower(c.DNSName)
		switch {
		case own == name:
		case own == rest && (label == "dualstack" && !c.IsNetwork() || c.IsNetwork() && hasZone(c.Zones, label)):
		default:
			continue
		}
		if a, ok := b.address(); ok {
			return b, a, true
		}
	}
	return nil, flow.Address{}, false
}

func hasZone(zones []topology.Zone, name string) bool {
	return slices.ContainsFunc(zones, func(z topology.Zone) bool { return z.Name == name })
}

// Resolve answers DNS questions about load balancers: the addresses on this machine, of both families. A dual-stack
// load balancer's IPv6 address is the IPv4 one in IPv4-mapped form. It reports false for a name that no active load
// balancer has.
func (p *Plane) Resolve(name string) ([]netip.Addr, bool) {
	b, a, ok := p.find(name)
	if !ok {
		return p.ResolveAccelerator(name)
	}
	return b.families(a), true
}

// AddressesOf are the addresses on this machine, as Resolve gives them, of an active load balancer by its ARN; else
// none.
func (p *Plane) AddressesOf(arn string) []netip.Addr {
	b := p.loadBalancer(arn)
	if b == nil || b.Active() == nil {
		return nil
	}
	a, ok := b.address()
	if !ok {
		return nil
	}
	return b.families(a)
}

// families are an address in the forms of the load balancer's IP address type.
func (b *loadBalancer) families(a flow.Address) []netip.Addr {
	mapped := netip.AddrFrom16(a.IP.As16())
	switch b.Config().IPAddressType {
	case stack.Dualstack:
		return []netip.Addr{a.IP, mapped}
	case stack.DualstackWithoutIPv4:
		return []netip.Addr{mapped}
	}
	return []netip.Addr{a.IP}
}

// DialContext connects to "name:port", where name is a load balancer's DNS name and port one of its listeners; it
// serves as the dialer of HTTP clients in the same process. Other addresses are refused with an error.
func (p *Plane) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial load balancer: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("dial load balancer %s: port %q: %w", host, port, err)
	}
	_, a, ok := p.find(host)
	if !ok {
		if c, ok, err := p.accelerators.Dial(ctx, host, network, int32(n)); ok {
			return c, err
		}
		return nil, &net.DNSError{Err: "no active load balancer has this name", Name: host, IsNotFound: true}
	}
	return a.Dial(ctx, network, int32(n))
}

// Zones lists, for DNS, which zones of an active load balancer are in service, in the topology's order; none when there
// is no active load balancer of that ARN.
func (p *Plane) Zones(arn string) []loadbalancer.ZoneState {
	b := p.loadBalancer(arn)
	if b == nil || b.Active() == nil {
		return nil
	}
	return b.ZoneStates()
}

// Accelerators lists where accelerators are reached on this machine, two addresses each, by DNS name.
func (p *Plane) Accelerators() []flow.Address { return p.accelerators.Addresses() }

// ResolveAccelerator answers DNS questions about accelerators: both loopback addresses, for the dual-stack name in
// IPv4-mapped form as well. It reports false for a name that no accelerator has. Disabled accelerators keep their
// addresses.
func (p *Plane) ResolveAccelerator(name string) ([]netip.Addr, bool) {
	return p.accelerators.Resolve(name)
}

// endpoints are the load balancers as accelerators see them.
type endpoints struct{ plane *Plane }

// Healthy implements accelerator.LoadBalancers.
func (e endpoints) Healthy(arn string) bool {
	b := e.plane.loadBalancer(arn)
	return b != nil && b.HasHealthyTargets()
}

// EntryPoints implements accelerator.LoadBalancers.
func (e endpoints) EntryPoints(arn string, v6 bool) []netip.Addr {
	if b := e.plane.loadBalancer(arn); b != nil {
		return b.EntryPoints(v6)
	}
	return nil
}

// Ports implements accelerator.LoadBalancers.
func (e endpoints) Ports(arn, network string) []int32 {
	b := e.plane.loadBalancer(arn)
	if b == nil {
		return nil
	}
	active := b.Active()
	if active == nil {
		return nil
	}
	var ports []int32
	for i := range active.Listeners {
		if l := &active.Listeners[i]; topology.Carries(l.Protocol, network) {
			ports = append(ports, l.Port)
		}
	}
	return ports
}
