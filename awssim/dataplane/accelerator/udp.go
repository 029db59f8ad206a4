package accelerator

import (
	"net"
	"net/netip"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
)

// receive carries the datagrams of one socket: each client address and port is a flow with an endpoint of its own until
// nothing moved for the idle time.
func (e *accelerator) receive(socket *net.UDPConn, d *openPort) {
	var mu sync.Mutex
	flows := map[netip.AddrPort]*udpFlow{}
	flow.ReceiveAll(socket, func(datagram []byte, peer netip.AddrPort) {
		if !e.admits("udp", netip.AddrPort{}, netip.AddrPort{}) {
			return
		}
		mu.Lock()
		p := flows[peer]
		mu.Unlock()
		if p == nil {
			p = e.newPackets(socket, net.UDPAddrFromAddrPort(peer), d, func() {
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
			if !e.Spawn(p.answer) {
				p.end()
			}
		}
		p.idle.Feed()
		_, _ = p.target.Write(datagram) // a datagram may be lost
	})
}

// udpFlow is the datagrams of one client.
type udpFlow struct {
	socket net.PacketConn
	peer   net.Addr
	target net.Conn
	port   *openPort
	flow   *flow.Flow
	idle   *flow.IdleTimer
	forget func()
}

// newPackets chooses an endpoint for a new client; nil when there is none.
func (e *accelerator) newPackets(socket net.PacketConn, peer net.Addr, d *openPort, forget func()) *udpFlow {
	target, err := e.dial(e.Context, e.tupleOf("udp", peer, socket.LocalAddr()), d.port)
	if err != nil {
		return nil
	}
	p := &udpFlow{socket: socket, peer: peer, target: target, port: d, forget: forget}
	p.flow = flow.New(func() { _ = target.Close() })
	if !d.flows.Add(p.flow) {
		return nil
	}
	p.idle = flow.NewIdleTimer(e.Clock, udpIdle, p.flow.Reset)
	return p
}

// answer carries the answers until the flow ends.
func (p *udpFlow) answer() {
	defer p.end()
	buf := make([]byte, flow.MaxPacket)
	for {
		n, err := p.target.Read(buf)
		if err != nil {
			return
		}
		p.idle.Feed()
		if _, err := p.socket.WriteTo(buf[:n], p.peer); err != nil {
			return
		}
	}
}

func (p *udpFlow) end() {
	p.idle.Stop()
	p.flow.Reset()
	p.forget()
	p.port.flows.Remove(p.flow)
}
