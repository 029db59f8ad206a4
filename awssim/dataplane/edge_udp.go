package dataplane

import (
	"net"
	"net/netip"
	"sync"
)

// receive carries the datagrams of one socket: each client address and port is a flow with an endpoint of its own until nothing
// moved for the idle time.
func (e *edge) receive(socket *net.UDPConn, key doorKey) {
	var mu sync.Mutex
	flows := map[netip.AddrPort]*edgePackets{}
	receiveAll(socket, func(datagram []byte, peer netip.AddrPort) {
		if !e.admits("udp", netip.AddrPort{}, netip.AddrPort{}) {
			return
		}
		mu.Lock()
		p := flows[peer]
		mu.Unlock()
		if p == nil {
			p = e.newPackets(socket, net.UDPAddrFromAddrPort(peer), key, func() {
				mu.Lock()
				defer mu.Unlock()
				delete(flows, peer)
			})
			if p == nil {
				return
			}
			mu.Lock()
			flows[peer] = p
			mu.Unlock()
			if !e.plane.spawn(p.answer) {
				p.end()
			}
		}
		p.idle.feed()
		_, _ = p.target.Write(datagram) // a datagram may be lost
	})
}

// edgePackets is the datagrams of one client.
type edgePackets struct {
	edge   *edge
	socket net.PacketConn
	peer   net.Addr
	target net.Conn
	flow   *flow
	idle   *idleTimer
	forget func()
}

// newPackets chooses an endpoint for a new client; nil when there is none.
func (e *edge) newPackets(socket net.PacketConn, peer net.Addr, key doorKey, forget func()) *edgePackets {
	target, err := e.dial(e.plane.ctx, e.tuple("udp", peer, socket.LocalAddr()), key.port)
	if err != nil {
		return nil
	}
	p := &edgePackets{edge: e, socket: socket, peer: peer, target: target, forget: forget}
	p.flow = &flow{door: key, abort: func() { _ = target.Close() }}
	if !e.addFlow(p.flow) {
		p.flow.reset()
		return nil
	}
	p.idle = e.plane.newIdleTimer(edgeUDPIdle, p.flow.reset)
	return p
}

// answer carries the answers until the flow ends.
func (p *edgePackets) answer() {
	defer p.end()
	buf := make([]byte, maxPacket)
	for {
		n, err := p.target.Read(buf)
		if err != nil {
			return
		}
		p.idle.feed()
		if _, err := p.socket.WriteTo(buf[:n], p.peer); err != nil {
			return
		}
	}
}

func (p *edgePackets) end() {
	p.idle.stop()
	p.flow.reset()
	p.forget()
	p.edge.removeFlow(p.flow)
}
