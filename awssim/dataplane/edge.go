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
	loops  []*loopback // two

	mu        sync.Mutex // guards what follows
	addresses []netip.Addr
	doors     map[doorKey]*door
	flows     map[*flow]bool
	stopped   bool
}

type doorKey struct {
	protocol string
	port     int32
}

// door is one open port on both loopback addresses.
type door struct {
	sockets []io.Closer
	bound   []int32 // by loopback address; 0: could not be bound
}

func newEdge(p *Plane, arn string) *edge {
	return &edge{
		plane: p, arn: arn, doors: map[doorKey]*door{}, flows: map[*flow]bool{},
		loops: []*loopback{p.loopbacks.take(arn + "#1"), p.loopbacks.take(arn + "#2")},
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
		e.cut(func(*flow) bool { return true })
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
			closeAll(d.sockets...)
			e.cut(func(f *flow) bool { return f.door == key })
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

// cut resets flows; the lock is held.
func (e *edge) cut(which func(*flow) bool) {
	for f := range e.flows {
		if which(f) {
			f.reset()
		}
	}
}

// stop ends the accelerator and gives its addresses back.
func (e *edge) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	for _, d := range e.doors {
		closeAll(d.sockets...)
	}
	e.doors = nil
	e.setAddresses(nil)
	e.cut(func(*flow) bool { return true })
	for _, l := range e.loops {
		l.release()
	}
}

// open binds a port on both loopback addresses; the lock is held.
func (e *edge) open(key doorKey) (*door, error) {
	d := &door{}
	var bad []error
	for _, loop := range e.loops {
		bound := int32(0)
		if key.protocol == "UDP" {
			c, err := loop.listenUDP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(c.LocalAddr().(*net.UDPAddr).Port)
				d.sockets = append(d.sockets, c)
				e.plane.spawn(func() { e.receive(c, key) })
			}
		} else {
			l, err := loop.listenTCP(key.port)
			bad = append(bad, err)
			if err == nil {
				bound = int32(l.Addr().(*net.TCPAddr).Port)
				d.sockets = append(d.sockets, l)
				e.plane.spawn(func() { e.accept(l, key) })
			}
		}
		d.bound = append(d.bound, bound)
	}
	return d, errors.Join(bad...)
}

// accept takes connections until the socket closes.
func (e *edge) accept(l net.Listener, key doorKey) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			if !e.plane.spawn(func() { e.serve(c, key) }) {
				abort(c)
			}
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ECONNABORTED):
			e.plane.rest()
		default:
			return
		}
	}
}

// rest lets a moment pass, for a process that is out of descriptors.
func (p *Plane) rest() {
	pause := time.NewTimer(acceptPause)
	select {
	case <-pause.C:
	case <-p.ctx.Done():
		pause.Stop()
	}
}

// serve carries one TCP connection.
func (e *edge) serve(client net.Conn, key doorKey) {
	fl := &flow{door: key, abort: func() { abort(client) }}
	if !e.addFlow(fl) {
		fl.reset()
		return
	}
	defer e.removeFlow(fl)
	if !e.admits("tcp", netip.AddrPort{}, netip.AddrPort{}) { // dropped packets: silence, until the client gives up
		_, _ = io.Copy(io.Discard, client)
		_ = client.Close()
		return
	}
	ctx, cancel := context.WithTimeout(e.plane.ctx, connectTimeout)
	target, err := e.dial(ctx, e.tuple("tcp", client.RemoteAddr(), client.LocalAddr()), key.port)
	cancel()
	if err != nil {
		fl.reset()
		return
	}
	through := &flow{door: key, abort: func() { abort(client); abort(target) }}
	if !e.addFlow(through) {
		through.reset()
		return
	}
	defer e.removeFlow(through)
	idle := e.plane.newIdleTimer(edgeIdle, through.reset)
	defer idle.stop()
	var both sync.WaitGroup
	both.Go(func() { relay(target, client, through, idle) })
	relay(client, target, through, idle)
	both.Wait()
	closeAll(client, target)
}

// relay copies one direction; its end is passed on, an error resets both sides.
func relay(to, from net.Conn, fl *flow, idle *idleTimer) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			idle.feed()
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				fl.reset()
				return
			}
		}
		if errors.Is(err, io.EOF) {
			if w, ok := to.(interface{ CloseWrite() error }); ok {
				_ = w.CloseWrite()
			}
			return
		}
		if err != nil {
			fl.reset()
			return
		}
	}
}

func (e *edge) addFlow(f *flow) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return false
	}
	e.flows[f] = true
	return true
}

func (e *edge) removeFlow(f *flow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.flows, f)
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
