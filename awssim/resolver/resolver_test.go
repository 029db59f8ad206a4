package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/dns"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	theVPC = "vpc-0a1de000000000001"
	alb    = "web-1234567890.us-west-2.elb.amazonaws.com."
	nlb    = "net-0123456789abcdef.elb.us-west-2.amazonaws.com."
)

// In private subnets of the zones a and b, and outside of any.
var inA, inB, outside = netip.MustParseAddr("10.0.128.9"), netip.MustParseAddr("10.0.144.9"), netip.Addr{}

// world is a built-in account with a load balancer of each type.
type world struct {
	*Resolver
	t       *testing.T
	account *account.Account
	zone    *hostedzone.Zone // example.com.
	nodes   map[string][]Node
	draw    int // what Random gives, modulo n
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, nodes: map[string][]Node{}}
	w.account = account.New("123456789012", "us-west-2", clock.NewStepped(time.Unix(1_700_000_000, 0)), account.Instant())
	if err := seed.Default().Apply(w.account); err != nil {
		t.Fatal(err)
	}
	w.zone = w.account.HostedZones["Z0A1DE00000001"]
	for arn, lb := range map[string]*account.LoadBalancer{
		"arn:alb": {Type: "application", DNSName: alb[:len(alb)-1]}, "arn:nlb": {Type: "network", DNSName: nlb[:len(nlb)-1]},
	} {
		lb.ARN, lb.Name, lb.Attributes = arn, arn[4:], map[string]string{}
		lb.Zones = []account.Zone{{Name: "us-west-2a"}, {Name: "us-west-2b"}}
		w.account.AddLoadBalancer(lb)
		for i, z := range lb.Zones {
			w.nodes[arn] = append(w.nodes[arn], Node{
				Zone: z.Name, InService: true, Outside: []netip.Addr{netip.MustParseAddr("127.70.0.1"),
					netip.MustParseAddr("::ffff:127.70.0.1")},
				Inside: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(len(arn) + int(lb.Type[0])), byte(10 + i)})},
			})
		}
	}
	w.Resolver = New(Options{
		Account: w.account, Nodes: func(arn string) []Node { return w.nodes[arn] },
		Accelerators: func(name string, _ bool) ([]netip.Addr, bool) {
			return []netip.Addr{netip.MustParseAddr("127.71.0.1"), netip.MustParseAddr("127.71.0.2")},
				name == "a1.awsglobalaccelerator.com"
		},
		Others: func(name string) ([]netip.Addr, bool) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, name == "idp.example.com"
		},
		Random: func(n int) int { return w.draw % n },
	})
	return w
}

// set puts record sets into a zone.
func (w *world) set(z *hostedzone.Zone, sets ...*hostedzone.RecordSet) {
	w.t.Helper()
	for _, s := range sets {
		name, err := domainname.Canonical(s.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		s.Name = name
	}
	w.account.SetRecords(z, append(slices.Clone(z.Records()), sets...), "")
}

func record(name, kind string, values ...string) *hostedzone.RecordSet {
	return &hostedzone.RecordSet{Name: name, Type: kind, TTL: 300, Values: values}
}

func alias(name, kind, zone, target string) *hostedzone.RecordSet {
	return &hostedzone.RecordSet{Name: name, Type: kind, Alias: &hostedzone.Alias{HostedZoneID: zone, DNSName: target,
		EvaluateTargetHealth: true}}
}

func routed(s *hostedzone.RecordSet, id string, r hostedzone.Routing) *hostedzone.RecordSet {
	s.SetIdentifier, s.Routing = id, r
	return s
}

// ask gives an answer as "status: name TTL type value, …", records sorted.
func (w *world) ask(name, kind string, from netip.Addr) string {
	canonical, err := domainname.Canonical(name)
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.Answer(dns.Question{Name: canonical, Type: kind, From: from})
	text := map[dns.Status]string{dns.Found: "found", dns.NoName: "no name", dns.Refused: "refused"}[a.Status]
	var records []string
	for _, r := range a.Records {
		records = append(records, fmt.Sprintf("%s %d %s %s", r.Name, r.TTL, r.Type, r.Value))
	}
	if a.Records == nil && a.Status != dns.Refused && (len(a.Authority) != 1 || a.Authority[0].Type != "SOA") {
		w.t.Errorf("%s %s: a negative answer without SOA: %+v", name, kind, a)
	}
	slices.Sort(records)
	return strings.TrimSpace(text + ": " + strings.Join(records, ", "))
}

func TestNamesOfLoadBalancers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account.LoadBalancers["arn:nlb"].Attributes["dns_record.client_routing_policy"] = "availability_zone_affinity"
	n := func(name string, host byte) string {
		i := slices.Index([]string{alb, nlb}, strings.TrimPrefix(name, "dualstack."))
		return fmt.Sprintf("%s 60 A %s", name, w.nodes[[]string{"arn:alb", "arn:nlb"}[max(i, 0)]][host].Inside[0])
	}
	for _, tt := range []struct {
		name, kind string
		from       netip.Addr
		want       string
	}{
		{alb, "A", outside, "found: " + alb + " 60 A 127.70.0.1"},
		{strings.ToUpper(alb), "A", outside, "found: " + alb + " 60 A 127.70.0.1"},
		{"dualstack." + alb, "AAAA", outside, "found: dualstack." + alb + " 60 AAAA ::ffff:127.70.0.1"},
		{alb, "ANY", outside, "found: " + alb + " 60 A 127.70.0.1, " + alb + " 60 AAAA ::ffff:127.70.0.1"},
		{alb, "TXT", outside, "found:"},
		{alb, "A", inA, "found: " + n(alb, 0) + ", " + n(alb, 1)},
		{nlb, "A", inA, "found: " + n(nlb, 0)},
		{nlb, "A", inB, "found: " + n(nlb, 1)},
		{"us-west-2b." + nlb, "A", outside, "found: us-west-2b." + nlb + " 60 A 127.70.0.1"},
		{"us-west-2c." + nlb, "A", outside, "no name:"},
		{"us-west-2a." + alb, "A", outside, "no name:"},
		{"dualstack." + nlb, "A", outside, "no name:"},
		{"gone-1.us-west-2.elb.amazonaws.com", "A", outside, "no name:"},
		{"a1.awsglobalaccelerator.com", "A", outside, "found: a1.awsglobalaccelerator.com. 300 A 127.71.0.1, " +
			"a1.awsglobalaccelerator.com. 300 A 127.71.0.2"},
		{"a2.awsglobalaccelerator.com", "A", outside, "no name:"},
		{"idp.example.com", "A", outside, "found: idp.example.com. 60 A 127.0.0.1"},
		{"example.org", "A", outside, "refused:"},
	} {
		if got := w.ask(tt.name, tt.kind, tt.from); got != tt.want {
			t.Errorf("%s %s from %v:\ngot  %s\nwant %s", tt.name, tt.kind, tt.from, got, tt.want)
		}
	}
}

func TestAZoneThatFailsLeavesDNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nodes["arn:nlb"][0].InService = false
	if got, want := w.ask(nlb, "A", inA), "found: "+nlb+" 60 A "+w.nodes["arn:nlb"][1].Inside[0].String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.ask("us-west-2a."+nlb, "A", inA); got != "no name:" {
		t.Errorf("the zone's own name: %s", got)
	}
	w.account.LoadBalancers["arn:nlb"].Attributes["dns_record.client_routing_policy"] = "availability_zone_affinity"
	if got := w.ask(nlb, "A", inA); got == "no name:" {
		t.Error("affinity to a failed zone hides the load balancer")
	}
	w.nodes["arn:nlb"] = nil // it does not serve any more
	if got := w.ask(nlb, "A", inA); got != "no name:" {
		t.Errorf("deleted: %s", got)
	}
}

func TestPartialAffinityPrefersTheOwnZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account.LoadBalancers["arn:nlb"].Attributes["dns_record.client_routing_policy"] =
		"partial_availability_zone_affinity"
	for draw, want := range map[int]int{0: 1, 84: 1, 85: 2, 99: 2} {
		w.draw = draw
		if got := strings.Count(w.ask(nlb, "A", inA), " A "); got != want {
			t.Errorf("at %d of 100: %d addresses, want %d", draw, got, want)
		}
	}
}

func TestHostedZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set(w.zone,
		record("www.example.com", "CNAME", "web.example.com"), record("web.example.com", "A", "192.0.2.1", "192.0.2.2"),
		record("*.wild.example.com", "TXT", `"w"`), record("a.b.wild.example.com", "A", "192.0.2.3"),
		record("out.example.com", "CNAME", "www.example.net"),
		record("sub.example.com", "NS", "ns.example.net"), record("loop.example.com", "CNAME", "loop.example.com"),
		alias("shop.example.com", "A", "Z1H1FL5HABSF5", "dualstack."+alb), alias("shop.example.com", "AAAA",
			"Z1H1FL5HABSF5", alb),
		alias("same.example.com", "A", w.zone.ID, "shop.example.com."), alias("ga.example.com", "A", "Z2BJ6XQ5FK7U4H",
			"a1.awsglobalaccelerator.com."),
	)
	for _, tt := range []struct{ name, kind, want string }{
		{"web.example.com", "A", "found: web.example.com. 300 A 192.0.2.1, web.example.com. 300 A 192.0.2.2"},
		{"web.example.com", "AAAA", "found:"},
		{"none.example.com", "A", "no name:"},
		{"www.example.com", "A", "found: web.example.com. 300 A 192.0.2.1, web.example.com. 300 A 192.0.2.2, " +
			"www.example.com. 300 CNAME web.example.com"},
		{"www.example.com", "CNAME", "found: www.example.com. 300 CNAME web.example.com"},
		{"out.example.com", "A", "found: out.example.com. 300 CNAME www.example.net"},
		{"x.y.wild.example.com", "TXT", `found: x.y.wild.example.com. 300 TXT "w"`},
		{"x.wild.example.com", "A", "found:"},
		{"b.wild.example.com", "TXT", "found:"},
		{"c.b.wild.example.com", "TXT", "no name:"},
		{"*.wild.example.com", "TXT", `found: \052.wild.example.com. 300 TXT "w"`},
		{"shop.example.com", "A", "found: shop.example.com. 60 A 127.70.0.1"},
		{"shop.example.com", "AAAA", "found: shop.example.com. 60 AAAA ::ffff:127.70.0.1"},
		{"same.example.com", "A", "found: same.example.com. 60 A 127.70.0.1"},
		{"ga.example.com", "A", "found: ga.example.com. 300 A 127.71.0.1, ga.example.com. 300 A 127.71.0.2"},
	} {
		if got := w.ask(tt.name, tt.kind, outside); got != tt.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tt.name, tt.kind, got, tt.want)
		}
	}
	a := w.Answer(dns.Question{Name: "x.sub.example.com.", Type: "A"})
	if a.Authoritative || len(a.Authority) != 1 || a.Authority[0].Value != "ns.example.net" {
		t.Errorf("a delegated name: %+v", a)
	}
	if a := w.Answer(dns.Question{Name: "loop.example.com.", Type: "A"}); len(a.Records) == 0 || len(a.Records) > maxHops {
		t.Errorf("a loop: %+v", a)
	}
}

func TestPrivateZonesAnswerTheirVPCsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	private := &hostedzone.Zone{Name: "example.com.", Private: true, VPCs: []hostedzone.VPC{
		{ID: theVPC, Region: "us-west-2"}}}
	w.account.AddHostedZone(private)
	w.set(private, record("db.example.com", "A", "10.0.128.77"))
	w.set(w.zone, record("web.example.com", "A", "192.0.2.1"))
	for _, tt := range []struct {
		name string
		from netip.Addr
		want string
	}{
		{"db.example.com", inA, "found: db.example.com. 300 A 10.0.128.77"},
		{"db.example.com", outside, "no name:"},
		{"db.example.com", netip.MustParseAddr("192.0.2.7"), "no name:"},
		{"web.example.com", outside, "found: web.example.com. 300 A 192.0.2.1"},
		{"web.example.com", inA, "no name:"}, // the private zone hides the public one
	} {
		if got := w.ask(tt.name, "A", tt.from); got != tt.want {
			t.Errorf("%s from %v: got %s, want %s", tt.name, tt.from, got, tt.want)
		}
	}
}

// serve makes the load balancer forward to a group with one target of that health; "" leaves the group empty.
func (w *world) serve(arn, state string) {
	tg := &account.TargetGroup{ARN: "arn:group/" + arn, Name: arn[4:], TargetType: "ip", HealthCheck: account.HealthCheck{
		Enabled: true}}
	w.account.AddTargetGroup(tg)
	forward := &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Literal: tg.ARN}}}}
	rule := &account.Rule{ARN: "arn:rule/" + arn, Default: true, Actions: []account.Action{
		{Action: stack.Action{Forward: forward}}}}
	w.account.AddListener(&account.Listener{ARN: "arn:listener/" + arn, LoadBalancer: w.account.LoadBalancers[arn],
		Port: 80, Protocol: "HTTP"}, rule)
	if state != "" {
		tg.AddTarget(&account.Target{ID: "192.0.2.50", Port: 80, Zone: "all", Reported: &account.Health{State: state}})
	}
}

func TestRoutingPolicies(t *testing.T) {
	t.Parallel()
	weight := func(n int64) hostedzone.Routing { return hostedzone.Routing{Weight: &n} }
	yes := true
	for _, tt := range []struct {
		name     string
		sets     []*hostedzone.RecordSet
		alb, nlb string // health of their targets
		draw     int
		want     string
	}{
		{"weighted, first", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", weight(3)),
			routed(record("r.example.com", "A", "192.0.2.2"), "b", weight(1))}, "", "", 2, "192.0.2.1"},
		{"weighted, second", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", weight(3)),
			routed(record("r.example.com", "A", "192.0.2.2"), "b", weight(1))}, "", "", 3, "192.0.2.2"},
		{"weightless", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", weight(0)),
			routed(record("r.example.com", "A", "192.0.2.2"), "b", weight(0))}, "", "", 1, "192.0.2.2"},
		{"weighted, unhealthy", []*hostedzone.RecordSet{routed(alias("r.example.com", "A", "Z1H1FL5HABSF5", alb), "a",
			weight(255)), routed(record("r.example.com", "A", "192.0.2.2"), "b", weight(1))}, "unhealthy", "", 0, "192.0.2.2"},
		{"empty groups are unhealthy", []*hostedzone.RecordSet{routed(alias("r.example.com", "A", "Z1H1FL5HABSF5", alb), "a",
			weight(255)), routed(record("r.example.com", "A", "192.0.2.2"), "b", weight(1))}, "", "", 0, "192.0.2.2"},
		{"primary", []*hostedzone.RecordSet{routed(alias("r.example.com", "A", "Z1H1FL5HABSF5", alb), "a", hostedzone.Routing{
			Failover: "PRIMARY"}), routed(record("r.example.com", "A", "192.0.2.2"), "b", hostedzone.Routing{
			Failover: "SECONDARY"})}, "healthy", "", 0, "127.70.0.1"},
		{"secondary", []*hostedzone.RecordSet{routed(alias("r.example.com", "A", "Z1H1FL5HABSF5", alb), "a",
			hostedzone.Routing{Failover: "PRIMARY"}), routed(record("r.example.com", "A", "192.0.2.2"), "b", hostedzone.Routing{
			Failover: "SECONDARY"})}, "unhealthy", "", 0, "192.0.2.2"},
		{"all unhealthy", []*hostedzone.RecordSet{routed(alias("r.example.com", "A", "Z1H1FL5HABSF5", alb), "a",
			hostedzone.Routing{Failover: "PRIMARY"}), routed(alias("r.example.com", "A", "Z18D5FSROUN65G", nlb), "b",
			hostedzone.Routing{Failover: "SECONDARY"})}, "unhealthy", "unhealthy", 0, "127.70.0.1"},
		{"latency", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", hostedzone.Routing{
			Region: "eu-west-1"}), routed(record("r.example.com", "A", "192.0.2.2"), "b", hostedzone.Routing{
			Region: "us-west-2"})}, "", "", 0, "192.0.2.2"},
		{"default location", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a",
			hostedzone.Routing{Country: "DE"}), routed(record("r.example.com", "A", "192.0.2.2"), "b", hostedzone.Routing{
			Country: "*"})}, "", "", 0, "192.0.2.2"},
		{"no location", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", hostedzone.Routing{
			Country: "DE"})}, "", "", 0, ""},
		{"several values", []*hostedzone.RecordSet{routed(record("r.example.com", "A", "192.0.2.1"), "a", hostedzone.Routing{
			MultiValue: &yes}), routed(record("r.example.com", "A", "192.0.2.2"), "b", hostedzone.Routing{MultiValue: &yes})},
			"", "", 0, "192.0.2.1 192.0.2.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.serve("arn:alb", tt.alb)
			w.serve("arn:nlb", tt.nlb)
			w.set(w.zone, tt.sets...)
			w.draw = tt.draw
			got, exists := w.Addresses("r.example.com", outside)
			var texts []string
			for _, a := range got {
				texts = append(texts, a.String())
			}
			slices.Sort(texts)
			if !exists || strings.Join(texts, " ") != tt.want {
				t.Errorf("got %v, %v; want %s", got, exists, tt.want)
			}
		})
	}
}
