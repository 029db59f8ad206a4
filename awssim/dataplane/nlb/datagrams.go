package nlb

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

const udpIdle = 120 * time.Second

// packetKey identifies a flow of datagrams: UDP flows by the client alone, QUIC's by the target as well, since the
// connection ids of one client's packets may lead to several.
type packetKey struct {
	peer   netip.AddrPort
	target *targetgroup.Target // nil: what the hash of the client chose
}

// Datagrams are the flows of one socket: each client address and port is a flow with a target of its own until nothing
// moved for the idle time.
type Datagrams struct {
	Socket   net.PacketConn // by which answers leave; set before the first datagram
	listener *Listener
	local    netip.AddrPort // with the listener's port

	mu   sync.Mutex
	open map[packetKey]*packetFlow
}

// Datagrams carries the datagrams that come to an address.
func (l *Listener) Datagrams(at netip.Addr) *Datagrams {
	return &Datagrams{listener: l, local: netip.AddrPortFrom(at.Unmap(), uint16(l.Port)),
		open: map[packetKey]*packetFlow{}}
}

// Take carries one datagram of a client. It is called for one at a time.
func (p *Datagrams) Take(datagram []byte, from netip.AddrPort) {
	var u *packetFlow
	if peer := net.UDPAddrFromAddrPort(from); p.listener.Protocol == "QUIC" || p.listener.Protocol == "TCP_QUIC" {
		u = p.quic(peer, datagram)
	} else {
		u = p.udp(peer)
	}
	if u != nil {
		u.send(datagram)
	}
}

// find is the open flow of a key, or nil.
func (p *Datagrams) find(key packetKey) *packetFlow {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[key]
}

// udp is the flow of a client's datagram; nil when it is dropped.
func (p *Datagrams) udp(from net.Addr) *packetFlow {
	key := packetKey{peer: from.(*net.UDPAddr).AddrPort()}
	if u := p.find(key); u != nil {
		return u
	}
	return p.admit(from, p.listener.routeTo, func(*route) []packetKey { return []packetKey{key} })
}

// admit opens a flow for a client that the security groups let in: choose finds its route, keys are what it is found
// by.
func (p *Datagrams) admit(from net.Addr, choose func(*loadbalancer.Snapshot, string, flow.Tuple) (*route, bool),
	keys func(*route) []packetKey) *packetFlow {
	b, s := p.listener.LoadBalancer, p.listener.Snapshot()
	client := b.Client(from)
	if !b.Permits("udp", client, p.local) {
		b.Flows.AddBlockedIn("udp")
		return nil
	}
	t := flow.Tuple{Network: "udp", Client: client, Local: p.local}
	zone := b.Zone(p.local.Addr(), s, client)
	r, ok := choose(s, zone, t)
	if !ok || r.hairpin() {
		return nil
	}
	return p.openFlow(from, client, s, r, keys(r))
}

// openFlow connects a new flow to its target.
func (p *Datagrams) openFlow(from net.Addr, client netip.AddrPort, s *loadbalancer.Snapshot, r *route,
	keys []packetKey) *packetFlow {
	l, b := p.listener, p.listener.LoadBalancer
	if !r.group.User().Permits("udp", r.to) {
		r.counts(b).AddBlockedOut("udp")
		return nil
	}
	c, err := b.Network.DialUDPFrom(vnet.WithSender(b.Context, r.own), r.from, r.to)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) { // another flow shows the same client to the same target
			r.counts(b).Add(counter.PortErrors, 1)
		}
		b.Logf("data plane: load balancer %s: UDP flow to %s: %v", b.ARN, r.to, err)
		return nil
	}
	kind := counter.TransportOf(s.Listener.Protocol, "udp")
	u := &packetFlow{flows: p, keys: keys, peer: from, target: c, to: r.target}
	if kind == counter.OverUDP && r.group.Config().Settings.ProxyProtocol {
		u.header = flow.ProxyHeader(flow.ProxyUDP, client, r.at)
	}
	u.flow = flow.New(func() { _ = c.Close() })
	if !l.Flows.Add(u.flow) || !r.target.Flows.Add(u.flow) {
		l.Flows.Remove(u.flow)
		return nil
	}
	u.record = l.record(s, r, client, kind)
	u.idle = flow.NewIdleTimer(b.Clock, udpIdle, u.flow.Reset)
	p.mu.Lock()
	for _, key := range keys {
		p.open[key] = u
	}
	p.mu.Unlock()
	u.start()
	return u
}

// packetFlow is the datagrams of one client to one target.
type packetFlow struct {
	flows  *Datagrams
	keys   []packetKey
	peer   net.Addr
	target net.Conn
	to     *targetgroup.Target
	idle   *flow.IdleTimer
	flow   *flow.Flow
	record *flowRecord
	header []byte // PROXY protocol, in front of the first datagram
}

// start carries the answers until the flow ends.
func (u *packetFlow) start() {
	if !u.flows.listener.LoadBalancer.Spawn(func() {
		defer u.end()
		buf := make([]byte, flow.MaxPacket)
		for {
			n, err := u.target.Read(buf)
			if errors.Is(err, syscall.ECONNREFUSED) { // the target's port is closed, and may open
				continue
			}
			if err != nil {
				return
			}
			u.idle.Feed()
			u.record.carried(n, false)
			if _, err := u.flows.Socket.WriteTo(buf[:n], u.peer); err != nil {
				return
			}
		}
	}) {
		u.end()
	}
}

func (u *packetFlow) end() {
	u.idle.Stop()
	u.flow.Reset()
	p := u.flows
	p.mu.Lock()
	for _, key := range u.keys {
		if p.open[key] == u {
			delete(p.open, key)
		}
	}
	p.mu.Unlock()
	p.listener.Flows.Remove(u.flow)
	u.to.Flows.Remove(u.flow)
	u.record.end()
}

func (u *packetFlow) send(p []byte) {
	u.idle.Feed()
	u.record.carried(len(p), true)
	if u.header != nil {
		p = append(u.header, p...)
		u.header = nil
	}
	_, _ = u.target.Write(p) // a datagram may be lost
}
