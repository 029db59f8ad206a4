package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	servicefront "github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// service makes the load balancer of a Service with one port.
func service(protocol string, change ...func(*intent.Member, *intent.TargetGroup)) intent.LoadBalancer {
	o := diag.Object{Kind: "Service", Namespace: "n", Name: "s"}
	g := targetGroup(o, "s")
	g.ID, g.Protocol, g.ProtocolVersion = "n/s:80", protocol, ""
	g.HealthCheck = stack.HealthCheck{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 10, TimeoutSeconds: 10,
		HealthyThreshold: 3, UnhealthyThreshold: 3}
	m := intent.Member{Object: o, Listeners: []intent.Listener{{
		Port: 80, Protocol: protocol, Default: forwardTo(g), TransportProtocols: []string{strings.ToLower(protocol)},
	}}}
	for _, c := range change {
		c(&m, g)
	}
	return intent.LoadBalancer{
		Key: stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "n", Name: "s"}}, Type: stack.Network,
		Names: servicefront.Names{ServiceUID: "uid-s"}, KeepsScheme: true, RefusesIPv6Ranges: true, ICMPFromPrefixLists: true,
		Members: []intent.Member{m},
	}
}

// admitted shows networking rules as "sources → protocol port".
func admitted(rules []stack.NetworkingRule) []string {
	var out []string
	for _, r := range rules {
		from := append([]string(nil), r.FromCIDRs...)
		for _, g := range r.FromGroups {
			from = append(from, g.ID+g.Literal)
		}
		var ports []string
		for _, p := range r.Ports {
			ports = append(ports, strings.TrimSpace(p.Protocol+" "+p.Port))
		}
		out = append(out, strings.Join(from, ",")+" → "+strings.Join(ports, ","))
	}
	return out
}

func TestWhatTargetsAdmitFromAnALB(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*intent.TargetGroup)
		open   bool
		want   []string
	}{
		"traffic port": {func(*intent.TargetGroup) {}, false, []string{"backend-sg → TCP 8080"}},
		"health check": {func(g *intent.TargetGroup) { g.HealthCheck.Port = "9000" }, false, []string{"backend-sg → TCP 8080",
			"backend-sg → TCP 9000"}},
		"control port": {func(g *intent.TargetGroup) { g.ControlPort = 3000 }, false, []string{"backend-sg → TCP 8080",
			"backend-sg → TCP 3000"}},
		"named port": {func(g *intent.TargetGroup) { g.TargetPort, g.Port = "web", 1 }, false,
			[]string{"backend-sg → TCP web"}},
		"unrestricted": {func(g *intent.TargetGroup) { g.HealthCheck.Port = "9000" }, true, []string{"backend-sg → TCP"}},
	}
	for name, c := range cases {
		cfg := config()
		cfg.DisableRestrictedSecurityGroups = c.open
		m := ingress("n", "a")
		c.change(m.Routes[0].Actions[0].Backends[0].TargetGroup)
		same(t, name, admitted(mustBuild(t, Compile(loadBalancer(m), account(), cfg, nil)).Bindings[0].Networking), c.want)
	}
}

func TestWhatTargetsAdmitFromAnNLBWithSecurityGroups(t *testing.T) {
	t.Parallel()
	cases := []struct {
		protocol, health string
		open             bool
		want             string
	}{
		{"TCP", "traffic-port", false, "TCP 8080"},
		{"TCP", "8080", false, "TCP 8080"},
		{"TLS", "9000", false, "TCP 8080,TCP 9000"},
		{"UDP", "traffic-port", false, "UDP 8080,TCP 8080"},
		{"UDP", "9000", false, "UDP 8080,TCP 9000"},
		{"TCP_UDP", "traffic-port", false, "UDP 8080,TCP 8080"},
		{"TCP_UDP", "9000", false, "UDP 8080,TCP 8080,TCP 9000"},
		{"TCP", "9000", true, "TCP"},
		{"UDP", "9000", true, "TCP,UDP"},
	}
	for _, c := range cases {
		cfg := config()
		cfg.DisableRestrictedSecurityGroups = c.open
		e := service(c.protocol, func(_ *intent.Member, g *intent.TargetGroup) { g.HealthCheck.Port = c.health })
		if c.protocol == "TLS" {
			e.Members[0].Listeners[0].Certificates = intent.Of([]string{certificate1}, intent.At(diag.Object{}, "x"))
		}
		same(t, fmt.Sprint(c), admitted(mustBuild(t, Compile(e, account(), cfg, nil)).Bindings[0].Networking),
			[]string{"backend-sg → " + c.want})
	}
}

func TestWhatTargetsAdmitFromAnNLBWithoutSecurityGroups(t *testing.T) {
	t.Parallel()
	const subnets = "10.0.32.0/20,10.0.48.0/20"
	type change = func(*intent.Member, *intent.TargetGroup)
	ranges := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Listeners[0].InboundCIDRs = set(m, "ranges", []string{"192.0.2.0/24"})
	}
	preserve := func(_ *intent.Member, g *intent.TargetGroup) {
		g.Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	}
	nodes := func(_ *intent.Member, g *intent.TargetGroup) {
		g.TargetType, g.Port, g.TargetPort = stack.TargetInstance, 30080, "30080"
	}
	hide := func(_ *intent.Member, g *intent.TargetGroup) {
		g.Attributes = map[string]string{"preserve_client_ip.enabled": "false"}
	}
	check := func(_ *intent.Member, g *intent.TargetGroup) { g.HealthCheck.Port = "9000" }
	public := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Scheme = set(m, "scheme", stack.InternetFacing)
	}
	unmanaged := func(m *intent.Member, _ *intent.TargetGroup) { m.Settings.ManageBackend = set(m, "manage", false) }
	cases := map[string]struct {
		protocol string
		change   []change
		want     []string
	}{
		"the load balancer's own addresses": {"TCP", nil, []string{subnets + " → TCP 8080"}},
		"and health checks elsewhere": {"TCP", []change{check}, []string{subnets + " → TCP 8080", subnets +
			" → TCP 9000"}},
		"clients of the VPC":   {"TCP", []change{preserve}, []string{"10.0.0.0/16 → TCP 8080"}},
		"clients of the world": {"TCP", []change{preserve, public}, []string{"0.0.0.0/0 → TCP 8080"}},
		"restricted clients": {"TCP", []change{preserve, ranges}, []string{"192.0.2.0/24 → TCP 8080", subnets +
			" → TCP 8080"}},
		"nodes see their clients": {"TCP", []change{nodes}, []string{"10.0.0.0/16 → TCP 30080"}},
		"nodes that do not":       {"TCP", []change{nodes, hide}, []string{subnets + " → TCP 30080"}},
		"datagrams":               {"UDP", nil, []string{"10.0.0.0/16 → UDP 8080", subnets + " → TCP 8080"}},
		"both": {"TCP_UDP", []change{ranges}, []string{"192.0.2.0/24 → TCP 8080,UDP 8080",
			subnets + " → TCP 8080"}},
		"unmanaged": {"TCP", []change{unmanaged}, nil},
	}
	for name, c := range cases {
		e := service(c.protocol, c.change...)
		e.Members[0].Settings.NoSecurityGroups = set(&e.Members[0], "disable-nlb-sg", true)
		s := mustBuild(t, Compile(e, account(), config(), nil))
		same(t, name, admitted(s.Bindings[0].Networking), c.want)
		if s.LoadBalancers[0].SecurityGroups != nil || len(s.SecurityGroups) > 0 {
			t.Errorf("%s: there are security groups: %v", name, s.SecurityGroups)
		}
	}
}

// TestTargetsAdmitByTheAttributeThatAWSKeeps has an attribute that the object no longer declares: AWS keeps its value, so
// the targets still see the addresses of clients, or still do not. Until the value is known, nothing is built.
func TestTargetsAdmitByTheAttributeThatAWSKeeps(t *testing.T) {
	t.Parallel()
	const subnets, vpc = "10.0.32.0/20,10.0.48.0/20", "10.0.0.0/16"
	nodes := func(_ *intent.Member, g *intent.TargetGroup) {
		g.TargetType, g.Port, g.TargetPort = stack.TargetInstance, 30080, "30080"
	}
	for _, c := range []struct {
		change []func(*intent.Member, *intent.TargetGroup)
		kept   map[string]string
		want   []string
	}{
		{nil, map[string]string{"preserve_client_ip.enabled": "true"}, []string{vpc + " → TCP 8080"}},
		{nil, map[string]string{"preserve_client_ip.enabled": "false"}, []string{subnets + " → TCP 8080"}},
		{nil, map[string]string{}, []string{subnets + " → TCP 8080"}},
		{[]func(*intent.Member, *intent.TargetGroup){nodes}, map[string]string{"preserve_client_ip.enabled": "false"},
			[]string{subnets + " → TCP 30080"}},
	} {
		e := service("TCP", c.change...)
		e.Members[0].Settings.NoSecurityGroups = set(&e.Members[0], "disable-nlb-sg", true)
		tg := mustBuild(t, Compile(e, account(), config(), nil)).TargetGroups[0]
		f := account()
		f.Existing = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.Internal,
			Families: map[string][]string{tg.ID: {stack.IPv4}}}
		r := Compile(e, f, config(), nil)
		need := facts.NeedGroupDetails(e.Key, tg.ID)
		if r.Stack != nil || !slices.Contains(r.Needs, need) {
			t.Errorf("%v: the value in AWS is not asked for: %v", c.kept, r.Needs)
		}
		failed := account()
		failed.Existing = f.Existing
		failed.Errors = map[facts.Need]error{need: errors.New("AWS does not answer")}
		if r := Compile(e, failed, config(), nil); r.Stack != nil || len(r.Diagnostics) == 0 {
			t.Errorf("%v: rules are changed although the value in AWS is not known: %v", c.kept, r.Stack)
		}
		f.Details = &facts.LoadBalancerDetails{Groups: map[string]facts.TargetGroupDetails{
			tg.ID: {Protocol: tg.Protocol, TargetType: tg.TargetType}},
			GroupAttributes: map[string]map[string]string{tg.ID: c.kept}}
		same(t, fmt.Sprint(c.kept), admitted(mustBuild(t, Compile(e, f, config(), nil)).Bindings[0].Networking), c.want)
	}
}

// TestRestrictionsWithoutSecurityGroupsAreTold has source ranges and prefix lists of an NLB without security groups: a
// warning says which restrict nobody, and the load balancer serves as with the existing controller.
func TestRestrictionsWithoutSecurityGroupsAreTold(t *testing.T) {
	t.Parallel()
	ranges := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Listeners[0].InboundCIDRs = set(m, "spec.loadBalancerSourceRanges", []string{"192.0.2.0/24"})
	}
	everybody := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Listeners[0].InboundCIDRs = set(m, "spec.loadBalancerSourceRanges", []string{"0.0.0.0/0"})
	}
	lists := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Listeners[0].PrefixLists = set(m, "prefix-lists", []string{"pl-0a"})
	}
	unmanaged := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.ManageBackend = set(m, "manage", false)
	}
	preserve := func(_ *intent.Member, g *intent.TargetGroup) {
		g.Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	}
	type change = func(*intent.Member, *intent.TargetGroup)
	for name, c := range map[string]struct {
		change []change
		want   string
	}{
		"targets see the balancer": {[]change{ranges}, "targets do not see the addresses of clients"},
		"targets see the clients":  {[]change{ranges, preserve}, ""},
		"rules by hand":            {[]change{ranges, preserve, unmanaged}, "does not manage the rules of its targets"},
		"no restriction":           {[]change{everybody}, ""},
		"prefix lists":             {[]change{lists, preserve}, "prefix lists restrict nobody"},
		"none":                     {nil, ""},
	} {
		for _, exists := range []bool{false, true} {
			e, f := service("TCP", c.change...), account()
			if exists { // it was created without security groups
				f.Existing = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.Internal, Subnets: []string{"subnet-0a2"}}
			} else {
				e.Members[0].Settings.NoSecurityGroups = set(&e.Members[0], "disable-nlb-sg", true)
			}
			r := Compile(e, f, config(), nil)
			mustBuild(t, r)
			var told []string
			for _, d := range r.Diagnostics {
				if d.Code == diag.GuardNotApplied {
					told = append(told, d.Text)
				}
			}
			if got := strings.Join(told, "\n"); c.want == "" && got != "" || len(told) > 1 || !strings.Contains(got, c.want) {
				t.Errorf("%s, exists %t: %q, want %q", name, exists, got, c.want)
			}
		}
	}
}

// TestUnrestrictedRulesOfNLBWithoutSecurityGroups has --disable-restricted-sg-rules
// set.
func TestUnrestrictedRulesOfNLBWithoutSecurityGroups(t *testing.T) {
	t.Parallel()
	const subnets = "10.0.32.0/20,10.0.48.0/20"
	cfg := config()
	cfg.DisableRestrictedSecurityGroups = true
	preserve := func(_ *intent.Member, g *intent.TargetGroup) {
		g.Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	}
	ranges := func(m *intent.Member, _ *intent.TargetGroup) {
		m.Listeners[0].InboundCIDRs = set(m, "ranges", []string{"192.0.2.0/24"})
	}
	check := func(_ *intent.Member, g *intent.TargetGroup) { g.HealthCheck.Port = "9000" }
	for name, c := range map[string]struct {
		protocol string
		change   []func(*intent.Member, *intent.TargetGroup)
		want     []string
	}{
		"its own addresses": {"TCP", []func(*intent.Member, *intent.TargetGroup){check}, []string{subnets + " → TCP"}},
		"restricted clients": {"TCP", []func(*intent.Member, *intent.TargetGroup){preserve, ranges},
			[]string{"192.0.2.0/24 → TCP 8080", subnets + " → TCP"}},
		"datagrams": {"UDP", nil, []string{"10.0.0.0/16 → UDP 8080", subnets + " → TCP"}},
	} {
		e := service(c.protocol, c.change...)
		e.Members[0].Settings.NoSecurityGroups = set(&e.Members[0], "disable-nlb-sg", true)
		same(t, name, admitted(mustBuild(t, Compile(e, account(), cfg, nil)).Bindings[0].Networking), c.want)
	}
}

func TestAnNLBKeepsTheSchemeAndTheLackOfGroupsThatItHas(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Network, Scheme: stack.InternetFacing, Subnets: []string{"subnet-0a1"}}
	s := mustBuild(t, Compile(service("TCP"), f, config(), nil))
	if lb := s.LoadBalancers[0]; lb.Scheme != stack.InternetFacing || lb.SecurityGroups != nil || len(lb.Subnets) != 1 {
		t.Errorf("%+v", lb)
	}
	replaced := service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.Scheme = set(m, "scheme", stack.Internal)
	})
	if lb := mustBuild(t, Compile(replaced, f, config(), nil)).LoadBalancers[0]; len(lb.SecurityGroups) != 2 {
		t.Errorf("a new load balancer has no groups: %+v", lb)
	}
	f.Existing.SecurityGroups = []string{"sg-0a"}
	off := service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
		m.Settings.NoSecurityGroups = set(m, "disable-nlb-sg", true)
	})
	if r := Compile(off, f, config(), nil); r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text,
		"AWS cannot remove the last security group") {
		t.Errorf("groups are taken away: %+v", r)
	}
}

func TestFixedAddressesOfAnNLB(t *testing.T) {
	t.Parallel()
	mappings := func(scheme string, in ...stack.SubnetMapping) intent.LoadBalancer {
		return service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
			m.Settings.Scheme, m.Settings.Mappings = set(m, "scheme", scheme), set(m, "mappings", in)
		})
	}
	s := mustBuild(t, Compile(mappings(stack.InternetFacing, stack.SubnetMapping{AllocationID: "e1"}, stack.SubnetMapping{
		AllocationID: "e2"}), account(), config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[0].Subnets); got != "[{subnet-0a1 e1   } {subnet-0b1 e2   }]" {
		t.Errorf("allocations: %s", got)
	}
	s = mustBuild(t, Compile(mappings(stack.Internal, stack.SubnetMapping{PrivateIPv4: "10.0.48.9"}, stack.SubnetMapping{
		PrivateIPv4: "10.0.32.9"}), account(), config(), nil))
	if got := fmt.Sprint(s.LoadBalancers[0].Subnets); got != "[{subnet-0a2  10.0.32.9  } {subnet-0b2  10.0.48.9  }]" {
		t.Errorf("private addresses: %s", got)
	}
	for text, e := range map[string]intent.LoadBalancer{
		"internet facing": mappings(stack.Internal, stack.SubnetMapping{AllocationID: "e1"}),
		"must match":      mappings(stack.InternetFacing, stack.SubnetMapping{AllocationID: "e1"}),
		"internal load":   mappings(stack.InternetFacing, stack.SubnetMapping{PrivateIPv4: "10.0.0.9"}),
		"dualstack":       mappings(stack.Internal, stack.SubnetMapping{IPv6: "2001:db8::1"}),
		"subnet-0b2": mappings(stack.Internal, stack.SubnetMapping{PrivateIPv4: "10.0.32.9"}, stack.SubnetMapping{
			PrivateIPv4: "10.9.0.9"}),
		"10.0.32.3 is reserved": mappings(stack.Internal, stack.SubnetMapping{PrivateIPv4: "10.0.48.9"},
			stack.SubnetMapping{PrivateIPv4: "10.0.32.3"}),
		"exactly one private IPv4 ": mappings(stack.Internal, stack.SubnetMapping{PrivateIPv4: "10.0.32.9"}, stack.SubnetMapping{
			PrivateIPv4: "x"}),
	} {
		if r := Compile(e, account(), config(), nil); r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text, text) {
			t.Errorf("%s: %+v", text, r.Diagnostics)
		}
	}
}

func TestPrefixesForSourceNATAreThoseOfTheSubnetsThatContainThem(t *testing.T) {
	t.Parallel()
	f := account()
	for id, s := range f.Subnets {
		s.IPv6CIDRs = []string{"2001:db8:0:" + id[len(id)-2:] + "::/64"}
		f.Subnets[id] = s
	}
	compiled := func(family string, prefixes ...string) Result {
		return Compile(service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
			list := make([]stack.SubnetMapping, len(prefixes))
			for i, p := range prefixes {
				list[i].SourceNATPrefix = p
			}
			m.Settings.Scheme, m.Settings.Mappings, m.Settings.SourceNAT = set(m, "scheme", stack.Internal),
				set(m, "mappings", list), set(m, "nat", "on")
			m.Settings.IPAddressType, m.Settings.PrivateLinkRules = set(m, "family", family), set(m, "private", "off")
		}), f, config(), nil)
	}
	const a, b = "2001:db8:0:a2:1::/80", "2001:db8:0:b2:1::/80"
	for _, c := range []struct{ given, want [2]string }{
		{[2]string{b, a}, [2]string{a, b}},
		{[2]string{"auto_assigned", a}, [2]string{a, "auto_assigned"}},
		{[2]string{"auto_assigned", "auto_assigned"}, [2]string{"auto_assigned", "auto_assigned"}},
	} {
		lb := mustBuild(t, compiled(stack.Dualstack, c.given[:]...)).LoadBalancers[0]
		if lb.Subnets[0].SourceNATPrefix != c.want[0] || lb.Subnets[1].SourceNATPrefix != c.want[1] ||
			lb.NetworkSourceNAT != "on" || lb.PrivateLinkRules != "off" {
			t.Errorf("%v: %+v", c.given, lb)
		}
	}
	for text, r := range map[string]Result{
		"dualstack":  compiled(stack.IPv4, a, b),
		"must match": compiled(stack.Dualstack, a),
		"each source NAT prefix must be in a subnet of its own: ": compiled(stack.Dualstack, a, "2001:db8:0:a2:2::/80"),
		"in a subnet of its own: the subnets have subnet-0a2 [2001:db8:0:a2::/64], subnet-0b2": compiled(stack.Dualstack, a,
			"2001:db8:1::/80"),
	} {
		if r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text, text) {
			t.Errorf("%s: %+v", text, r.Diagnostics)
		}
	}
}

func TestPathMTUMessagesComeInFromWhereverTrafficDoes(t *testing.T) {
	t.Parallel()
	f := account()
	for id, s := range f.Subnets {
		s.IPv6CIDRs = []string{"2001:db8::/64"}
		f.Subnets[id] = s
	}
	for name, c := range map[string]struct {
		on        string
		dualstack bool
		ranges    []string
		lists     []string
		want      []string
	}{
		"off":           {"", false, []string{"10.0.0.0/8"}, nil, []string{"tcp 80-80 10.0.0.0/8"}},
		"a prefix list": {"on", false, nil, []string{"pl-1"}, []string{"icmp 3-4 pl-1", "tcp 80-80 pl-1"}},
		"both, prefix list": {"on", true, nil, []string{"pl-1"}, []string{"icmp 3-4 pl-1", "icmpv6 2-0 pl-1",
			"tcp 80-80 pl-1"}},
		"per range": {"on", false, []string{"10.0.0.0/8", "192.0.2.0/24"}, nil, []string{"icmp 3-4 10.0.0.0/8",
			"icmp 3-4 192.0.2.0/24", "tcp 80-80 10.0.0.0/8", "tcp 80-80 192.0.2.0/24"}},
		"both families": {"on", true, []string{"10.0.0.0/8", "2001:db8::/32"}, nil, []string{"icmp 3-4 10.0.0.0/8",
			"icmpv6 2-0 2001:db8::/32", "tcp 80-80 10.0.0.0/8", "tcp 80-80 2001:db8::/32"}},
		"both, from everyone": {"on", true, nil, nil, []string{"icmp 3-4 0.0.0.0/0", "icmpv6 2-0 ::/0", "tcp 80-80 0.0.0.0/0",
			"tcp 80-80 ::/0"}},
	} {
		s := mustBuild(t, Compile(service("TCP", func(m *intent.Member, _ *intent.TargetGroup) {
			if c.ranges != nil {
				m.Listeners[0].InboundCIDRs = set(m, "source-ranges", c.ranges)
			}
			if c.lists != nil {
				m.Listeners[0].PrefixLists = set(m, "prefix-lists", c.lists)
			}
			if c.on != "" {
				m.Listeners[0].ICMP = set(m, "icmp", c.on)
			}
			if c.dualstack {
				m.Settings.IPAddressType = set(m, "ip-address-type", stack.Dualstack)
			}
		}), f, config(), nil))
		var got []string
		for _, p := range s.SecurityGroups[0].Ingress {
			got = append(got, fmt.Sprintf("%s %d-%d %s%s%s", p.Protocol, p.FromPort, p.ToPort, p.CIDR, p.IPv6CIDR, p.PrefixList))
		}
		slices.Sort(got)
		same(t, name, got, c.want)
	}
}
