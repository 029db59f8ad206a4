package dataplane

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

const (
	udpIdle   = 120 * time.Second
	maxPacket = 64 << 10
)

// receive carries the datagrams of one socket of a UDP listener: each client address and port is a flow with a target of its
// own until nothing moved for the idle time.
func (f *front) receive(socket net.PacketConn) {
	var mu sync.Mutex
	flows := map[netip.AddrPort]*udpFlow{}
	buf := make([]byte, maxPacket)
	for {
		n, from, err := socket.ReadFrom(buf)
		if err != nil {
			return // closed; an unconnected socket has no other errors
		}
		peer := from.(*net.UDPAddr).AddrPort()
		mu.Lock()
		u := flows[peer]
		mu.Unlock()
		if u == nil {
			u = f.openUDP(socket, from, func() {
				mu.Lock()
				delete(flows, peer)
				mu.Unlock()
			})
			if u == nil {
				continue
			}
			mu.Lock()
			flows[peer] = u
			mu.Unlock()
			u.start()
		}
		u.send(buf[:n])
	}
}

// udpFlow is the datagrams of one client.
type udpFlow struct {
	front  *front
	socket net.PacketConn
	peer   net.Addr
	target net.Conn
	idle   *watchdog
	header []byte // PROXY protocol, in front of the first datagram
	done   func()
	flow   *flow
	to     *target
}

// openUDP chooses a target for a new client; nil when there is none.
func (f *front) openUDP(socket net.PacketConn, peer net.Addr, forget func()) *udpFlow {
	b, v := f.balancer, f.view.Load()
	client := b.client(peer)
	local := socket.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if !b.admits("udp", client, netip.AddrPortFrom(local, uint16(f.key.port))) {
		return nil
	}
	zone := b.zone(local, v)
	g := f.groupFor(v, client)
	if g == nil {
		return nil
	}
	t := g.targetFor(v, zone, client)
	if t == nil {
		return nil
	}
	own := v.privateAddress(zone, client.Addr().Is6())
	c, err := b.plane.network.DialUDPFrom(vnet.WithSender(b.plane.ctx, own), client, t.addrPort())
	if err != nil {
		b.plane.logf("data plane: load balancer %s: UDP flow to %s: %v", b.arn, t.addrPort(), err)
		return nil
	}
	u := &udpFlow{front: f, socket: socket, peer: peer, target: c, done: forget, to: t}
	if g.config.Load().settings.proxyProtocol {
		u.header = proxyHeader(proxyUDP, client, netip.AddrPortFrom(own, uint16(f.key.port)))
	}
	u.flow = &flow{abort: func() { _ = c.Close() }}
	if !f.addFlow(u.flow) || !t.addFlow(u.flow) {
		u.flow.reset()
		f.removeFlow(u.flow)
		return nil
	}
	b.counters.add(newFlowCount, 1)
	b.counters.add(newFlowUDPCount, 1)
	b.counters.add(activeFlowCount, 1)
	u.idle = newWatchdog(udpIdle, u.flow.reset)
	return u
}

// start carries the answers until the flow ends.
func (u *udpFlow) start() {
	ended := func() {
		u.idle.stop()
		u.flow.reset()
		u.done()
		u.front.removeFlow(u.flow)
		u.to.removeFlow(u.flow)
		u.front.balancer.counters.add(activeFlowCount, -1)
	}
	if !u.front.balancer.plane.spawn(func() {
		defer ended()
		buf := make([]byte, maxPacket)
		for {
			n, err := u.target.Read(buf)
			if err != nil {
				return
			}
			u.idle.feed()
			u.front.balancer.counters.add(processedBytes, int64(n))
			if _, err := u.socket.WriteTo(buf[:n], u.peer); err != nil {
				return
			}
		}
	}) {
		ended()
	}
}

func (u *udpFlow) send(p []byte) {
	u.idle.feed()
	u.front.balancer.counters.add(processedBytes, int64(len(p)))
	if u.header != nil {
		p = append(u.header, p...)
		u.header = nil
	}
	_, _ = u.target.Write(p) // a datagram may be lost
}
