package dataplane

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Accelerators lists where accelerators are reached on this machine, two addresses each, by DNS name.
func (p *Plane) Accelerators() []Address {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var out []Address
	for _, e := range p.edges {
		out = append(out, e.reached()...)
	}
	slices.SortFunc(out, func(a, b Address) int { return cmp.Or(cmp.Compare(a.DNSName, b.DNSName), a.IP.Compare(b.IP)) })
	return out
}

// reached is where the accelerator listens; none before its first update.
func (e *edge) reached() []Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.config.Load()
	if c == nil || e.stopped {
		return nil
	}
	var out []Address
	for i, loop := range e.loops {
		a := Address{ARN: e.arn, Name: c.Name, DNSName: c.DNSName, IP: loop.Address, TCP: map[int32]int32{}, UDP: map[int32]int32{}}
		for key, d := range e.doors {
			switch {
			case d.bound[i] == 0:
			case key.protocol == "UDP":
				a.UDP[key.port] = d.bound[i]
			default:
				a.TCP[key.port] = d.bound[i]
			}
		}
		out = append(out, a)
	}
	return out
}

// findEdge looks a name up among the accelerators. Case and a final dot do not matter.
func (p *Plane) findEdge(name string) (e *edge, dualStack bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, e := range p.edges {
		c := e.config.Load()
		switch {
		case c == nil || name == "":
		case name == c.DNSName:
			return e, false
		case name == c.DualStackDNSName:
			return e, true
		}
	}
	return nil, false
}

// ResolveAccelerator answers DNS questions about accelerators: both loopback addresses, for the dual-stack name in IPv4-mapped
// form as well. It reports false for a name that no accelerator has. Disabled accelerators keep their addresses.
func (p *Plane) ResolveAccelerator(name string) ([]netip.Addr, bool) {
	e, dualStack := p.findEdge(name)
	if e == nil {
		return nil, false
	}
	var out []netip.Addr
	for _, loop := range e.loops {
		out = append(out, loop.Address)
		if dualStack {
			out = append(out, netip.AddrFrom16(loop.Address.As16()))
		}
	}
	return out, true
}

// dialEdge connects to a port of an accelerator at one of its addresses, for clients in the same process.
func (p *Plane) dialEdge(ctx context.Context, e *edge, network string, port int32) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	reached := e.reached()
	if len(reached) == 0 {
		return nil, refused
	}
	a := reached[p.random()%uint64(len(reached))]
	refused.Addr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.IP, uint16(port)))
	bound := a.TCP[port]
	if strings.HasPrefix(network, "udp") {
		bound = a.UDP[port]
	}
	if bound == 0 {
		return nil, refused
	}
	var d net.Dialer
	return d.DialContext(ctx, network, netip.AddrPortFrom(a.IP, uint16(bound)).String())
}
