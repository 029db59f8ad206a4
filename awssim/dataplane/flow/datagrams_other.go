//go:build !unix

package flow

import (
	"net"
	"net/netip"
)

// ReceiveAll gives each datagram of a socket to take until the socket closes.
func ReceiveAll(c *net.UDPConn, take func(datagram []byte, from netip.AddrPort)) {
	buf := make([]byte, MaxPacket)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed; an unconnected socket has no other errors
		}
		take(buf[:n], from)
	}
}
