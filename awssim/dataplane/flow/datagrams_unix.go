//go:build unix

package flow

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// packetBuffers hold one datagram each.
var packetBuffers = sync.Pool{New: func() any { b := make([]byte, MaxPacket); return &b }}

// ReceiveAll gives each datagram of a socket to take until the socket closes. A socket that waits holds no buffer.
func ReceiveAll(c *net.UDPConn, take func(datagram []byte, from netip.AddrPort)) {
	raw, err := c.SyscallConn()
	if err != nil {
		return // closed
	}
	for {
		var buf *[]byte
		var n int
		var from syscall.Sockaddr
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			buf = packetBuffers.Get().(*[]byte)
			n, from, failure = syscall.Recvfrom(int(fd), *buf, 0)
			if errors.Is(failure, syscall.EAGAIN) {
				packetBuffers.Put(buf)
				return false
			}
			return true
		})
		if err != nil {
			return // closed
		}
		if at, ok := from.(*syscall.SockaddrInet4); ok && failure == nil {
			take((*buf)[:n], netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)))
		}
		packetBuffers.Put(buf)
	}
}
