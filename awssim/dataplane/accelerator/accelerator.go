package accelerator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

const (
	tcpIdle     = 340 * time.Second
	udpIdle     = 30 * time.Second
	dialTimeout = 10 * time.Second
)

// sourceAddress is what endpoints see as the client of flows whose client's address is not preserved, an address of
// Global Accelerator's.
var sourceAddress = netip.AddrFrom4([4]byte{99, 82, 175, 1})

// accelerator is an accelerator at work: sockets on two loopback addresses, and a way in for the virtual network.
type accelerator struct {
	*Options
	arn    string
	config atomic.Pointer[topology.Accelerator]
	counts pathCounts
	loops  []*flow.Loopback // two

	mu        sync.Mutex // guards what follows
	addresses []netip.Addr
	ports     map[portKey]*openPort
	told      bool // that some ports are not open on loopback
	stopped   bool
}

type portKey struct {
	protocol string
	port     int32
}

// openPort is one open port on both loopback addresses, with the flows that came through it.
type openPort struct {
	portKey
	flows   flow.Set
	sockets []io.Closer
	bound   []int32 // by loopback address; 0: could not be bound
}

func newAccelerator(o *Options, arn string) *accelerator {
	return &accelerator{
		Options: o, arn: arn, ports: map[portKey]*openPort{},
		loops: []*flow.Loopback{o.Loopbacks.Take(arn + "#1"), o.Loopbacks.Take(arn + "#2")},
	}
}

// update opens and closes ports until they are those of a. Flows go on, unless their port closes or Enabled changes.
func (e *accelerator) update(a *topology.Accelerator) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil
	}
	before := e.config.Swap(a)
	if before != nil && before.Enabled != a.Enabled {
		for _, d := range e.ports {
			d.flows.Cut()
		}
	}
	var addresses []netip.Addr
	if a.Deployed {
		addresses = a.Addresses
	}
	e.setAddresses(addresses)
	wanted := e.wantedPorts(a)
	for key, d := range e.ports {
		switch {
		case wanted[key]:
		case a.Deployed && a.ListenerOn(key.protocol, key.port) != nil && !d.flows.Empty(): // its flows go on
		default:
			delete(e.ports, key)
			d.close()
		}
	}
	var bad []error
	for key := range wanted {
		if e.ports[key] == nil {
			d, err := e.open(key)
			e.ports[key] = d
			if err != nil {
				bad = append(bad, fmt.Errorf("accelerator %s: %w", a.Name, err))
			}
		}
	}
	return errors.Join(bad...)
}

// setAddresses puts the accelerator on the virtual network at exactly these addresses; the lock is held.
func (e *accelerator) setAddresses(wanted []netip.Addr) {
	n := e.Network
	for _, a := range e.addresses {
		if !slices.Contains(wanted, a) {
			n.RemoveAddress(a)
		}
	}
	for _, a := range wanted {
		if slices.Contains(e.addresses, a) {
			continue
		}
		n.AddAddress(a)
		if err := errors.Join(n.Forward(a, e.forward), n.SetFirewall(a, e.admits)); err != nil {
			e.Logf("data plane: accelerator %s: %v", e.arn, err)
		}
	}
	e.addresses = wanted
}

// admits drops what arrives at a disabled accelerator, as a firewall of the virtual network.
func (e *accelerator) admits(string, netip.AddrPort, netip.AddrPort) bool {
	if e.config.Load().Enabled {
		return true
	}
	e.along(nil, nil).add(droppedPackets, 1)
	return false
}

// forward carries flows from the virtual network to an endpoint.
func (e *accelerator) forward(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	return e.dial(ctx, flow.Tuple{Network: network, Client: from, Local: to}, int32(to.Port()))
}

// close closes a port and cuts its flows.
func (d *openPort) close() {
	d.flows.End()
	flow.CloseAll(d.sockets...)
	d.flows.Cut()
}

// stop ends the accelerator and gives its addresses back.
func (e *accelerator) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	for _, d := range e.ports {
		d.close()
	}
	e.ports = nil
	e.setAddresses(nil)
	for _, l := range e.loops {
		l.Release()
	}
}

// open binds a port on both loopback addresses; the lock is held.
func (e *accelerator) open(key portKey) (*openPort, error) {
	d := &openPort{portKey: key}
	var bad []error
	for _, loop := range e.loops {
		bound := int32(0)
		if key.protocol == "UDP" {
			c, err := loop.ListenUDP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(c.LocalAddr().(*net.UDPAddr).Port)
				d.sockets = append(d.sockets, c)
				e.Spawn(func() { e.receive(c, d) })
			}
		} else {
			l, err := loop.ListenTCP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(l.Addr().(*net.TCPAddr).Port)
				d.sockets = append(d.sockets, l)
				e.Spawn(func() { e.accept(l, d) })
			}
		}
		d.bound = append(d.bound, bound)
	}
	return d, errors.Join(bad...)
}

// accept takes connections until the socket closes.
func (e *accelerator) accept(l net.Listener, d *openPort) {
	flow.Accept(e.Context, l, func(c net.Conn) {
		if !e.Spawn(func() { e.serve(c, d) }) {
			flow.Abort(c)
		}
	}, func(err error) { e.Logf("data plane: accelerator %s: accept at %s: %v", e.arn, l.Addr(), err) })
}

// serve carries one TCP connection.
func (e *accelerator) serve(client net.Conn, d *openPort) {
	fl := flow.New(func() { flow.Abort(client) })
	if !d.flows.Add(fl) {
		return
	}
	defer d.flows.Remove(fl)
	if !e.admits("tcp", netip.AddrPort{}, netip.AddrPort{}) { // dropped packets: silence, until the client gives up
		_, _ = io.Copy(io.Discard, client)
		_ = client.Close()
		return
	}
	ctx, cancel := context.WithTimeout(e.Context, dialTimeout)
	target, err := e.dial(ctx, e.tupleOf("tcp", client.RemoteAddr(), client.LocalAddr()), d.port)
	cancel()
	if err != nil {
		fl.Reset()
		return
	}
	through := flow.New(func() { flow.Abort(client); flow.Abort(target) })
	if !d.flows.Add(through) {
		return
	}
	defer d.flows.Remove(through)
	idle := flow.NewIdleTimer(e.Clock, tcpIdle, through.Reset)
	defer idle.Stop()
	var both sync.WaitGroup
	both.Go(func() { relay(target, client, through, idle) })
	relay(client, target, through, idle)
	both.Wait()
	flow.CloseAll(client, target)
}

// relay copies one direction; its end is passed on, an error resets both sides.
func relay(to, from net.Conn, fl *flow.Flow, idle *flow.IdleTimer) {
	if _, err := flow.Copy(to, from, idle); err != nil {
		fl.Reset()
		return
	}
	_ = flow.CloseWrite(to)
}

// tupleOf is a flow on loopback; its client counts as one from outside.
func (e *accelerator) tupleOf(network string, peer, local net.Addr) flow.Tuple {
	client := addrPort(peer)
	if client.Addr().IsLoopback() {
		client = netip.AddrPortFrom(e.Outside, client.Port())
	}
	return flow.Tuple{Network: network, Client: client, Local: addrPort(local)}
}

func addrPort(a net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr:
		at = a.AddrPort()
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// dial connects a flow on a listener's port to the endpoint that is chosen for it. Without a listener the port is
// closed.
func (e *accelerator) dial(ctx context.Context, t flow.Tuple, port int32) (net.Conn, error) {
	protocol := "TCP"
	if t.Network == "udp" {
		protocol = "UDP"
	}
	l := e.config.Load().ListenerOn(protocol, port)
	if l == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	draw := e.draws(l, t)
	g, endpoint := e.endpointFor(l, draw)
	if endpoint == nil {
		e.along(l, nil).add(noEndpoint, 1)
		return nil, os.NewSyscallError("connect", syscall.ENETUNREACH)
	}
	v6 := t.Client.Addr().Is6()
	node, ok := e.reach(endpoint, draw, v6)
	if !ok {
		e.along(l, g).add(noEndpoint, 1)
		return nil, os.NewSyscallError("connect", syscall.EHOSTUNREACH)
	}
	if other, ok := g.Overrides[port]; ok {
		port = other
	}
	from := netip.AddrPortFrom(sourceAddress, 0)
	if endpoint.PreserveClientIP || v6 {
		from = t.Client
	}
	to := netip.AddrPortFrom(node, uint16(port))
	connect := e.Network.DialTCPFrom
	if protocol == "UDP" {
		connect = e.Network.DialUDPFrom
	}
	c, err := connect(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return newCountedConn(c, e.along(l, g)), nil
}
