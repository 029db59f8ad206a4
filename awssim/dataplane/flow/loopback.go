package flow

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// reservePort is a UDP port that is bound for as long as a loopback address is in use, so that simulators of several
// processes do not share one.
const reservePort = 47011

// maxProbes bounds the search for a free loopback address.
const maxProbes = 64

// Loopbacks hands out a loopback address for each name: the same one each time, unless another name
// has it.
type Loopbacks struct {
	mu    sync.Mutex
	taken map[netip.Addr]bool
}

// Loopback is an address with its reservation.
type Loopback struct {
	Address netip.Addr
	owned   bool // the address belongs to this name alone
	pool    *Loopbacks
	reserve net.PacketConn
}

// Take reserves an address. Where the system has only 127.0.0.1 (or nothing is free) all share that one, on free ports.
func (l *Loopbacks) Take(name string) *Loopback {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == nil {
		l.taken = map[netip.Addr]bool{}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	for i := range uint32(maxProbes) {
		ip := loopbackAddress(h.Sum32() + i*2654435761)
		if l.taken[ip] {
			continue
		}
		c, err := net.ListenPacket("udp4", net.JoinHostPort(ip.String(), strconv.Itoa(reservePort)))
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			break
		}
		if err != nil {
			continue
		}
		l.taken[ip] = true
		return &Loopback{Address: ip, owned: true, pool: l, reserve: c}
	}
	return &Loopback{Address: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}

// loopbackAddress maps a hash to 127.64.0.1 … 127.127.255.254, away from what resolvers and the like use.
func loopbackAddress(hash uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(64 + hash>>16&63), byte(hash >> 8), byte(1 + hash%254)})
}

// Release gives the address back.
func (b *Loopback) Release() {
	if b.reserve == nil {
		return
	}
	_ = b.reserve.Close()
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	delete(b.pool.taken, b.Address)
}

// ports lists where to bind a listener's port, best first: the port itself, a similar one, any. A shared
// address goes straight to any.
func (b *Loopback) ports(port int32) []int32 {
	if !b.owned {
		return []int32{0}
	}
	if port < 1024 {
		return []int32{port, port + 8000, 0}
	}
	return []int32{port, 0}
}

// ListenTCP binds a listener's port.
func (b *Loopback) ListenTCP(port int32) (net.Listener, error) {
	var bad []error
	for _, p := range b.ports(port) {
		l, err := net.Listen("tcp4", b.at(p))
		if err == nil {
			return l, nil
		}
		bad = append(bad, err)
	}
	return nil, fmt.Errorf("bind port %d on loopback: %w", port, errors.Join(bad...))
}

// ListenUDP binds a listener's port.
func (b *Loopback) ListenUDP(port int32) (*net.UDPConn, error) {
	var bad []error
	for _, p := range b.ports(port) {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Address, uint16(p))))
		if err == nil {
			return c, nil
		}
		bad = append(bad, err)
	}
	return nil, fmt.Errorf("bind UDP port %d on loopback: %w", port, errors.Join(bad...))
}

func (b *Loopback) at(port int32) string {
	return net.JoinHostPort(b.Address.String(), strconv.Itoa(int(port)))
}

// Address is where a load balancer or an accelerator is reached on this machine.
type Address struct {
	ARN     string
	Name    string
	DNSName string
	IP      netip.Addr // loopback
	// TCP and UDP map listener ports to what is bound at IP: the same port wherever the system allows.
	TCP, UDP map[int32]int32
}

// Dial connects to a listener's port. The port is closed without a listener.
func (a *Address) Dial(ctx context.Context, network string, port int32) (net.Conn, error) {
	bound := a.TCP[port]
	if strings.HasPrefix(network, "udp") {
		bound = a.UDP[port]
	}
	if bound == 0 {
		at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.IP, uint16(port)))
		return nil, &net.OpError{Op: "dial", Net: network, Addr: at, Err: syscall.ECONNREFUSED}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, netip.AddrPortFrom(a.IP, uint16(bound)).String())
}
