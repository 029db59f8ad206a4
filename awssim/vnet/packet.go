package vnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxQueuedPackets bounds a socket's receive queue; more is dropped, as UDP may.
const maxQueuedPackets = 512

type packet struct {
	from netip.AddrPort
	data []byte
}

// packetConn is a UDP socket: bound (peer invalid) or connected.
type packetConn struct {
	network *Network
	address netip.AddrPort
	peer    netip.AddrPort
	sender  netip.Addr // see WithSender

	mu       sync.Mutex
	readable sync.Cond
	queue    []packet
	refused  bool // the last datagram met a closed port
	closed   bool
	read     deadline
	handler  *handler // nil: datagrams wait for ReadFrom
}

// handler takes the datagrams of a socket one at a time, in a goroutine that there is only while some wait.
type handler struct {
	spawn func(func()) bool
	take  func(answers net.PacketConn, datagram []byte, from netip.AddrPort)
	busy  bool // guarded by the socket's lock
}

func newPacketConn(n *Network, address, peer netip.AddrPort) *packetConn {
	c := &packetConn{network: n, address: address, peer: peer}
	c.readable.L = &c.mu
	return c
}

// ListenUDP binds a UDP socket to a port of an existing address; port 0 picks a free one.
func (n *Network) ListenUDP(ip netip.Addr, port uint16) (net.PacketConn, error) {
	c, err := n.listenUDP(ip, port, nil)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (n *Network) listenUDP(ip netip.Addr, port uint16, by *handler) (*packetConn, error) {
	ip = ip.Unmap()
	n.mu.Lock()
	defer n.mu.Unlock()
	port, err := claim(n, ip, port, func(h *host, p uint16) bool { return h.udp[p] == nil })
	if err != nil {
		return nil, listenError("udp", netip.AddrPortFrom(ip, port), err)
	}
	c := newPacketConn(n, netip.AddrPortFrom(ip, port), netip.AddrPort{})
	c.handler = by
	h := n.hosts[ip]
	if h.udp == nil {
		h.udp = map[uint16]*packetConn{}
	}
	h.udp[port] = c
	return c, nil
}

// HandleUDP gives the datagrams to a port of an existing address to take, one at a time, without a goroutine that waits
// for them: spawn runs one while there are some and reports false when it will not. Take answers by the socket it is
// given, and must not keep the datagram. Closing ends it.
func (n *Network) HandleUDP(ip netip.Addr, port uint16, spawn func(func()) bool, take func(answers net.PacketConn,
	datagram []byte, from netip.AddrPort)) (io.Closer, error) {
	return n.listenUDP(ip, port, &handler{spawn: spawn, take: take})
}

// handle takes what waits in the queue until nothing does.
func (c *packetConn) handle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		first := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		c.handler.take(c, first.data, first.from)
		c.mu.Lock()
	}
	c.queue, c.handler.busy = nil, false
}

// DialUDP makes a socket connected to a port, from an address that need not exist. Datagrams to an address that does
// not exist are lost; after one to a closed port the next Read fails with ECONNREFUSED.
func (n *Network) DialUDP(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return n.DialUDPFrom(ctx, netip.AddrPortFrom(from, 0), to)
}

// DialUDPFrom is DialUDP with a chosen source port (0 picks one).
func (n *Network) DialUDPFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: err}
	}
	chosen := from.Port() != 0
	from, to = n.source(from), netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	n.mu.Lock()
	if h := n.hosts[to.Addr()]; h != nil && h.udp[to.Port()] == nil && h.firewall.admits(ctx, "udp", from, to) {
		mapped, forward := h.mapped[portKey{"udp", to.Port()}], h.forward
		if mapped.IsValid() {
			n.mu.Unlock()
			var d net.Dialer
			return d.DialContext(ctx, "udp", mapped.String())
		}
		if forward != nil {
			n.mu.Unlock()
			return forward(ctx, "udp", from, to)
		}
	}
	defer n.mu.Unlock()
	for n.clients[packetKey{from, to}] != nil {
		if chosen {
			return nil, &net.OpError{Op: "dial", Net: "udp", Source: net.UDPAddrFromAddrPort(from), Err: syscall.EADDRINUSE}
		}
		from = netip.AddrPortFrom(from.Addr(), n.ephemeralPort())
	}
	c := newPacketConn(n, from, to)
	c.sender, _ = ctx.Value(senderKey{}).(netip.Addr)
	n.clients[packetKey{from, to}] = c
	return c, nil
}

// send delivers a datagram; it reports false when the address exists and the port is closed.
func (n *Network) send(from netip.AddrPort, sender netip.Addr, to netip.AddrPort, data []byte) bool {
	n.mu.RLock()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c := n.clients[packetKey{to, from}]
	var firewall Firewall
	h := n.hosts[to.Addr()]
	if c == nil && h != nil {
		c, firewall = h.udp[to.Port()], h.firewall
	}
	n.mu.RUnlock()
	if firewall != nil && !firewall("udp", from, to) &&
		(!sender.IsValid() || !firewall("udp", netip.AddrPortFrom(sender, from.Port()), to)) {
		return true
	}
	if c == nil {
		return h == nil
	}
	c.deliver(packet{from, append([]byte(nil), data...)})
	return true
}

func (c *packetConn) deliver(p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) >= maxQueuedPackets || c.peer.IsValid() && c.peer != p.from {
		return
	}
	c.queue = append(c.queue, p)
	if h := c.handler; h == nil {
		c.readable.Signal()
	} else if !h.busy {
		h.busy = h.spawn(c.handle)
	}
}

func (c *packetConn) receive(p []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, c.fail("read", net.ErrClosed)
		case c.read.passed():
			return 0, netip.AddrPort{}, c.fail("read", os.ErrDeadlineExceeded)
		case len(c.queue) > 0:
			first := c.queue[0]
			c.queue = c.queue[1:]
			return copy(p, first.data), first.from, nil
		case c.refused:
			c.refused = false
			return 0, netip.AddrPort{}, c.fail("read", os.NewSyscallError("recvfrom", ErrRefused))
		}
		c.readable.Wait()
	}
}

func (c *packetConn) transmit(p []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, c.fail("write", net.ErrClosed)
	}
	if !c.network.send(c.address, c.sender, to, p) && c.peer.IsValid() {
		c.mu.Lock()
		c.refused = true
		c.readable.Broadcast()
		c.mu.Unlock()
	}
	return len(p), nil
}

func (c *packetConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: net.UDPAddrFromAddrPort(c.address), Err: err}
}

// ReadFrom implements net.PacketConn; the address is a *net.UDPAddr. What does not fit into p is lost.
func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.receive(p)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo implements net.PacketConn.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.fail("write", net.InvalidAddrError("not a UDP address"))
	}
	return c.transmit(p, u.AddrPort())
}

// Read implements net.Conn for connected sockets.
func (c *packetConn) Read(p []byte) (int, error) {
	n, _, err := c.receive(p)
	return n, err
}

// Write implements net.Conn for connected sockets.
func (c *packetConn) Write(p []byte) (int, error) { return c.transmit(p, c.peer) }

// Close implements net.Conn and net.PacketConn.
func (c *packetConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.fail("close", net.ErrClosed)
	}
	c.closed, c.queue = true, nil
	c.read.stop()
	c.readable.Broadcast()
	c.mu.Unlock()

	n := c.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.peer.IsValid() {
		delete(n.clients, packetKey{c.address, c.peer})
	} else if h := n.hosts[c.address.Addr()]; h != nil && h.udp[c.address.Port()] == c {
		delete(h.udp, c.address.Port())
	}
	return nil
}

// LocalAddr implements net.Conn and net.PacketConn.
func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.address) }

// RemoteAddr implements net.Conn.
func (c *packetConn) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.peer) }

// SetDeadline implements net.Conn; writes never wait.
func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.read.set(t, &c.readable)
	c.mu.Unlock()
	return nil
}

// SetWriteDeadline implements net.Conn; writes never wait.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }
