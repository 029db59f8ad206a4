//go:build !unix

package dataplane

import (
	"net"
	"net/netip"
)

// receiveAll gives each datagram of a socket to take until the socket closes.
func receiveAll(c *net.UDPConn, take func(datagram []byte, from netip.AddrPort)) {
	buf := make([]byte, maxPacket)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed; an unconnected socket has no other errors
		}
		take(buf[:n], from)
	}
}
