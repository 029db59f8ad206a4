package handshake

import (
	"encoding/hex"
	"strings"
)

// ServerID is what a QUIC server puts into the connection ids that it chooses: eight bytes after the first one.
type ServerID [8]byte

// ParseServerID reads "0x" and 16 hexadecimal digits.
func ParseServerID(text string) (ServerID, bool) {
	var id ServerID
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

// Packet is what an NLB reads of a datagram: all of it stands in clear in its first packet.
type Packet struct {
	ServerID ServerID
	HasID    bool // the destination connection id is long enough to hold a server id
	First    bool // the first packets of a connection bear an id that the client made up
}

// ParsePacket reads the first packet of a datagram. It reports false for what is no QUIC version 1.
func ParsePacket(p []byte) (Packet, bool) {
	var q Packet
	if len(p) == 0 {
		return q, false
	}
	connection := p[1:] // a short header has no length of the id; the id is at least as long as what is read here
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
		q.First = kind == quicInitial || kind == quicZeroRTT
	}
	if len(connection) > len(q.ServerID) {
		copy(q.ServerID[:], connection[1:])
		q.HasID = true
	}
	return q, q.HasID || q.First
}
