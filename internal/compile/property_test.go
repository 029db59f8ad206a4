package compile

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// drawMember makes a member whose settings may be odd: conflicting, out of range, unknown to AWS.
func drawMember(t *rapid.T, i int) intent.Member {
	m := ingress("n", fmt.Sprintf("m%d", i))
	pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
	maybe := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	m.Order, m.Created = rapid.Int32Range(-2, 2).Draw(t, "order"), rapid.Int64Range(0, 2).Draw(t, "created")
	if maybe("scheme?") {
		m.Settings.Scheme = set(&m, "scheme", pick("scheme", stack.Internal, stack.InternetFacing, "x"))
	}
	if maybe("ip?") {
		m.Settings.IPAddressType = set(&m, "ip-address-type", pick("ip", stack.IPv4, stack.Dualstack, "x"))
	}
	if maybe("groups?") {
		m.Settings.SecurityGroups = set(&m, "security-groups",
			[]string{pick("group", "front", "twin", "sg-0f", "sg-0e", "none")})
	}
	if maybe("subnets?") {
		m.Settings.Subnets = set(&m, "subnets", intent.SubnetSelector{
			IDsOrNames: []string{pick("s1", "subnet-0a1", "subnet-0f"), pick("s2", "subnet-0b1", "subnet-0e", "0b2")}})
	}
	if maybe("tags?") {
		m.Settings.Tags = one(&m, "Team", pick("team", "a", "b"))
	}
	if maybe("web ACL?") {
		m.Settings.AddOns.WebACLName = set(&m, "wafv2-acl-name", pick("name", "guard", "gone", intent.None))
	}
	if maybe("add-ons?") {
		m.Settings.AddOns.Capacity = set(&m, "minimum-load-balancer-capacity", rapid.SampledFrom([]int32{0,
			100}).Draw(t, "units"))
		m.Settings.AddOns.IPAMPool = set(&m, "ipam-ipv4-pool-id", pick("pool", "ipam-pool-1", "ipam-pool-2"))
		m.Settings.AddOns.CustomerOwnedPool = set(&m, "customer-owned-ipv4-pool", pick("owned", "ipv4pool-coip-1",
			"ipv4pool-coip-2"))
	}
	if maybe("https?") {
		https(pick("certificate", certificate1, malformed))(&m)
	}
	if maybe("discover?") {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: []string{
			pick("host", "a.example.com", "a.example.org")}})
	}
	if maybe("redirect?") {
		m.Settings.SSLRedirectPort = set(&m, "ssl-redirect", rapid.SampledFrom([]int32{80, 443}).Draw(t, "redirect"))
	}
	if maybe("cidrs?") {
		m.Listeners[0].InboundCIDRs = set(&m, "inbound-cidrs", []string{pick("cidr", "10.0.0.0/8", "x", "::/0")})
	}
	for j := range rapid.IntRange(0, 3).Draw(t, "routes") {
		r := route(m.Object, pick("route host", "a.b", "c.d"), pick("path", "/", "/x", "/*"), fmt.Sprintf("svc%d", j))
		g := r.Actions[0].Backends[0].TargetGroup
		g.Port = rapid.SampledFrom([]int32{0, 8080, 8080, 8080}).Draw(t, "port")
		g.IPv6 = maybe("ipv6?")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			r.Actions = []intent.Action{
				{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Port: pick("to", "", "443", "80")}}}
		case 1:
			r.Actions = nil
		case 2:
			r.Actions[0].Backends = []intent.Backend{{TargetGroupName: pick("tg", "theirs", "gone", "unasked")}}
		}
		m.Routes = append(m.Routes, r)
	}
	if maybe("broken?") {
		broken(pick("where", "spec.rules[0]", "metadata.annotations[alb.ingress.kubernetes.io/scheme]"))(&m)
	}
	return m
}

func drawGroup(t *rapid.T) []intent.Member {
	members := make([]intent.Member, rapid.IntRange(1, 5).Draw(t, "members"))
	for i := range members {
		members[i] = drawMember(t, i)
	}
	return members
}

func drawFacts(t *rapid.T) facts.Facts {
	f := account()
	switch rapid.IntRange(0, 4).Draw(t, "facts") {
	case 0:
		f = facts.Facts{}
	case 1:
		f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
			"subnet-0a1"}, IPAddressType: stack.Dualstack}
	case 2:
		f.ExistingKnown, f.Certificates, f.SecurityGroups = false, nil, nil
	}
	return f
}

// answer gives every need an answer, so that compile must come to an end.
func answer(f facts.Facts, needs []facts.Need) facts.Facts {
	full := account()
	for _, n := range needs {
		switch n.Kind {
		case facts.NeedVPC:
			f.VPC = full.VPC
		case facts.NeedSSLPolicy:
			f.SSLPolicies = map[string]bool{n.Key: false}
		case facts.NeedSubnets:
			f.Subnets = full.Subnets
		case facts.NeedRoutes:
			f.Routes = true
		case facts.NeedForeignSubnet:
			f.ForeignSubnets = with(f.ForeignSubnets, n.Key, nil)
		case facts.NeedSecurityGroups:
			f.SecurityGroups = full.SecurityGroups
		case facts.NeedForeignGroup:
			f.ForeignGroups = with(f.ForeignGroups, n.Key, nil)
		case facts.NeedCertificates:
			f.Certificates = full.Certificates
		case facts.NeedWebACLs:
			f.WebACLs = map[string]string{"guard": guard}
		case facts.NeedOwnTrustStores:
			f.OwnTrustStores, f.OwnTrustStoresKnown = full.OwnTrustStores, true
		case facts.NeedTrustStore:
			f.TrustStores = map[string]string{n.Key: "arn:" + n.Key}
		case facts.NeedTargetGroupName:
			f.TargetGroups = with(f.TargetGroups, n.Key, nil)
		case facts.NeedTargetGroupOwner:
			f.TargetGroupOwners = with(f.TargetGroupOwners, n.Key, nil)
		case facts.NeedStack:
			f.ExistingKnown = true
		case facts.NeedStackDetails:
			f.Details = &facts.LoadBalancerDetails{}
		case facts.NeedStackWebACL:
			f.Associated = new(string)
		case facts.NeedOwnCertificates:
			f.OwnKnown = true
		case facts.NeedAddresses:
			f.Addresses = elastic()
		case facts.NeedHostedZones:
			f.HostedZones = []facts.HostedZone{}
		case facts.NeedLoadBalancer:
			f.LoadBalancers = with(f.LoadBalancers, n.Key, nil)
		case facts.NeedPrefixList:
			f.PrefixLists = with(f.PrefixLists, n.Key, nil)
		case facts.NeedLimits:
			f.Limits = map[string]int{}
		}
	}
	return f
}

func with[T any](m map[string]*T, key string, v *T) map[string]*T {
	out := map[string]*T{key: v}
	for k, old := range m {
		out[k] = old
	}
	return out
}

func TestCompileAlwaysEndsWithAStackOrAReason(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := drawGroup(t)
		good := remember(
			rapid.SampledFrom([][]intent.Member{nil, {ingress("n", "m0")}, {ingress("n", "m0"), ingress("n", "m1")}}).Draw(
				t, "good")...)
		f := drawFacts(t)
		cfg := config()
		cfg.StrictGroups = rapid.Bool().Draw(t, "strict")
		for range 10 {
			r := Compile(loadBalancer(members...), f, cfg, good)
			if len(r.Needs) == 0 {
				if r.Stack == nil && !r.Diagnostics.HasErrors() {
					t.Fatalf("neither stack nor reason: %+v", r)
				}
				return
			}
			if r.Stack != nil {
				t.Fatal("a stack although something is needed")
			}
			f = answer(f, r.Needs)
		}
		t.Fatal("needs have no end")
	})
}

func TestASecondCompilationGivesTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		members := drawGroup(t)
		first := Compile(loadBalancer(members...), account(), config(), nil)
		if second := Compile(loadBalancer(members...), account(), config(), nil); !reflect.DeepEqual(first, second) {
			t.Fatalf("first %+v\nsecond %+v", first, second)
		}
	})
}

func TestABadMemberChangesNoOtherMembersRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "members")
		var sound []intent.Member
		for i := range n {
			sound = append(sound, ingress("n", fmt.Sprintf("s%d", i)))
		}
		before := Compile(loadBalancer(append(slices.Clone(sound), ingress("n", "other"))...), account(), config(), nil)
		bad := drawMember(t, 9)
		bad.Order, bad.Created = 0, 9
		bad.Listeners = bad.Listeners[:1]
		bad.Settings = intent.Settings{}
		broken("spec.rules[0]")(&bad)
		at := rapid.IntRange(0, n).Draw(t, "place")
		after := Compile(loadBalancer(slices.Insert(slices.Clone(sound), at, bad)...), account(), config(),
			remember(sound...))
		of := func(r Result) []string {
			if r.Stack == nil {
				t.Fatalf("no stack: %v", r.Diagnostics)
			}
			var out []string
			for i, line := range table(r.Stack) {
				if o := r.Origins[stack.Ref{Kind: stack.KindRule, ID: r.Stack.Rules[i].ID}].Objects[0]; o.Name[0] == 's' {
					out = append(out, line)
				}
			}
			return out
		}
		if x, y := of(before), of(after); !slices.Equal(x, y) {
			t.Fatalf("before %q\nafter %q", x, y)
		}
	})
}

func TestEveryReferenceResolvesAndIdentitiesAreUnique(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Compile(loadBalancer(drawGroup(t)...), account(), config(), nil)
		if r.Stack == nil {
			return
		}
		s := r.Stack
		ids := map[stack.Ref]bool{}
		add := func(kind stack.Kind, id string) {
			ref := stack.Ref{Kind: kind, ID: id}
			if ids[ref] {
				t.Fatalf("twice: %v", ref)
			}
			ids[ref] = true
			if _, ok := r.Origins[ref]; !ok {
				t.Fatalf("no origin: %v", ref)
			}
		}
		for _, x := range s.SecurityGroups {
			add(stack.KindSecurityGroup, x.ID)
		}
		for _, x := range s.TargetGroups {
			add(stack.KindTargetGroup, x.ID)
		}
		for _, x := range s.LoadBalancers {
			add(stack.KindLoadBalancer, x.ID)
		}
		for _, x := range s.Listeners {
			add(stack.KindListener, x.ID)
		}
		for _, x := range s.Rules {
			add(stack.KindRule, x.ID)
		}
		for _, x := range s.Bindings {
			add(stack.KindBinding, x.ID)
		}
		resolve := func(ref stack.Ref) {
			if ref.Literal == "" && !ids[ref] {
				t.Fatalf("nothing is %v", ref)
			}
		}
		actions := func(in []stack.Action) {
			for _, a := range in {
				if a.Forward != nil {
					for _, g := range a.Forward.TargetGroups {
						resolve(g.TargetGroup)
					}
				}
			}
		}
		for _, g := range s.LoadBalancers[0].SecurityGroups {
			resolve(g)
		}
		for _, l := range s.Listeners {
			resolve(l.LoadBalancer)
			actions(l.DefaultActions)
		}
		for _, x := range s.Rules {
			resolve(x.Listener)
			actions(x.Actions)
		}
		for _, x := range s.Bindings {
			resolve(x.TargetGroup)
			for _, n := range x.Networking {
				for _, g := range n.FromGroups {
					resolve(g)
				}
			}
		}
	})
}

// FuzzCompile drives the same generator from the fuzzer's bytes; compile must not panic.
func FuzzCompile(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		var good *Memory
		if rapid.Bool().Draw(t, "good") {
			good = remember(ingress("n", "m0"))
		}
		Compile(loadBalancer(drawGroup(t)...), drawFacts(t), config(), good)
	}))
}

func BenchmarkCompileOneIngress(b *testing.B) {
	e, f, cfg := loadBalancer(ingress("shop", "web-front", https(certificate1))), account(), config()
	for b.Loop() {
		if Compile(e, f, cfg, nil).Stack == nil {
			b.Fatal("no stack")
		}
	}
}

func BenchmarkCompileGroupOfThousandRules(b *testing.B) {
	var members []intent.Member
	for i := range 100 {
		m := ingress("n", fmt.Sprintf("m%d", i))
		m.Routes = nil
		for j := range 10 {
			m.Routes = append(m.Routes, route(m.Object, m.Object.Name+".example.com", fmt.Sprintf("/p%d", j),
				fmt.Sprintf("svc%d", j)))
		}
		members = append(members, m)
	}
	e, f, cfg := loadBalancer(members...), account(), config()
	for b.Loop() {
		if r := Compile(e, f, cfg, nil); r.Stack == nil || len(r.Stack.Rules) != 1000 {
			b.Fatal("not all rules")
		}
	}
}

func TestNothingChangesWhenNothingChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := loadBalancer(drawGroup(t)...)
		f := account()
		if rapid.Bool().Draw(t, "exists") {
			f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
				"subnet-0a1", "subnet-0b1"}, IPAddressType: stack.IPv4}
		}
		f.TargetGroups["unasked"] = nil
		f.ForeignGroups["sg-0e"], f.ForeignSubnets["subnet-0e"] = nil, nil
		first := Compile(e, f, config(), nil)
		if first.Stack == nil {
			return
		}
		lb := first.Stack.LoadBalancers[0]
		f.Existing = &facts.LoadBalancer{Type: lb.Type, Scheme: lb.Scheme, IPAddressType: lb.IPAddressType}
		for _, s := range lb.Subnets {
			f.Existing.Subnets = append(f.Existing.Subnets, s.Subnet)
		}
		second := Compile(e, f, config(), first.Memory)
		if len(second.Needs) > 0 { // of a member that the first compilation set aside before it asked
			second = Compile(e, answer(f, second.Needs), config(), first.Memory)
		}
		if !reflect.DeepEqual(first.Stack, second.Stack) || !reflect.DeepEqual(first.Keep, second.Keep) {
			t.Fatalf("first %+v\nsecond %+v\ndiagnostics %v\nthen %v", first.Stack, second.Stack, first.Diagnostics,
				second.Diagnostics)
		}
	})
}
