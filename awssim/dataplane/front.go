package dataplane

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
)

// front is the client side of one listener: its sockets on loopback and on the virtual network.
type front struct {
	balancer *balancer
	key      frontKey
	view     atomic.Pointer[view]
	servers  *servers // HTTP and HTTPS
	tls      func() *tls.Config
	flows    flow.Set

	mu       sync.Mutex
	tcpPort  int32 // what is bound on loopback; 0: nothing
	udpPort  int32
	loopback []io.Closer
	virtual  map[netip.Addr][]io.Closer
	conns    map[*clientConn]bool
}

func newFront(b *balancer, key frontKey, v *view) *front {
	f := &front{balancer: b, key: key, virtual: map[netip.Addr][]io.Closer{}, conns: map[*clientConn]bool{}}
	f.view.Store(v)
	f.tls = sync.OnceValue(func() *tls.Config {
		return handshake.Config(func() *handshake.Server { return f.view.Load().handshakes() }, func(c net.Conn) *handshake.Client { return &c.(*clientConn).hello })
	})
	if key.protocol == "HTTP" || key.protocol == "HTTPS" {
		f.servers = newServers(f)
	}
	return f
}

func (f *front) tcp() bool { return topology.Carries(f.key.protocol, "tcp") }
func (f *front) udp() bool { return topology.Carries(f.key.protocol, "udp") }

// update makes the next connections and requests see v and opens what is not open yet.
func (f *front) update(v *view, loop *flow.Loopback, addresses []netip.Addr) error {
	f.view.Store(v)
	if f.servers != nil {
		f.servers.update(v)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var bad []error
	if f.loopback == nil {
		bad = append(bad, f.openLoopback(loop))
	}
	for a := range f.virtual {
		if !slices.Contains(addresses, a) { // its sockets went with the address
			delete(f.virtual, a)
		}
	}
	for _, a := range addresses {
		if f.virtual[a] == nil {
			bad = append(bad, f.openVirtual(a))
		}
	}
	return errors.Join(bad...)
}

func (f *front) openLoopback(loop *flow.Loopback) error {
	var bad []error
	if f.tcp() {
		l, err := loop.ListenTCP(f.key.port)
		if err == nil {
			f.tcpPort = int32(l.Addr().(*net.TCPAddr).Port)
			f.loopback = append(f.loopback, l)
			f.balancer.plane.spawn(func() { f.balancer.plane.accept(l, f.take) })
		}
		bad = append(bad, err)
	}
	if f.udp() {
		c, err := loop.ListenUDP(f.key.port)
		if err == nil {
			f.udpPort = int32(c.LocalAddr().(*net.UDPAddr).Port)
			f.loopback = append(f.loopback, c)
			flows, take := f.flowsOf(loop.Address)
			flows.socket = c
			f.balancer.plane.spawn(func() { flow.ReceiveAll(c, take) })
		}
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

func (f *front) openVirtual(a netip.Addr) error {
	n := f.balancer.plane.network
	var bad []error
	if f.tcp() {
		l, err := n.HandleTCP(a, uint16(f.key.port), f.take)
		if err == nil {
			f.virtual[a] = append(f.virtual[a], l)
		}
		bad = append(bad, err)
	}
	if f.udp() {
		flows, take := f.flowsOf(a)
		c, err := n.HandleUDP(a, uint16(f.key.port), f.balancer.plane.spawn, func(answers net.PacketConn, datagram []byte, from netip.AddrPort) {
			if flows.socket == nil { // flows that read it begin later
				flows.socket = answers
			}
			take(datagram, from)
		})
		if err == nil {
			f.virtual[a] = append(f.virtual[a], c)
		}
		bad = append(bad, err)
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("listen on the virtual network: %w", err)
	}
	return nil
}

// ports are what is bound on loopback; 0: nothing.
func (f *front) ports() (tcp, udp int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tcpPort, f.udpPort
}

// stop closes the sockets, lets HTTP requests in flight end and cuts NLB flows.
func (f *front) stop() {
	f.flows.End()
	f.mu.Lock()
	closers := f.loopback
	for _, c := range f.virtual {
		closers = append(closers, c...)
	}
	f.mu.Unlock()
	for _, c := range closers {
		_ = c.Close()
	}
	f.flows.Cut()
	if f.servers != nil {
		f.servers.stop()
	}
}

// closeConns closes every client's connection.
func (f *front) closeConns() {
	f.mu.Lock()
	conns := slices.Collect(maps.Keys(f.conns))
	f.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// take starts serving a connection that the security groups admit and resets others.
func (f *front) take(c net.Conn) {
	b := f.balancer
	client := b.client(c.RemoteAddr())
	local := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	if !b.admits("tcp", client, netip.AddrPortFrom(local, uint16(f.key.port))) {
		b.counters.Add(counter.NewConnectionCount, 1)
		b.counters.Add(counter.RejectedConnectionCount, 1)
		b.flows.AddBlockedIn("tcp")
		flow.Abort(c)
		return
	}
	v := f.view.Load()
	conn := &clientConn{Conn: c, front: f, client: client, zone: b.zone(local, v, client), since: time.Now()}
	conn.counts = counter.RequestTally{&b.counters, b.zoned.Of(conn.zone)}
	conn.counts.Add(counter.NewConnectionCount, 1)
	f.mu.Lock()
	f.conns[conn] = true
	f.mu.Unlock()
	conn.counts.Add(counter.ActiveConnectionCount, 1)
	if f.servers != nil {
		f.servers.serve(conn)
		return
	}
	if !b.plane.spawn(func() { f.serveFlow(conn, v) }) {
		flow.Abort(conn)
	}
}

// clientConn is a client's connection with what the load balancer knows of it.
type clientConn struct {
	net.Conn
	front  *front
	client netip.AddrPort       // as targets and rules see it
	zone   string               // of the node it reached
	counts counter.RequestTally // of the load balancer, and of it in that zone
	since  time.Time
	closed atomic.Bool

	hello handshake.Client // of HTTPS and TLS listeners

	// Of HTTP listeners.
	wire     *httpwire.Conn       // HTTP/1
	tls      *tls.ConnectionState // of HTTPS listeners
	traced   sync.Once
	trace    string // see traceID
	requests atomic.Int64
}

// Close implements net.Conn.
func (c *clientConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.counts.Add(counter.ActiveConnectionCount, -1)
		c.front.mu.Lock()
		delete(c.front.conns, c)
		c.front.mu.Unlock()
	}
	return c.Conn.Close()
}

// CloseWrite sends the end of the answer.
func (c *clientConn) CloseWrite() error { return flow.CloseWrite(c.Conn) }

// SetLinger is net.TCPConn's.
func (c *clientConn) SetLinger(seconds int) error { return flow.SetLinger(c.Conn, seconds) }

// ReadSettings implements httpwire.Client.
func (c *clientConn) ReadSettings() (desyncMode string, idleTimeout time.Duration) {
	s := &c.front.view.Load().settings
	return s.DesyncMode, s.IdleTimeout
}

// Generated implements httpwire.Client.
func (c *clientConn) Generated(status int) { c.counts.AddGenerated(status) }
