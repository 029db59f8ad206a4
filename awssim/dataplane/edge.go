package dataplane

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
	edgeIdle    = 340 * time.Second // of a TCP flow through an accelerator
	edgeUDPIdle = 30 * time.Second
	// maxDoors bounds the ports of an accelerator that are open on loopback; each takes two sockets.
	maxDoors = 256
)

// edgeAddress is what endpoints see as the client of flows whose client's address is not preserved, an address of Global
// Accelerator's.
var edgeAddress = netip.AddrFrom4([4]byte{99, 82, 175, 1})

// edge is an accelerator at work: sockets on two loopback addresses, and a way in for the virtual network.
type edge struct {
	plane  *Plane
	arn    string
	config atomic.Pointer[topology.Accelerator]
	counts edgeCounts
	loops  []*flow.Loopback // two

	mu        sync.Mutex // guards what follows
	addresses []netip.Addr
	doors     map[doorKey]*door
	stopped   bool
}

type doorKey struct {
	protocol string
	port     int32
}

// door is one open port on both loopback addresses, with the flows that came through it.
type door struct {
	doorKey
	flows   flow.Set
	sockets []io.Closer
	bound   []int32 // by loopback address; 0: could not be bound
}

func newEdge(p *Plane, arn string) *edge {
	return &edge{
		plane: p, arn: arn, doors: map[doorKey]*door{},
		loops: []*flow.Loopback{p.loopbacks.Take(arn + "#1"), p.loopbacks.Take(arn + "#2")},
	}
}

// keepEdges makes new edges and takes out those that t does not have; the lock is held.
func (p *Plane) keepEdges(t topology.Topology) (gone []*edge) {
	wanted := make(map[string]bool, len(t.Accelerators))
	for _, a := range t.Accelerators {
		wanted[a.ARN] = true
		if p.edges[a.ARN] == nil {
			p.edges[a.ARN] = newEdge(p, a.ARN)
		}
	}
	for arn, e := range p.edges {
		if !wanted[arn] {
			delete(p.edges, arn)
			gone = append(gone, e)
		}
	}
	return gone
}

// updateEdges makes the accelerators be as t says.
func (p *Plane) updateEdges(t topology.Topology) error {
	var bad []error
	for i := range t.Accelerators {
		p.mu.RLock()
		e := p.edges[t.Accelerators[i].ARN]
		p.mu.RUnlock()
		bad = append(bad, e.update(&t.Accelerators[i]))
	}
	return errors.Join(bad...)
}

// update opens and closes what a says. Flows go on, unless their port closes or the accelerator stops or begins to take traffic.
func (e *edge) update(a *topology.Accelerator) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil
	}
	before := e.config.Swap(a)
	if before != nil && before.Enabled != a.Enabled {
		for _, d := range e.doors {
			d.flows.Cut()
		}
	}
	var addresses []netip.Addr
	if a.Deployed {
		addresses = a.Addresses
	}
	e.setAddresses(addresses)
	wanted := map[doorKey]bool{}
	for _, l := range a.Listeners {
		for _, r := range l.Ports {
			for port := r.From; port <= r.To && a.Deployed; port++ {
				if len(wanted) == maxDoors {
					e.plane.logf("data plane: accelerator %s: more than %d ports, the others are open on the virtual network only", a.Name, maxDoors)
					break
				}
				wanted[doorKey{l.Protocol, port}] = true
			}
		}
	}
	for key, d := range e.doors {
		if !wanted[key] {
			delete(e.doors, key)
			d.close()
		}
	}
	var bad []error
	for key := range wanted {
		if e.doors[key] == nil {
			d, err := e.open(key)
			e.doors[key] = d
			if err != nil {
				bad = append(bad, fmt.Errorf("accelerator %s: %w", a.Name, err))
			}
		}
	}
	return errors.Join(bad...)
}

// setAddresses puts the accelerator on the virtual network at exactly these addresses; the lock is held.
func (e *edge) setAddresses(wanted []netip.Addr) {
	n := e.plane.network
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
		if err := errors.Join(n.Forward(a, e.forward), n.Guard(a, e.admits)); err != nil {
			e.plane.logf("data plane: accelerator %s: %v", e.arn, err)
		}
	}
	e.addresses = wanted
}

// admits drops what arrives at a disabled accelerator, as a guard of the virtual network.
func (e *edge) admits(string, netip.AddrPort, netip.AddrPort) bool {
	if e.config.Load().Enabled {
		return true
	}
	e.along(nil, nil).add(edgeDrops, 1)
	return false
}

// forward carries flows from the virtual network to an endpoint.
func (e *edge) forward(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error) {
	return e.dial(ctx, tuple{network, from, to}, int32(to.Port()))
}

// close ends a port and cuts its flows.
func (d *door) close() {
	d.flows.End()
	flow.CloseAll(d.sockets...)
	d.flows.Cut()
}

// stop ends the accelerator and gives its addresses back.
func (e *edge) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	for _, d := range e.doors {
		d.close()
	}
	e.doors = nil
	e.setAddresses(nil)
	for _, l := range e.loops {
		l.Release()
	}
}

// open binds a port on both loopback addresses; the lock is held.
func (e *edge) open(key doorKey) (*door, error) {
	d := &door{doorKey: key}
	var bad []error
	for _, loop := range e.loops {
		bound := int32(0)
		if key.protocol == "UDP" {
			c, err := loop.ListenUDP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(c.LocalAddr().(*net.UDPAddr).Port)
				d.sockets = append(d.sockets, c)
				e.plane.spawn(func() { e.receive(c, d) })
			}
		} else {
			l, err := loop.ListenTCP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(l.Addr().(*net.TCPAddr).Port)
				d.sockets = append(d.sockets, l)
				e.plane.spawn(func() { e.accept(l, d) })
			}
		}
		d.bound = append(d.bound, bound)
	}
	return d, errors.Join(bad...)
}

// accept takes connections until the socket closes.
func (e *edge) accept(l net.Listener, d *door) {
	e.plane.accept(l, func(c net.Conn) {
		if !e.plane.spawn(func() { e.serve(c, d) }) {
			flow.Abort(c)
		}
	})
}

// serve carries one TCP connection.
func (e *edge) serve(client net.Conn, d *door) {
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
	ctx, cancel := context.WithTimeout(e.plane.ctx, connectTimeout)
	target, err := e.dial(ctx, e.tuple("tcp", client.RemoteAddr(), client.LocalAddr()), d.port)
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
	idle := flow.NewIdleTimer(e.plane.clock, edgeIdle, through.Reset)
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

// tuple is a flow on loopback; its client counts as one from outside.
func (e *edge) tuple(network string, peer, local net.Addr) tuple {
	client := addrPort(peer)
	if client.Addr().IsLoopback() {
		client = netip.AddrPortFrom(e.plane.outside, client.Port())
	}
	return tuple{network, client, addrPort(local)}
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

// dial connects a flow on a listener's port to the endpoint that is chosen for it. Without a listener the port is closed.
func (e *edge) dial(ctx context.Context, t tuple, port int32) (net.Conn, error) {
	protocol := "TCP"
	if t.network == "udp" {
		protocol = "UDP"
	}
	l := e.config.Load().ListenerOn(protocol, port)
	if l == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	draw := e.plane.draws(l, t)
	g, endpoint := e.plane.endpointFor(l, draw)
	if endpoint == nil {
		e.along(l, nil).add(edgeNoEndpoint, 1)
		return nil, os.NewSyscallError("connect", syscall.ENETUNREACH)
	}
	v6 := t.client.Addr().Is6()
	node, ok := e.plane.reach(endpoint, draw, v6)
	if !ok {
		e.along(l, g).add(edgeNoEndpoint, 1)
		return nil, os.NewSyscallError("connect", syscall.EHOSTUNREACH)
	}
	if other, ok := g.Overrides[port]; ok {
		port = other
	}
	from := netip.AddrPortFrom(edgeAddress, 0)
	if endpoint.PreserveClientIP || v6 {
		from = t.client
	}
	to := netip.AddrPortFrom(node, uint16(port))
	connect := e.plane.network.DialTCPFrom
	if protocol == "UDP" {
		connect = e.plane.network.DialUDPFrom
	}
	c, err := connect(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return newEdgeConn(c, e.along(l, g)), nil
}
