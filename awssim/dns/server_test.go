package dns_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	wire "github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/k8s-lbc/lbc/awssim/dns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *dns.Server {
	t.Helper()
	many := make([]netip.Addr, 12)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{127, 70, 0, byte(i)})
	}
	names := map[string][]netip.Addr{
		"web-1.us-west-2.elb.amazonaws.com":  {netip.MustParseAddr("127.70.1.2")},
		"dual-1.us-west-2.elb.amazonaws.com": {netip.MustParseAddr("127.70.1.3"), netip.MustParseAddr("::ffff:127.70.1.3")},
		"many-1.us-west-2.elb.amazonaws.com": many,
		"www.example.com":                    {netip.MustParseAddr("127.70.1.2")},
	}
	s, err := dns.Listen(dns.Options{Lookup: func(name string) ([]netip.Addr, bool) {
		a, ok := names[name]
		return a, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, tc := range []struct {
		name    string
		kind    uint16
		rcode   int
		answers []string
		records int
		soa     bool
	}{
		{"web-1.us-west-2.elb.amazonaws.com.", wire.TypeA, wire.RcodeSuccess, []string{"127.70.1.2"}, 1, false},
		{"WEB-1.us-west-2.ELB.amazonaws.com.", wire.TypeA, wire.RcodeSuccess, []string{"127.70.1.2"}, 1, false},
		{"web-1.us-west-2.elb.amazonaws.com.", wire.TypeAAAA, wire.RcodeSuccess, nil, 0, true},
		{"dual-1.us-west-2.elb.amazonaws.com.", wire.TypeAAAA, wire.RcodeSuccess, []string{"127.70.1.3"}, 1, false},
		{"many-1.us-west-2.elb.amazonaws.com.", wire.TypeA, wire.RcodeSuccess, nil, 8, false},
		{"gone-1.us-west-2.elb.amazonaws.com.", wire.TypeA, wire.RcodeNameError, nil, 0, true},
		{"amazonaws.com.", wire.TypeSOA, wire.RcodeSuccess, nil, 1, false},
		{"www.example.com.", wire.TypeA, wire.RcodeSuccess, []string{"127.70.1.2"}, 1, false},
		{"example.org.", wire.TypeA, wire.RcodeRefused, nil, 0, false},
	} {
		for _, network := range []string{"udp", "tcp"} {
			c := wire.Client{Net: network}
			m, _, err := c.Exchange(new(wire.Msg).SetQuestion(tc.name, tc.kind), s.Address().String())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range m.Answer {
				switch r := r.(type) {
				case *wire.A:
					got = append(got, r.A.String())
				case *wire.AAAA:
					got = append(got, r.AAAA.String())
				}
			}
			if m.Rcode != tc.rcode || len(m.Answer) != tc.records || tc.answers != nil && !slices.Equal(got, tc.answers) || (len(m.Ns) == 1) != tc.soa {
				t.Errorf("%s %s over %s:\n%v", tc.name, wire.TypeToString[tc.kind], network, m)
			}
		}
	}
}

func TestTheStandardResolverUnderstandsTheServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	got, err := s.Resolver().LookupNetIP(t.Context(), "ip", "web-1.us-west-2.elb.amazonaws.com")
	if err != nil || len(got) != 1 || got[0].Unmap().String() != "127.70.1.2" {
		t.Errorf("%v, %v", got, err)
	}
	_, err = s.Resolver().LookupNetIP(t.Context(), "ip", "gone-1.us-west-2.elb.amazonaws.com")
	var missing *net.DNSError
	if !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("a deleted load balancer: %v", err)
	}
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:53", "nonsense"} {
		if s, err := dns.Listen(dns.Options{Address: address, Lookup: func(string) ([]netip.Addr, bool) { return nil, false }}); err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", address)
		}
	}
}
