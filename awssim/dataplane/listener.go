package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/alb"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/nlb"
)

// listener is a listener, or the part of one for a transport, with its sockets on loopback and on the virtual network.
type listener struct {
	*loadbalancer.Listener
	part string // of its listenerKey

	alb *alb.Server   // HTTP and HTTPS; nil for other protocols
	nlb *nlb.Listener // of other protocols; nil for HTTP and HTTPS

	mu       sync.Mutex
	tcpPort  int32 // what is bound on loopback; 0: nothing
	udpPort  int32
	loopback []io.Closer
	virtual  map[netip.Addr][]io.Closer
}

func newListener(b *loadBalancer, s *loadbalancer.Snapshot, part string) *listener {
	l := &listener{Listener: b.NewListener(s), part: part, virtual: map[netip.Addr][]io.Closer{}}
	if l.Protocol == "HTTP" || l.Protocol == "HTTPS" {
		l.alb = alb.NewServer(l.Listener, b.plane.sessions)
	} else {
		l.nlb = nlb.NewListener(l.Listener, &b.open)
	}
	return l
}

func (l *listener) tcp() bool { return !l.udp() }
func (l *listener) udp() bool { return l.part == partUDP || l.part == partQUIC }

// update makes the next connections and requests use s and opens what is not open yet.
func (l *listener) update(s *loadbalancer.Snapshot, loop *flow.Loopback, addresses []netip.Addr) error {
	l.Update(s)
	if l.alb != nil {
		l.alb.Configure(s)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var bad []error
	if l.loopback == nil {
		bad = append(bad, l.openLoopback(loop))
	}
	for a := range l.virtual {
		if !slices.Contains(addresses, a) { // its sockets went with the address
			delete(l.virtual, a)
		}
	}
	for _, a := range addresses {
		if l.virtual[a] == nil {
			bad = append(bad, l.openVirtual(a))
		}
	}
	return errors.Join(bad...)
}

func (l *listener) openLoopback(loop *flow.Loopback) error {
	b := l.LoadBalancer
	var bad []error
	if l.tcp() {
		socket, err := loop.ListenTCP(l.Port)
		if err == nil {
			l.tcpPort = int32(socket.Addr().(*net.TCPAddr).Port)
			l.loopback = append(l.loopback, socket)
			b.Spawn(func() {
				flow.Accept(b.Context, socket, l.accept, func(err error) {
					b.Logf("data plane: accept at %s: %v", socket.Addr(), err)
				})
			})
		}
		bad = append(bad, err)
	}
	if l.udp() {
		socket, err := loop.ListenUDP(l.Port)
		if err == nil {
			l.udpPort = int32(socket.LocalAddr().(*net.UDPAddr).Port)
			l.loopback = append(l.loopback, socket)
			datagrams := l.nlb.Datagrams(loop.Address)
			datagrams.Socket = socket
			b.Spawn(func() { flow.ReceiveAll(socket, datagrams.Take) })
		}
		bad = append(bad, err)
	}
	return errors.Join(bad...)
}

func (l *listener) openVirtual(a netip.Addr) error {
	b := l.LoadBalancer
	var bad []error
	if l.tcp() {
		c, err := b.Network.HandleTCP(a, uint16(l.Port), l.accept)
		if err == nil {
			l.virtual[a] = append(l.virtual[a], c)
		}
		bad = append(bad, err)
	}
	if l.udp() {
		datagrams := l.nlb.Datagrams(a)
		c, err := b.Network.HandleUDP(a, uint16(l.Port), b.Spawn, func(answers net.PacketConn, datagram []byte,
			from netip.AddrPort) {
			if datagrams.Socket == nil { // flows that read it begin later
				datagrams.Socket = answers
			}
			datagrams.Take(datagram, from)
		})
		if err == nil {
			l.virtual[a] = append(l.virtual[a], c)
		}
		bad = append(bad, err)
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("listen on the virtual network: %w", err)
	}
	return nil
}

// ports are what is bound on loopback; 0: nothing.
func (l *listener) ports() (tcp, udp int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tcpPort, l.udpPort
}

// accept starts serving a connection that the security groups permit and resets others.
func (l *listener) accept(c net.Conn) {
	s := l.Snapshot()
	conn := l.Accept(c, s)
	switch {
	case conn == nil:
	case l.alb != nil:
		l.alb.Serve(conn)
	case !l.LoadBalancer.Spawn(func() { l.nlb.Serve(conn, s) }):
		flow.Abort(conn)
	}
}

// stop closes the sockets, lets HTTP requests in flight end and cuts NLB flows.
func (l *listener) stop() {
	l.Flows.End()
	l.mu.Lock()
	closers := l.loopback
	for _, c := range l.virtual {
		closers = append(closers, c...)
	}
	l.mu.Unlock()
	for _, c := range closers {
		_ = c.Close()
	}
	l.Flows.Cut()
	if l.alb != nil {
		l.alb.Stop()
	}
}
