package nlb

import (
	"net"

	"github.com/k8s-lbc/lbc/awssim/dataplane/counter"
	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/loadbalancer"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// server is the registered target with a server id, also when it drains or is unhealthy; nil when there is none.
func server(s *loadbalancer.Snapshot, id handshake.ServerID) (*targetgroup.Group, *targetgroup.Target) {
	for _, g := range s.TargetGroups {
		if t := g.Server(id); t != nil {
			return g, t
		}
	}
	return nil, nil
}

// quic is the flow of a client's QUIC packet; nil when it is dropped. Packets go to the target whose server id they
// name, from whatever address they come; the first ones of a connection, which cannot name any, by the hash of the
// addresses.
func (p *Datagrams) quic(from net.Addr, datagram []byte) *packetFlow {
	packet, ok := handshake.ParsePacket(datagram)
	if !ok {
		return nil
	}
	peer := from.(*net.UDPAddr).AddrPort()
	hashed := packetKey{peer: peer}
	if packet.HasID {
		if g, t := server(p.listener.Snapshot(), packet.ServerID); t != nil {
			named := packetKey{peer, t}
			if u := p.find(named); u != nil {
				return u
			}
			return p.admit(from, func(s *loadbalancer.Snapshot, zone string, tu flow.Tuple) (*route, bool) {
				return p.listener.routeVia(s, zone, tu, g, t)
			},
				func(*route) []packetKey { return []packetKey{named} })
		}
	}
	if !packet.First {
		p.listener.LoadBalancer.Flows.Add(counter.UnknownServers, 1)
		return nil
	}
	if u := p.find(hashed); u != nil && u.to.Usable() { // otherwise it is a new connection's, which must not go there
		return u
	}
	return p.admit(from, p.listener.routeTo, func(r *route) []packetKey { return []packetKey{hashed, {peer, r.target}} })
}
