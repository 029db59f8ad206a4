package dns_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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
	at := func(name, kind string, values ...string) []dns.Record {
		var out []dns.Record
		for _, v := range values {
			out = append(out, dns.Record{Name: name, Type: kind, TTL: 60, Value: v})
		}
		return out
	}
	var addresses []string
	for _, a := range many {
		addresses = append(addresses, a.String())
	}
	soa := at("amazonaws.com.", "SOA", "ns.amazonaws.com. hostmaster.amazonaws.com. 1 7200 900 1209600 86400")
	records := map[string][]dns.Record{
		"web-1.us-west-2.elb.amazonaws.com. A":     at("web-1.us-west-2.elb.amazonaws.com.", "A", "127.70.1.2"),
		"dual-1.us-west-2.elb.amazonaws.com. AAAA": at("dual-1.us-west-2.elb.amazonaws.com.", "AAAA", "::ffff:127.70.1.3"),
		"many-1.us-west-2.elb.amazonaws.com. A":    at("many-1.us-west-2.elb.amazonaws.com.", "A", addresses...),
		"amazonaws.com. SOA":                       soa,
		`\052.example.com. TXT`:                    at(`\052.example.com.`, "TXT", `"a\040b" "c"`),
		"www.example.com. CNAME":                   at("www.example.com.", "CNAME", "web.example.net"),
	}
	s, err := dns.Listen(dns.Options{MaxTTL: 5 * time.Second, Answer: func(q dns.Question) dns.Answer {
		if q.Name == "who.example.com." && q.From.IsValid() {
			return dns.Answer{Records: at(q.Name, "A", q.From.String())}
		}
		found := dns.Answer{Records: records[q.Name+" "+q.Type], Authoritative: true}
		switch {
		case len(found.Records) > 0:
		case strings.HasPrefix(q.Name, "web-1."), strings.HasPrefix(q.Name, "dual-1."):
			found.Authority = soa
		case strings.HasSuffix(q.Name, "amazonaws.com."):
			found.Status, found.Authority = dns.NoName, soa
		default:
			found.Status, found.Authoritative = dns.Refused, false
		}
		return found
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
		{"many-1.us-west-2.elb.amazonaws.com.", wire.TypeA, wire.RcodeSuccess, nil, 12, false},
		{"gone-1.us-west-2.elb.amazonaws.com.", wire.TypeA, wire.RcodeNameError, nil, 0, true},
		{"amazonaws.com.", wire.TypeSOA, wire.RcodeSuccess, nil, 1, false},
		{"www.example.com.", wire.TypeCNAME, wire.RcodeSuccess, nil, 1, false},
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
				if h := r.Header(); h.Ttl != 5 || !strings.EqualFold(h.Name, tc.name) {
					t.Errorf("%s: TTL %d of %s", tc.name, h.Ttl, h.Name)
				}
			}
			if m.Rcode != tc.rcode || len(m.Answer) != tc.records || tc.answers != nil && !slices.Equal(got, tc.answers) ||
				(len(m.Ns) == 1) != tc.soa {
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
		if s, err := dns.Listen(dns.Options{Address: address, Answer: func(dns.Question) dns.Answer {
			return dns.Answer{}
		}}); err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", address)
		}
	}
}

func exchange(t *testing.T, s *dns.Server, m *wire.Msg) *wire.Msg {
	t.Helper()
	var c wire.Client
	answer, _, err := c.Exchange(m, s.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestEscapesAreThoseOfTheCallers(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := exchange(t, s, new(wire.Msg).SetQuestion("*.example.com.", wire.TypeTXT))
	if txt, ok := m.Answer[0].(*wire.TXT); !ok || !slices.Equal(txt.Txt, []string{"a b", "c"}) ||
		txt.Hdr.Name != "*.example.com." {
		t.Errorf("got %v", m)
	}
	m = exchange(t, s, new(wire.Msg).SetQuestion("www.example.com.", wire.TypeCNAME))
	if cname, ok := m.Answer[0].(*wire.CNAME); !ok || cname.Target != "web.example.net." {
		t.Errorf("got %v", m)
	}
}

func TestAQuestionHasItsClientSubnet(t *testing.T) {
	t.Parallel()
	s := start(t)
	q := new(wire.Msg).SetQuestion("who.example.com.", wire.TypeA).SetEdns0(1232, false)
	q.IsEdns0().Option = []wire.EDNS0{&wire.EDNS0_SUBNET{Code: wire.EDNS0SUBNET, Family: 1, SourceNetmask: 32,
		Address: net.IPv4(10, 0, 1, 2)}}
	m := exchange(t, s, q)
	if a, ok := m.Answer[0].(*wire.A); !ok || a.A.String() != "10.0.1.2" || m.IsEdns0() == nil ||
		len(m.IsEdns0().Option) != 1 {
		t.Errorf("got %v", m)
	}
}

func TestTheMinimumOfANegativeAnswerIsBounded(t *testing.T) {
	t.Parallel()
	m := exchange(t, start(t), new(wire.Msg).SetQuestion("gone.amazonaws.com.", wire.TypeA))
	if soa, ok := m.Ns[0].(*wire.SOA); !ok || soa.Minttl != 5 || soa.Hdr.Ttl != 5 {
		t.Errorf("got %v", m)
	}
}

func TestOddMessagesGetAnAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	if m := exchange(t, s, new(wire.Msg).SetNotify("example.com.")); m.Rcode != wire.RcodeNotImplemented {
		t.Errorf("got %v", m)
	}
}
