package dataplane

import (
	"encoding/hex"
	"net"
	"strings"
)

// serverID is what a QUIC server puts into the connection ids that it chooses: eight bytes after the first one.
type serverID [8]byte

// parseServerID reads "0x" and 16 hexadecimal digits.
func parseServerID(text string) (serverID, bool) {
	var id serverID
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil
}

const (
	quicLong     = 0x80 // the header is a long one (RFC 9000 §17.2)
	quicTypeMask = 0x30
	quicInitial  = 0x00
	quicZeroRTT  = 0x10
)

// quicPacket is what an NLB reads of a datagram: all of it stands in clear in its first packet.
type quicPacket struct {
	server serverID
	hasID  bool // the destination connection id is long enough to hold a server id
	// first packets of a connection bear an id that the client made up
	first bool
}

// parseQUIC reads the first packet of a datagram. It reports false for what is no QUIC version 1.
func parseQUIC(p []byte) (quicPacket, bool) {
	var q quicPacket
	if len(p) == 0 {
		return q, false
	}
	connection := p[1:] // of a short header the length of the id is not told; what is needed of it is
	if p[0]&quicLong != 0 {
		if len(p) < 6 || p[1] != 0 || p[2] != 0 || p[3] != 0 || p[4] != 1 {
			return q, false
		}
		n := int(p[5])
		if n > 20 || len(p) < 6+n {
			return q, false
		}
		connection = p[6 : 6+n]
		kind := p[0] & quicTypeMask
		q.first = kind == quicInitial || kind == quicZeroRTT
	}
	if len(connection) > len(q.server) {
		copy(q.server[:], connection[1:])
		q.hasID = true
	}
	return q, q.hasID || q.first
}

// server is the registered target with a server id, also when it drains or is unhealthy; nil when there is none.
func (v *view) server(id serverID) (*group, *target) {
	for _, g := range v.groups {
		if servers := g.servers.Load(); servers != nil {
			if t := (*servers)[id]; t != nil && !t.spec.Load().Unused {
				return g, t
			}
		}
	}
	return nil, nil
}

// quic is the flow of a client's QUIC packet; nil when it is dropped. Packets go to the target whose server id they name, from
// whatever address they come; the first ones of a connection, which cannot name any, by the hash of the addresses.
func (p *packetFlows) quic(from net.Addr, datagram []byte) *packetFlow {
	packet, ok := parseQUIC(datagram)
	if !ok {
		return nil
	}
	peer := from.(*net.UDPAddr).AddrPort()
	hashed := packetKey{peer: peer}
	if packet.hasID {
		if g, t := p.front.view.Load().server(packet.server); t != nil {
			named := packetKey{peer, t}
			if u := p.find(named); u != nil {
				return u
			}
			return p.admit(from, func(v *view, zone string, tu tuple) (*route, bool) { return p.front.routeVia(v, zone, tu, g, t) },
				func(*route) []packetKey { return []packetKey{named} })
		}
	}
	if !packet.first {
		p.front.balancer.flows.add(unknownServers, 1)
		return nil
	}
	if u := p.find(hashed); u != nil && u.to.usable() { // otherwise it is a new connection's, which must not go there
		return u
	}
	return p.admit(from, p.front.routeTo, func(r *route) []packetKey { return []packetKey{hashed, {peer, r.target}} })
}
