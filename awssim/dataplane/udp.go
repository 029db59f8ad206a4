package dataplane

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

const udpIdle = 120 * time.Second

// packetKey identifies a flow of datagrams: UDP flows by the client alone, QUIC's by the target as well, since the connection
// ids of one client's packets may lead to several.
type packetKey struct {
	peer   netip.AddrPort
	target *targetgroup.Target // nil: what the hash of the client chose
}

// packetFlows are the flows of one socket.
type packetFlows struct {
	front  *front
	socket net.PacketConn
	local  netip.AddrPort // with the listener's port

	mu   sync.Mutex
	open map[packetKey]*packetFlow
}

// flowsOf carries the datagrams that come to an address: each client address and port is a flow with a target of its own until
// nothing moved for the idle time. Take is given one datagram at a time; answers leave by the socket, which may be set before the first.
func (f *front) flowsOf(at netip.Addr) (flows *packetFlows, take func(datagram []byte, from netip.AddrPort)) {
	flows = &packetFlows{front: f, local: netip.AddrPortFrom(at.Unmap(), uint16(f.key.port)), open: map[packetKey]*packetFlow{}}
	deliver := flows.udp
	if f.key.protocol == "QUIC" || f.key.protocol == "TCP_QUIC" {
		deliver = flows.quic
	}
	return flows, func(datagram []byte, from netip.AddrPort) {
		if u := deliver(net.UDPAddrFromAddrPort(from), datagram); u != nil {
			u.send(datagram)
		}
	}
}

// find is the open flow of a key, or nil.
func (p *packetFlows) find(key packetKey) *packetFlow {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[key]
}

// udp is the flow of a client's datagram; nil when it is dropped.
func (p *packetFlows) udp(from net.Addr, _ []byte) *packetFlow {
	key := packetKey{peer: from.(*net.UDPAddr).AddrPort()}
	if u := p.find(key); u != nil {
		return u
	}
	return p.admit(from, p.front.routeTo, func(*route) []packetKey { return []packetKey{key} })
}

// admit opens a flow for a client that the security groups let in: choose finds its route, keys are what it is found by.
func (p *packetFlows) admit(from net.Addr, choose func(*view, string, flow.Tuple) (*route, bool), keys func(*route) []packetKey) *packetFlow {
	b, v := p.front.balancer, p.front.view.Load()
	client := b.client(from)
	if !b.admits("udp", client, p.local) {
		b.flows.AddBlockedIn("udp")
		return nil
	}
	t := flow.Tuple{Network: "udp", Client: client, Local: p.local}
	zone := b.zone(p.local.Addr(), v, client)
	r, ok := choose(v, zone, t)
	if !ok || r.hairpin() {
		return nil
	}
	return p.openFlow(from, client, v, r, keys(r))
}

// openFlow connects a new flow to its target.
func (p *packetFlows) openFlow(from net.Addr, client netip.AddrPort, v *view, r *route, keys []packetKey) *packetFlow {
	f, b := p.front, p.front.balancer
	if !r.group.User().Permits("udp", r.to) {
		r.counts(b).AddBlockedOut("udp")
		return nil
	}
	c, err := b.plane.network.DialUDPFrom(vnet.WithSender(b.plane.ctx, r.own), r.from, r.to)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) { // another flow shows the same client to the same target
			r.counts(b).Add(counter.PortErrors, 1)
		}
		b.plane.logf("data plane: load balancer %s: UDP flow to %s: %v", b.arn, r.to, err)
		return nil
	}
	kind := counter.TransportOf(v.listener.Protocol, "udp")
	u := &packetFlow{flows: p, keys: keys, peer: from, target: c, to: r.target}
	if kind == counter.OverUDP && r.group.Config().Settings.ProxyProtocol {
		u.header = flow.ProxyHeader(flow.ProxyUDP, client, r.at)
	}
	u.flow = flow.New(func() { _ = c.Close() })
	if !f.flows.Add(u.flow) || !r.target.Flows.Add(u.flow) {
		f.flows.Remove(u.flow)
		return nil
	}
	u.record = f.record(v, r, client, kind)
	u.idle = flow.NewIdleTimer(b.plane.clock, udpIdle, u.flow.Reset)
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
	flows  *packetFlows
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
	if !u.flows.front.balancer.plane.spawn(func() {
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
			if _, err := u.flows.socket.WriteTo(buf[:n], u.peer); err != nil {
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
	p.front.flows.Remove(u.flow)
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
