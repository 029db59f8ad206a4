package compile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestConflictIsSettledByClassThenOrderThenAgeThenName(t *testing.T) {
	t.Parallel()
	x := func(m *intent.Member) { m.Settings.Name = set(m, "load-balancer-name", "xx") }
	y := func(m *intent.Member) { m.Settings.Name = set(m, "load-balancer-name", "yy") }
	cases := map[string]struct {
		a, b func(*intent.Member)
		want string // object of the winner
	}{
		"class": {func(m *intent.Member) { m.Order = -1 }, func(m *intent.Member) { m.Settings.Name = byClass("yy") },
			"b"},
		"order":    {func(m *intent.Member) { m.Order = 1; m.Created = 1 }, func(m *intent.Member) { m.Created = 2 }, "b"},
		"age":      {func(m *intent.Member) { m.Created = 2 }, func(m *intent.Member) { m.Created = 1 }, "b"},
		"name":     {func(*intent.Member) {}, func(*intent.Member) {}, "a"},
		"agreeing": {y, y, ""},
	}
	for name, c := range cases {
		r := Compile(loadBalancer(ingress("n", "a", x, c.a), ingress("n", "b", y, c.b)), account(), config(), nil)
		got := mustBuild(t, r).LoadBalancers[0].Name
		want := map[string]string{"a": "xx", "b": "yy", "": "yy"}[c.want]
		if got != want {
			t.Errorf("%s: name %s, want %s", name, got, want)
		}
		if c.want == "" {
			same(t, name, codes(r.Diagnostics), nil)
			continue
		}
		loser := map[string]string{"a": "b", "b": "a"}[c.want]
		same(t, name, codes(r.Diagnostics), []string{loser + " ConflictingSettings"})
		text := r.Diagnostics[0].Text
		for _, part := range []string{"n/a", "n/b", "xx", "yy"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q does not name %s", name, text, part)
			}
		}
		if len(r.Memory.Good) != 2 {
			t.Errorf("%s: the loser of a conflict is not broken", name)
		}
	}
}

func TestEverySharedSettingIsMerged(t *testing.T) {
	t.Parallel()
	cases := map[string][2]func(*intent.Member){
		"load balancer name": each(func(m *intent.Member, v string) {
			m.Settings.Name = set(m, "load-balancer-name", v)
		}, "x", "y"),
		"IP address type": each(func(m *intent.Member, v string) {
			m.Settings.IPAddressType = set(m, "ip-address-type", v)
		}, "ipv4", "dualstack"),
		"security groups": each(func(m *intent.Member, v []string) {
			m.Settings.SecurityGroups = set(m, "security-groups", v)
		}, []string{"front"}, []string{"front", "twin"}),
		"management": each(func(m *intent.Member, v bool) {
			m.Settings.ManageBackend = set(m, "manage", v)
		}, true, false),
		"load balancer attribute": each(func(m *intent.Member, v string) {
			m.Settings.Attributes = one(m, "idle_timeout.timeout_seconds", v)
		}, "60", "70"),
		"tag Team": each(func(m *intent.Member, v string) { m.Settings.Tags = one(m, "Team", v) },
			"x", "y"),
		"listener attribute": each(func(m *intent.Member, v string) {
			m.Listeners[0].Attributes = one(m, "routing.http.response.x_frame_options.header_value", v)
		}, "x", "y"),
		"inbound CIDRs of port 80": each(func(m *intent.Member, v []string) {
			m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", v)
		},
			[]string{"10.0.0.0/8"}, []string{"11.0.0.0/8"}),
		"prefix lists": each(func(m *intent.Member, v []string) { m.Listeners[0].PrefixLists = set(m, "pl", v) },
			[]string{"pl-1"}, []string{"pl-2"}),
		"protocol of port 80: ": each(func(m *intent.Member, v string) {
			m.Listeners[0] = intent.Listener{Port: 80, Protocol: v, Certificates: set(m, "certificate-arn",
				[]string{certificate1})}
		}, "HTTP", "HTTPS"),
		"ssl policy of port 443": each(func(m *intent.Member, v string) {
			https(certificate1)(m)
			m.Listeners[1].SSLPolicy = set(m, "ssl-policy", v)
		}, "x", "y"),
		"default backend of port 80": each(func(m *intent.Member, v string) {
			m.Listeners[0].Default = forwardTo(targetGroup(m.Object, v))
			m.Listeners[0].DefaultSource = intent.At(m.Object, "spec.defaultBackend")
		}, "x", "y"),
		"subnets": each(func(m *intent.Member, v intent.SubnetSelector) {
			m.Settings.Subnets = set(m, "subnets", v)
		},
			intent.SubnetSelector{IDsOrNames: []string{"subnet-0a2", "subnet-0b2"}}, intent.SubnetSelector{
				IDsOrNames: []string{"subnet-0a1", "subnet-0b1"}}),
		"SSL redirect port": each(func(m *intent.Member, v int32) {
			https(certificate1)(m)
			m.Settings.SSLRedirectPort = set(m, "ssl-redirect", v)
		}, 443, 8443),
	}
	for what, c := range cases {
		r := Compile(loadBalancer(ingress("n", "a", c[0]), ingress("n", "b", c[1])), account(), config(), nil)
		mustBuild(t, r)
		if len(r.Diagnostics) != 1 || !strings.HasPrefix(r.Diagnostics[0].Text, what) || r.Diagnostics[0].Object.Name != "b" {
			t.Errorf("%s: diagnostics %v", what, r.Diagnostics)
		}
		agreeing := Compile(loadBalancer(ingress("n", "a", c[0]), ingress("n", "b", c[0])), account(), config(), nil)
		if what != "default backend of port 80" && len(agreeing.Diagnostics) > 0 {
			t.Errorf("%s: members that agree: %v", what, agreeing.Diagnostics)
		}
	}
}

func each[T any](change func(*intent.Member, T), a, b T) [2]func(*intent.Member) {
	return [2]func(*intent.Member){func(m *intent.Member) { change(m, a) }, func(m *intent.Member) { change(m, b) }}
}

func one(m *intent.Member, key, value string) map[string]intent.Field[string] {
	return map[string]intent.Field[string]{key: set(m, "map", value)}
}

func TestSecurityGroupsByWhatNamesThem(t *testing.T) {
	t.Parallel()
	managed, backend := stack.ManagedSecurityGroup, stack.BackendSecurityGroup
	named := func(m *intent.Member) {
		m.Settings.SecurityGroups = set(m, "security-groups", []string{"twin", "sg-0a", "front"})
	}
	manage := func(m *intent.Member) {
		m.Settings.ManageBackend = set(m, "manage-backend-security-group-rules", true)
	}
	cases := []struct {
		name   string
		change []func(*intent.Member)
		cfg    func(*Config)
		groups []string
		source string
	}{
		{"none named", nil, nil, []string{managed, backend}, backend},
		{"backend group off", nil, func(c *Config) { c.EnableBackendSecurityGroup = false }, []string{managed}, managed},
		{"backend group of the user", nil, func(c *Config) { c.BackendSecurityGroup = "sg-0bb" }, []string{managed, "sg-0bb"},
			"sg-0bb"},
		{"named", []func(*intent.Member){named}, nil, []string{"sg-0b", "sg-0c", "sg-0a"}, ""},
		{"named, managed rules", []func(*intent.Member){named, manage}, nil, []string{"sg-0b", "sg-0c", "sg-0a", backend},
			backend},
		{"named, managed by flag", []func(*intent.Member){named}, func(c *Config) {
			c.ManageBackendSecurityGroupRules = true
		}, []string{"sg-0b", "sg-0c", "sg-0a", backend}, backend},
		{"named, managed by flag and not by annotation", []func(*intent.Member){named, func(m *intent.Member) {
			m.Settings.ManageBackend = set(m, "manage-backend-security-group-rules", false)
		}}, func(c *Config) { c.ManageBackendSecurityGroupRules = true }, []string{"sg-0b", "sg-0c", "sg-0a"}, ""},
		{"named, managed rules, backend group off", []func(*intent.Member){named, manage},
			func(c *Config) { c.EnableBackendSecurityGroup = false }, nil, ""},
	}
	for _, c := range cases {
		cfg := config()
		if c.cfg != nil {
			c.cfg(&cfg)
		}
		r := Compile(loadBalancer(ingress("n", "a", c.change...)), account(), cfg, nil)
		if c.groups == nil {
			if r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text, "without the backend security group") {
				t.Errorf("%s: %+v", c.name, r)
			}
			continue
		}
		s := mustBuild(t, r)
		var groups []string
		for _, g := range s.LoadBalancers[0].SecurityGroups {
			groups = append(groups, g.ID+g.Literal)
		}
		same(t, c.name, groups, c.groups)
		source := ""
		for _, rule := range s.Bindings[0].Networking {
			source = rule.FromGroups[0].ID + rule.FromGroups[0].Literal
		}
		if source != c.source {
			t.Errorf("%s: targets admit %q, want %q", c.name, source, c.source)
		}
		for _, g := range s.SecurityGroups {
			if !slices.Contains(groups, g.ID) {
				t.Errorf("%s: group %s is made but not used", c.name, g.ID)
			}
		}
	}
}

func TestManagedRulesAdmitAllAddressesOrTheRangesOfThePort(t *testing.T) {
	t.Parallel()
	ranges := func(cidrs ...string) func(*intent.Member) {
		return func(m *intent.Member) { m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", cidrs) }
	}
	dual := func(m *intent.Member) {
		m.Settings.IPAddressType = set(m, "ip-address-type", stack.Dualstack)
		m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0d1", "subnet-0d2"}})
	}
	f := account()
	f.Subnets["subnet-0d1"] = facts.Subnet{ID: "subnet-0d1", VPC: "vpc-1", Zone: "a", IPv6CIDRs: []string{"2001:db8::/64"}}
	f.Subnets["subnet-0d2"] = facts.Subnet{ID: "subnet-0d2", VPC: "vpc-1", Zone: "b", IPv6CIDRs: []string{
		"2001:db8:1::/64"}}
	cases := map[string]struct {
		change []func(*intent.Member)
		want   []string
	}{
		"everyone":       {nil, []string{"0.0.0.0/0"}},
		"everyone, both": {[]func(*intent.Member){dual}, []string{"0.0.0.0/0", "::/0"}},
		"normalised, once each": {[]func(*intent.Member){ranges("10.1.2.3/8", "10.0.0.0/8", "192.0.2.1/32")},
			[]string{"10.0.0.0/8", "192.0.2.1/32"}},
		"IPv6 left out": {[]func(*intent.Member){ranges("10.0.0.0/8", "2001:DB8::1/32")}, []string{"10.0.0.0/8"}},
		"IPv6": {[]func(*intent.Member){dual, ranges("10.0.0.0/8", "2001:DB8::1/32")},
			[]string{"10.0.0.0/8", "2001:db8::/32"}},
		"prefix lists only": {[]func(*intent.Member){func(m *intent.Member) {
			m.Listeners[0].PrefixLists = set(m, "security-group-prefix-lists", []string{"pl-1"})
		}}, []string{"pl-1"}},
	}
	for name, c := range cases {
		s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", c.change...)), f, config(), nil))
		var got []string
		for _, p := range s.SecurityGroups[0].Ingress {
			got = append(got, p.CIDR+p.IPv6CIDR+p.PrefixList)
			if p.Protocol != "tcp" || p.FromPort != 80 || p.ToPort != 80 {
				t.Errorf("%s: %+v", name, p)
			}
		}
		same(t, name, got, c.want)
	}
}

func TestANameThatAWSWouldRefuseMattersOnlyForANewLoadBalancer(t *testing.T) {
	t.Parallel()
	same := &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	other := &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0a1", "subnet-0b1"}}
	for name, c := range map[string]struct {
		name    string
		exists  *facts.LoadBalancer
		refused bool
	}{
		"there is none":               {"my_alb", nil, true},
		"there is one":                {"my_alb", same, false},
		"there is one to be replaced": {"my_alb", other, true},
		"a name that is too long":     {strings.Repeat("n", 33), same, true}, // which the existing controller refuses always
	} {
		f := account()
		f.Existing = c.exists
		r := Compile(
			loadBalancer(ingress("n", "a", func(m *intent.Member) { m.Settings.Name = set(m, "load-balancer-name", c.name) })),
			f, config(), nil)
		if refused := r.Stack == nil; refused != c.refused || len(r.Diagnostics) != 1 ||
			r.Diagnostics.HasErrors() != c.refused {
			t.Errorf("%s: refused %t, %v", name, refused, r.Diagnostics)
		}
	}
}

func TestSubnetsOfTheExistingLoadBalancerAreKept(t *testing.T) {
	t.Parallel()
	f := facts.Facts{ExistingKnown: true, Existing: &facts.LoadBalancer{
		Type: stack.Application, Scheme: stack.Internal, Subnets: []string{"subnet-0x", "subnet-0y"},
	}}
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a")), f, config(), nil)) // and nothing else is asked
	if got := s.LoadBalancers[0].Subnets; len(got) != 2 || got[0].Subnet != "subnet-0x" {
		t.Errorf("subnets %v", got)
	}
	r := Compile(loadBalancer(ingress("n", "a", scheme(stack.InternetFacing))), f, config(), nil)
	if len(r.Needs) != 1 || r.Needs[0].Kind != facts.NeedSubnets {
		t.Errorf("a change of scheme does not look for subnets: %+v", r)
	}
}

func TestNeedsOfAPassComeTogether(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", func(m *intent.Member) {
		m.Settings.SecurityGroups = set(m, "security-groups", []string{"front"})
		m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"x"}})
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: []string{"a.b"}})
		m.Routes[0].Actions[0].Backends = []intent.Backend{{TargetGroupName: "theirs"}}
	})
	r := Compile(loadBalancer(m), facts.Facts{}, config(), nil)
	var kinds []string
	for _, n := range r.Needs {
		kinds = append(kinds, string(n.Kind))
	}
	slices.Sort(kinds)
	same(t, "needs", kinds, []string{"certificates", "security-groups", "subnets", "target-group"})
	if r.Stack != nil || len(r.Diagnostics) > 0 {
		t.Errorf("something was built or said: %+v", r)
	}
}

func TestAFailedLookUpIsReportedToAllAndQuarantinesNoMember(t *testing.T) {
	t.Parallel()
	denied := diag.New(diag.Object{}, "", diag.AccessDenied, "not allowed to ec2:DescribeSubnets", "allow it")
	denied.RequestID = "r-1"
	for name, err := range map[string]error{"denied": fmt.Errorf("describe: %w", denied), "plain": errors.New("timeout")} {
		f := facts.Facts{ExistingKnown: true, Errors: map[facts.Need]error{{Kind: facts.NeedSubnets}: err}}
		members := []intent.Member{ingress("n", "a"), ingress("n", "b")}
		r := Compile(loadBalancer(members...), f, config(), remember(members...))
		if r.Stack != nil || len(r.Diagnostics) != 2 || len(r.Memory.Good) != 2 {
			t.Fatalf("%s: %+v", name, r)
		}
		d := r.Diagnostics[0]
		if name == "denied" && (d.Code != diag.AccessDenied || d.RequestID != "r-1" || d.Class != diag.Denied) ||
			name == "plain" && d.Class != diag.Transient {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestNoSubnetsListsWhyEachWasDropped(t *testing.T) {
	t.Parallel()
	f := account()
	for id, s := range f.Subnets {
		s.AvailableIPs = 3
		f.Subnets[id] = s
	}
	r := Compile(loadBalancer(ingress("n", "a")), f, config(), nil)
	if r.Stack != nil || len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != diag.NoSubnets {
		t.Fatalf("%+v", r)
	}
	for _, part := range []string{"subnet-0a1", "no tag kubernetes.io/role/internal-elb", "subnet-0b2",
		"3 free addresses"} {
		if !strings.Contains(r.Diagnostics[0].Text, part) {
			t.Errorf("%q does not tell %q", r.Diagnostics[0].Text, part)
		}
	}
}

func TestTagPrecedence(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", func(m *intent.Member) {
		m.Settings.Tags = map[string]intent.Field[string]{"Env": set(m, "tags", "user"), "elbv2.k8s.aws/cluster": set(
			m, "tags", "stolen"), "Team": set(m, "tags", "web")}
	})
	for low, env := range map[bool]string{false: "default", true: "user"} {
		cfg := config()
		cfg.DefaultTags = map[string]string{"Env": "default", "Owner": "us"}
		cfg.Gates.EnableDefaultTagsLowPriority = low
		tags := mustBuild(t, Compile(loadBalancer(m), account(), cfg, nil)).LoadBalancers[0].Tags
		if tags["Env"] != env || tags["Owner"] != "us" || tags["Team"] != "web" || tags["elbv2.k8s.aws/cluster"] !=
			"demo-cluster" || len(tags) != 6 {
			t.Errorf("low priority %v: %v", low, tags)
		}
	}
	cfg := config()
	cfg.Gates.ListenerRulesTagging = false
	if s := mustBuild(t, Compile(loadBalancer(m), account(), cfg, nil)); s.Listeners[0].Tags != nil ||
		s.Rules[0].Tags != nil {
		t.Error("listeners or rules are tagged without the gate")
	}
}

// TestTagsThatAWSTakesOfNoResourceAreRefusedBeforeItIsAsked counts the tags of the controller, two default ones and
// three of its own, with those of the object.
func TestTagsThatAWSTakesOfNoResourceAreRefusedBeforeItIsAsked(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.DefaultTags = map[string]string{"Env": "default", "Owner": "us"}
	many := func(n int) map[string]string {
		out := map[string]string{"Env": "user"}
		for len(out) < n {
			out[strconv.Itoa(len(out))] = "x"
		}
		return out
	}
	for name, test := range map[string]struct {
		tags map[string]string
		want string // "" = they are accepted
	}{
		"at every limit": {map[string]string{strings.Repeat("ä", 128): strings.Repeat("ä", 256)}, ""},
		"a reserved key": {map[string]string{"AWS:owner": "x"}, "tag key AWS:owner is reserved by AWS"},
		"a long key":     {map[string]string{strings.Repeat("k", 129): "x"}, "has more than 128 characters"},
		"a long value": {map[string]string{"k": strings.Repeat("v", 257)},
			"the value of tag k has more than 256 characters"},
		"as many as may be": {many(46), ""},
		"one too many":      {many(47), "each resource would have 51 tags, and AWS allows 50"},
	} {
		m := ingress("n", "a", func(m *intent.Member) {
			m.Settings.Tags = map[string]intent.Field[string]{}
			for k, v := range test.tags {
				m.Settings.Tags[k] = set(m, "tags", v)
			}
		})
		r := Compile(loadBalancer(m), account(), cfg, nil)
		switch {
		case test.want == "" && r.Diagnostics.HasErrors():
			t.Errorf("%s: %v", name, r.Diagnostics)
		case test.want == "":
		case len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text, test.want) ||
			r.Diagnostics[0].Path != "metadata.annotations[alb.ingress.kubernetes.io/tags]":
			t.Errorf("%s: %v, want %q", name, r.Diagnostics, test.want)
		}
	}
}
