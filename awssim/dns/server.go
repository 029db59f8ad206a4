// Package dns speaks DNS over UDP and TCP on loopback. A function answers what names exist; nothing is forwarded to
// other servers. It imports the standard library and a DNS codec.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options configure a Server.
type Options struct {
	// Address is where to listen, host:port; empty means a free port of 127.0.0.1. Only loopback hosts are accepted.
	Address string
	// Answer answers questions; it may be called by several goroutines at a time.
	Answer func(Question) Answer
	// MaxTTL bounds the time to live of all that is answered, in whole seconds, for clients that must see changes soon; 0:
	// none.
	MaxTTL time.Duration
}

// Server is a running DNS server.
type Server struct {
	answer   func(Question) Answer
	maxTTL   uint32
	address  netip.AddrPort
	udp, tcp *dns.Server
	done     sync.WaitGroup
}

// Listen starts a server. Close it.
func Listen(o Options) (*Server, error) {
	if o.Answer == nil {
		return nil, errors.New("dns: a function that answers is needed")
	}
	s := &Server{answer: o.Answer, maxTTL: uint32(o.MaxTTL / time.Second)}
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

// Resolver is a resolver that uses this server, for the standard library's dialers.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.address.String())
	}}
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := s.reply(q)
	size := dns.MinMsgSize
	if o := q.IsEdns0(); o != nil {
		size = max(size, int(o.UDPSize()))
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // a client that got no answer tries again
}

func (s *Server) reply(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		return m.SetRcode(q, dns.RcodeNotImplemented)
	}
	from, subnet := clientSubnet(q)
	a := s.answer(Question{Name: canonical(q.Question[0].Name), Type: dns.TypeToString[q.Question[0].Qtype], From: from})
	m.Rcode = a.Status.rcode()
	m.Authoritative = a.Authoritative
	m.Answer, m.Ns = s.records(a.Records), s.records(a.Authority)
	if len(m.Answer) > 0 && m.Answer[0].Header().Name != q.Question[0].Name {
		for _, r := range m.Answer { // in the spelling of the question, as clients that mix cases expect
			if dns.CanonicalName(r.Header().Name) == dns.CanonicalName(q.Question[0].Name) {
				r.Header().Name = q.Question[0].Name
			}
		}
	}
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(o.UDPSize(), o.Do())
		if subnet != nil {
			e := m.IsEdns0()
			e.Option = append(e.Option, &dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: subnet.Family, SourceNetmask: subnet.SourceNetmask,
				SourceScope: subnet.SourceNetmask, Address: subnet.Address,
			})
		}
	}
	return m
}

// clientSubnet is the client subnet of a question (RFC 7871).
func clientSubnet(q *dns.Msg) (netip.Addr, *dns.EDNS0_SUBNET) {
	o := q.IsEdns0()
	if o == nil {
		return netip.Addr{}, nil
	}
	for _, option := range o.Option {
		if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
			from, _ := netip.AddrFromSlice(subnet.Address)
			return from.Unmap(), subnet
		}
	}
	return netip.Addr{}, nil
}

// records puts records into wire form; what is none is left out.
func (s *Server) records(in []Record) []dns.RR {
	var out []dns.RR
	for _, r := range in {
		ttl := r.TTL
		if s.maxTTL > 0 {
			ttl = min(ttl, s.maxTTL)
		}
		rr, err := parse(r, ttl, s.maxTTL)
		if err == nil && rr != nil {
			out = append(out, rr)
		}
	}
	return out
}
