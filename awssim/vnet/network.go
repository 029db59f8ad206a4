// Package vnet is a virtual network inside one process: addresses, TCP and UDP ports, connections between them. Pods,
// nodes and load balancers of a simulated VPC live on it, so that nothing is ever sent to a private address of the
// machine's own network; an address may be backed by a loopback socket. No routing tables, no packets. It imports only
// the standard library and internal/lib/sleep.
package vnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// A SYN without an answer is sent again after firstRetry (RFC 6298), and after twice as long each further time. After
// synRetries, the default of Linux, the last one is waited for: 127 s in all.
const (
	firstRetry = time.Second
	synRetries = 6
)

// Ephemeral ports as on Linux.
const (
	firstEphemeral = 32768
	ephemeralPorts = 28232
)

// Forwarder takes connections to ports of an address on which nothing listens, as kube-proxy does for node ports.
// network is "tcp" or "udp". It returns an error wrapping syscall.ECONNREFUSED (see ErrRefused) for a closed port.
type Forwarder func(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error)

// Firewall protects an address: it drops packets that it does not admit, without an answer. An address always
// reaches itself.
type Firewall func(network string, from, to netip.AddrPort) bool

type senderKey struct{}

// WithSender makes dials under ctx count, for firewalls, as coming from ip too: a load balancer that preserves its
// client's address is admitted where its own interface is.
func WithSender(ctx context.Context, ip netip.Addr) context.Context {
	return context.WithValue(ctx, senderKey{}, ip)
}

// admits consults the firewall about the address that a connection shows and about that of its real sender.
func (f Firewall) admits(ctx context.Context, network string, from, to netip.AddrPort) bool {
	if f == nil || f(network, from, to) {
		return true
	}
	sender, ok := ctx.Value(senderKey{}).(netip.Addr)
	return ok && f(network, netip.AddrPortFrom(sender, from.Port()), to)
}

// ErrRefused is the refusal of a connection to a port on which nothing listens.
var ErrRefused error = syscall.ECONNREFUSED

// Network is a set of addresses that can reach each other.
type Network struct {
	mu        sync.RWMutex
	hosts     map[netip.Addr]*host
	clients   map[packetKey]*packetConn // UDP sockets of dialers, which need no registered address
	ephemeral atomic.Uint32
}

// host is an address; its maps are made when something is put in.
type host struct {
	tcp      map[uint16]*listener
	udp      map[uint16]*packetConn
	mapped   map[portKey]netip.AddrPort
	forward  Forwarder
	firewall Firewall
}

// packetKey identifies a connected UDP socket: one local port may have several peers, as a load balancer that shows its
// client's address beside that client itself.
type packetKey struct{ local, peer netip.AddrPort }

type portKey struct {
	network string
	port    uint16
}

// New makes an empty network.
func New() *Network {
	return &Network{hosts: map[netip.Addr]*host{}, clients: map[packetKey]*packetConn{}}
}

// AddAddress makes an address exist; it is no error if it does already. Ports of an existing address on which nothing
// listens refuse connections; an address that does not exist never answers.
func (n *Network) AddAddress(ip netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ip = ip.Unmap()
	if n.hosts[ip] == nil {
		n.hosts[ip] = &host{}
	}
}

// RemoveAddress makes an address vanish with its listeners; established connections stay until an end closes them.
func (n *Network) RemoveAddress(ip netip.Addr) {
	n.mu.Lock()
	h := n.hosts[ip.Unmap()]
	delete(n.hosts, ip.Unmap())
	n.mu.Unlock()
	if h == nil {
		return
	}
	for _, l := range h.tcp {
		_ = l.Close()
	}
	for _, c := range h.udp {
		_ = c.Close()
	}
}

// HasAddress reports whether an address exists.
func (n *Network) HasAddress(ip netip.Addr) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.hosts[ip.Unmap()] != nil
}

// Forward registers the forwarder of an existing address (nil removes it).
func (n *Network) Forward(ip netip.Addr, f Forwarder) error {
	return n.change(ip, func(h *host) { h.forward = f })
}

// SetFirewall registers the firewall of an existing address (nil admits all).
func (n *Network) SetFirewall(ip netip.Addr, f Firewall) error {
	return n.change(ip, func(h *host) { h.firewall = f })
}

// MapToLoopback backs a port of an existing address by a socket of this machine. network is "tcp" or "udp". Only
// loopback addresses are accepted. An invalid backing removes the mapping.
func (n *Network) MapToLoopback(network string, address, backing netip.AddrPort) error {
	if backing.IsValid() && !backing.Addr().IsLoopback() {
		return fmt.Errorf("virtual network: map %s to %s: only loopback addresses may back a port", address, backing)
	}
	return n.change(address.Addr(), func(h *host) {
		key := portKey{network, address.Port()}
		if !backing.IsValid() {
			delete(h.mapped, key)
			return
		}
		if h.mapped == nil {
			h.mapped = map[portKey]netip.AddrPort{}
		}
		h.mapped[key] = backing
	})
}

// Mapped are the ports that sockets of this machine back, of TCP or UDP, with those sockets' addresses.
func (n *Network) Mapped() map[netip.AddrPort]netip.AddrPort {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := map[netip.AddrPort]netip.AddrPort{}
	for ip, h := range n.hosts {
		for key, backing := range h.mapped {
			all[netip.AddrPortFrom(ip, key.port)] = backing
		}
	}
	return all
}

func (n *Network) change(ip netip.Addr, f func(*host)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[ip.Unmap()]
	if h == nil {
		return fmt.Errorf("virtual network: address %s does not exist; add it first", ip)
	}
	f(h)
	return nil
}

// ListenTCP listens on a port of an existing address; port 0 picks a free one.
func (n *Network) ListenTCP(ip netip.Addr, port uint16) (net.Listener, error) {
	l := &listener{network: n, queue: make(chan *Conn, backlog), done: make(chan struct{})}
	if err := n.listenTCP(l, ip, port); err != nil {
		return nil, err
	}
	return l, nil
}

// HandleTCP gives connections to a port of an existing address to take, without a goroutine that waits for them: it
// runs before the dialer's call returns, on its goroutine, and must not wait for what the dialer does next. Closing
// ends it as it ends a listener.
func (n *Network) HandleTCP(ip netip.Addr, port uint16, take func(net.Conn)) (io.Closer, error) {
	l := &listener{network: n, take: take, done: make(chan struct{})}
	if err := n.listenTCP(l, ip, port); err != nil {
		return nil, err
	}
	return l, nil
}

func (n *Network) listenTCP(l *listener, ip netip.Addr, port uint16) error {
	ip = ip.Unmap()
	n.mu.Lock()
	defer n.mu.Unlock()
	port, err := claim(n, ip, port, func(h *host, p uint16) bool { return h.tcp[p] == nil })
	if err != nil {
		return listenError("tcp", netip.AddrPortFrom(ip, port), err)
	}
	l.address = netip.AddrPortFrom(ip, port)
	h := n.hosts[ip]
	if h.tcp == nil {
		h.tcp = map[uint16]*listener{}
	}
	h.tcp[port] = l
	return nil
}

// claim chooses the port to listen on; the lock is held.
func claim(n *Network, ip netip.Addr, port uint16, free func(*host, uint16) bool) (uint16, error) {
	h := n.hosts[ip]
	if h == nil {
		return port, syscall.EADDRNOTAVAIL
	}
	if port != 0 {
		if !free(h, port) {
			return port, syscall.EADDRINUSE
		}
		return port, nil
	}
	for range ephemeralPorts {
		if p := n.ephemeralPort(); free(h, p) {
			return p, nil
		}
	}
	return 0, syscall.EADDRINUSE
}

func listenError(network string, at netip.AddrPort, err error) error {
	return &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: err}
}

func (n *Network) ephemeralPort() uint16 {
	return uint16(firstEphemeral + n.ephemeral.Add(1)%ephemeralPorts)
}

func (n *Network) forgetListener(l *listener) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[l.address.Addr()]; h != nil && h.tcp[l.address.Port()] == l {
		delete(h.tcp, l.address.Port())
	}
}

// DialTCP connects from an address, which need not exist, to a port. It fails at once with ECONNREFUSED when the
// address exists and nothing listens; while the address does not exist or its firewall drops the packets it tries
// again, 1, 3, 7, 15 s… after the first time, and fails with a time-out once ctx ends (after 127 s at the latest).
func (n *Network) DialTCP(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return n.DialTCPFrom(ctx, netip.AddrPortFrom(from, 0), to)
}

// DialTCPFrom is DialTCP with a chosen source port (0 picks one).
func (n *Network) DialTCPFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	from, to = n.source(from), netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c, err := n.dialTCP(ctx, from, to)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Source: net.TCPAddrFromAddrPort(from), Addr: net.TCPAddrFromAddrPort(
			to), Err: err}
	}
	return c, nil
}

func (n *Network) source(from netip.AddrPort) netip.AddrPort {
	port := from.Port()
	if port == 0 {
		port = n.ephemeralPort()
	}
	return netip.AddrPortFrom(from.Addr().Unmap(), port)
}

// dialTCP sends a SYN until something answers or ctx ends, so that what starts to admit the connection meanwhile, such
// as a new rule of a security group, delays it only. The pauses are in real time, as the deadline of ctx is.
func (n *Network) dialTCP(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for retry := range synRetries + 1 {
		c, err := n.sendSYN(ctx, from, to)
		if !errors.Is(err, errDropped) {
			return c, err
		}
		if sleep.For(ctx, firstRetry<<retry) != nil {
			break
		}
	}
	if ctx.Err() == context.Canceled {
		return nil, ctx.Err()
	}
	return nil, os.NewSyscallError("connect", syscall.ETIMEDOUT)
}

// errDropped is the error of a SYN without an answer.
var errDropped = errors.New("dropped")

// sendSYN connects if something answers at this moment.
func (n *Network) sendSYN(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	n.mu.RLock()
	h := n.hosts[to.Addr()]
	if h == nil {
		n.mu.RUnlock()
		return nil, errDropped
	}
	firewall, l, mapped, forward := h.firewall, h.tcp[to.Port()], h.mapped[portKey{"tcp", to.Port()}], h.forward
	n.mu.RUnlock()
	switch {
	case from.Addr() != to.Addr() && !firewall.admits(ctx, "tcp", from, to): // an address reaches itself
		return nil, errDropped
	case l != nil:
		return l.connect(ctx, from)
	case mapped.IsValid():
		var d net.Dialer
		return d.DialContext(ctx, "tcp", mapped.String())
	case forward != nil:
		return forward(ctx, "tcp", from, to)
	}
	return nil, os.NewSyscallError("connect", ErrRefused)
}
