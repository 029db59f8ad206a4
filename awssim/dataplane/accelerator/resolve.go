package accelerator

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
)

// Addresses lists where accelerators are reached on this machine, two addresses each, by DNS name.
func (s *Set) Addresses() []flow.Address {
	var out []flow.Address
	for _, e := range s.list() {
		out = append(out, e.reached()...)
	}
	slices.SortFunc(out, func(a, b flow.Address) int {
		return cmp.Or(cmp.Compare(a.DNSName, b.DNSName), a.IP.Compare(b.IP))
	})
	return out
}

// reached is where the accelerator listens; none before its first update.
func (e *accelerator) reached() []flow.Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.config.Load()
	if c == nil || e.stopped {
		return nil
	}
	var out []flow.Address
	for i, loop := range e.loops {
		a := flow.Address{ARN: e.arn, Name: c.Name, DNSName: c.DNSName, IP: loop.Address, TCP: map[int32]int32{},
			UDP: map[int32]int32{}}
		for key, d := range e.ports {
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

// find looks a name up. Case and a final dot do not matter.
func (s *Set) find(name string) (e *accelerator, dualStack bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, e := range s.list() {
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

// Resolve is the loopback addresses of a name, for the dual-stack name in IPv4-mapped form as well. It reports false
// for a name that no accelerator has.
func (s *Set) Resolve(name string) ([]netip.Addr, bool) {
	e, dualStack := s.find(name)
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

// Dial connects to a port of an accelerator at one of its addresses, for clients in the same process. It reports false
// for a name that no accelerator has.
func (s *Set) Dial(ctx context.Context, name, network string, port int32) (net.Conn, bool, error) {
	e, _ := s.find(name)
	if e == nil {
		return nil, false, nil
	}
	reached := e.reached()
	if len(reached) == 0 {
		return nil, true, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	n := s.Random() % uint64(len(reached))
	if at, inside := e.inside(reached[n], network, port, n); inside {
		c, err := s.connect(ctx, network, at)
		return c, true, err
	}
	c, err := reached[n].Dial(ctx, network, port)
	return c, true, err
}

// inside is a static address of the accelerator with the port, if a listener has the port and loopback does not: see
// wantedPorts.
func (e *accelerator) inside(loop flow.Address, network string, port int32, n uint64) (netip.AddrPort, bool) {
	protocol, bound := "TCP", loop.TCP
	if strings.HasPrefix(network, "udp") {
		protocol, bound = "UDP", loop.UDP
	}
	c := e.config.Load()
	v4 := slices.DeleteFunc(slices.Clone(c.Addresses), func(a netip.Addr) bool { return !a.Is4() })
	if bound[port] != 0 || !c.Deployed || c.ListenerOn(protocol, port) == nil || len(v4) == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(v4[n%uint64(len(v4))], uint16(port)), true
}

// connect dials an address of the virtual network as a client from outside.
func (s *Set) connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if strings.HasPrefix(network, "udp") {
		return s.Network.DialUDP(ctx, s.Outside, to)
	}
	return s.Network.DialTCP(ctx, s.Outside, to)
}
