// Package dns answers the names of simulated load balancers over UDP and TCP on loopback, and in process. It knows no load
// balancer: a lookup function does; nothing is forwarded to other servers. It imports the standard library and a DNS codec.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Lookup finds the addresses of a name in lower case without a final dot. It reports false for a name that does not exist; a
// name may exist without addresses.
type Lookup func(name string) ([]netip.Addr, bool)

// Options configure a Server.
type Options struct {
	// Address is where to listen, host:port; empty means a free port of 127.0.0.1. Only loopback hosts are accepted.
	Address string
	// Zones are the domains that the server is the authority for: names in them that do not exist get NXDOMAIN, others are
	// refused. Empty means amazonaws.com.
	Zones []string
	// Lookup finds names, also such as are in no zone.
	Lookup Lookup
	// TTL of answers, in whole seconds; 0 means 1 s (a load balancer's is 60 s, which is long in a simulation).
	TTL time.Duration
}

// Server is a running DNS server.
type Server struct {
	lookup   Lookup
	zones    []string
	ttl      uint32
	address  netip.AddrPort
	udp, tcp *dns.Server
	done     sync.WaitGroup
}

// maxAnswers is how many addresses of one family an answer holds at most, as with an ALB.
const maxAnswers = 8

// Listen starts a server. Close it.
func Listen(o Options) (*Server, error) {
	if o.Lookup == nil {
		return nil, errors.New("dns: a lookup function is needed")
	}
	s := &Server{lookup: o.Lookup, ttl: uint32(o.TTL / time.Second)}
	if s.ttl == 0 {
		s.ttl = 1
	}
	if len(o.Zones) == 0 {
		o.Zones = []string{"amazonaws.com"}
	}
	for _, z := range o.Zones {
		s.zones = append(s.zones, dns.CanonicalName(z))
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	packets, listener, err := bind(o.Address)
	if err != nil {
		return nil, err
	}
	s.address = listener.Addr().(*net.TCPAddr).AddrPort()
	s.udp = &dns.Server{PacketConn: packets, Handler: s}
	s.tcp = &dns.Server{Listener: listener, Handler: s}
	for _, server := range []*dns.Server{s.udp, s.tcp} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		s.done.Go(func() { _ = server.ActivateAndServe() })
		<-started
	}
	return s, nil
}

// bindAttempts bounds the search for a port that is free for UDP and TCP alike.
const bindAttempts = 20

// bind opens the same port for both transports.
func bind(address string) (net.PacketConn, net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, fmt.Errorf("dns: listen on %q: %w", address, err)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return nil, nil, fmt.Errorf("dns: listen on %q: %s is not a loopback address", address, host)
	}
	for range bindAttempts {
		l, lerr := net.Listen("tcp", address)
		if lerr != nil {
			return nil, nil, fmt.Errorf("dns: %w", lerr)
		}
		p, perr := net.ListenPacket("udp", l.Addr().String())
		if perr == nil {
			return p, l, nil
		}
		_ = l.Close()
		if err = perr; port != "0" {
			break
		}
	}
	return nil, nil, fmt.Errorf("dns: %w", err)
}

// Address is where the server listens, for UDP and TCP.
func (s *Server) Address() netip.AddrPort { return s.address }

// Close stops the server and waits for it.
func (s *Server) Close() error {
	err := errors.Join(s.udp.Shutdown(), s.tcp.Shutdown())
	s.done.Wait()
	return err
}

// Lookup answers in process what the server would.
func (s *Server) Lookup(name string) ([]netip.Addr, bool) {
	return s.lookup(strings.ToLower(strings.TrimSuffix(name, ".")))
}

// Resolver is a resolver that asks this server, for the standard library's dialers.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.address.String())
	}}
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		m.SetRcode(q, dns.RcodeNotImplemented)
	} else {
		s.answer(m, q.Question[0])
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = max(size, int(o.UDPSize()))
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // a client that is gone asks again
}

func (s *Server) answer(m *dns.Msg, q dns.Question) {
	name := dns.CanonicalName(q.Name)
	zone := s.zone(name)
	addresses, exists := s.Lookup(q.Name)
	switch {
	case exists:
		m.Answer = s.records(q, addresses)
	case name == zone:
		if q.Qtype == dns.TypeSOA {
			m.Answer = []dns.RR{s.soa(zone)}
			return
		}
	case zone != "":
		m.Rcode = dns.RcodeNameError
	default:
		m.Authoritative = false
		m.Rcode = dns.RcodeRefused
		return
	}
	if len(m.Answer) == 0 && zone != "" {
		m.Ns = []dns.RR{s.soa(zone)}
	}
}

// zone is the zone of ours that a name is in, empty for none.
func (s *Server) zone(name string) string {
	for _, z := range s.zones {
		if dns.IsSubDomain(z, name) {
			return z
		}
	}
	return ""
}

func (s *Server) records(q dns.Question, addresses []netip.Addr) []dns.RR {
	var out []dns.RR
	for _, a := range addresses {
		h := dns.RR_Header{Name: q.Name, Class: dns.ClassINET, Ttl: s.ttl}
		switch {
		case len(out) == maxAnswers:
		case a.Is4() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY):
			h.Rrtype = dns.TypeA
			out = append(out, &dns.A{Hdr: h, A: a.AsSlice()})
		case a.Is6() && (q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY):
			h.Rrtype = dns.TypeAAAA
			out = append(out, &dns.AAAA{Hdr: h, AAAA: a.AsSlice()})
		}
	}
	return out
}

// soa is what makes negative answers cacheable, for as short as positive ones.
func (s *Server) soa(zone string) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: s.ttl},
		Ns:  "ns." + zone, Mbox: "hostmaster." + zone, Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: s.ttl,
	}
}
