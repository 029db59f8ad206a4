package flow

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// Transport protocols of a PROXY protocol header.
const (
	ProxyTCP = 1
	ProxyUDP = 2
)

// proxyMinimum is what NLBs pad IPv4 headers to.
const proxyMinimum = 100

var (
	proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")
	castagnoli     = crc32.MakeTable(crc32.Castagnoli)
)

// ProxyHeader is a PROXY protocol version 2 header as an NLB sends it: addresses, a CRC32C, padding.
func ProxyHeader(transport byte, client, balancer netip.AddrPort) []byte {
	family := byte(0x10)
	if client.Addr().Is6() || balancer.Addr().Is6() {
		family = 0x20
	}
	h := append(make([]byte, 0, proxyMinimum), proxySignature...)
	h = append(h, 0x21, family|transport, 0, 0)
	h = appendAddress(h, client.Addr(), family)
	h = appendAddress(h, balancer.Addr(), family)
	h = binary.BigEndian.AppendUint16(h, client.Port())
	h = binary.BigEndian.AppendUint16(h, balancer.Port())
	sum := len(h) + 3
	h = append(h, 0x03, 0, 4, 0, 0, 0, 0)
	if padding := proxyMinimum - len(h) - 3; padding >= 0 {
		h = append(h, 0x04)
		h = binary.BigEndian.AppendUint16(h, uint16(padding))
		h = append(h, make([]byte, padding)...)
	}
	binary.BigEndian.PutUint16(h[14:], uint16(len(h)-16))
	binary.BigEndian.PutUint32(h[sum:], crc32.Checksum(h, castagnoli))
	return h
}

// LocalProxyHeader stands in front of what the load balancer sends on its own behalf, such as a health check: no
// addresses, a CRC32C.
func LocalProxyHeader() []byte {
	h := append(append([]byte(nil), proxySignature...), 0x20, 0x00, 0, 7, 0x03, 0, 4, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(h[len(h)-4:], crc32.Checksum(h, castagnoli))
	return h
}

func appendAddress(h []byte, a netip.Addr, family byte) []byte {
	if family == 0x10 {
		b := a.As4()
		return append(h, b[:]...)
	}
	b := a.As16()
	return append(h, b[:]...)
}
