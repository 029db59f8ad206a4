package compile

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ranges(list ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		for i := range m.Listeners {
			m.Listeners[i].InboundCIDRs = set(m, "inbound-cidrs", list)
		}
	}
}

func born(at int64) func(*intent.Member) { return func(m *intent.Member) { m.Created = at } }

func lowest(m *intent.Member) { m.Order = -1000 }

func tagged(v string) func(*intent.Member) {
	return func(m *intent.Member) { m.Settings.Tags = map[string]intent.Field[string]{"Team": set(m, "tags", v)} }
}

// sources lists what the managed group of a stack admits, as "port range".
func sources(s *stack.Stack) []string {
	var out []string
	for _, g := range s.SecurityGroups {
		for _, p := range g.Ingress {
			out = append(out,
				strings.TrimSpace(strings.Join([]string{string('0' + p.FromPort/1000), p.CIDR + p.IPv6CIDR + p.PrefixList}, " ")))
		}
	}
	slices.Sort(out)
	return out
}

// asFacts is what AWS holds once a stack is made.
func asFacts(f facts.Facts, s *stack.Stack) facts.Facts {
	lb := s.LoadBalancers[0]
	x := &facts.LoadBalancer{Type: lb.Type, Scheme: lb.Scheme, IPAddressType: lb.IPAddressType}
	for _, n := range lb.Subnets {
		x.Subnets = append(x.Subnets, n.Subnet)
	}
	for _, g := range lb.SecurityGroups {
		x.SecurityGroups = append(x.SecurityGroups, g.ID+g.Literal)
	}
	for _, g := range s.SecurityGroups {
		if g.ID == stack.ManagedSecurityGroup {
			x.ManagedGroup, x.Ingress = true, g.Ingress
		}
	}
	f.Existing, f.ExistingKnown = x, true
	return f
}

// TestANewcomerOfAnotherNamespaceOpensNothing is scenario A1 of the review.
func TestANewcomerOfAnotherNamespaceOpensNothing(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", scheme(stack.Internal), ranges("10.0.0.0/8"), born(1))
	plain := ingress("shop", "plain", born(1))
	api := ingress("team", "api", born(2))
	for name, group := range map[string][]intent.Member{"of values that members set": {web, api}, "of defaults": {
		plain, api}} {
		first := Compile(loadBalancer(group...), account(), config(), nil)
		want := mustBuild(t, first)
		for what, open := range map[string]func(*intent.Member){
			"ranges": ranges("0.0.0.0/0", "192.0.2.0/24"), "scheme": scheme(stack.InternetFacing),
			"security groups": func(m *intent.Member) {
				m.Settings.SecurityGroups = set(m, "security-groups", []string{"front"})
			},
			"prefix lists": func(m *intent.Member) { m.Listeners[0].PrefixLists = set(m, "prefix-lists", []string{"pl-1"}) },
			"class": func(m *intent.Member) { // of the newcomer's choice
				m.Settings.Scheme, m.Listeners[0].InboundCIDRs = byClass(stack.InternetFacing), byClass([]string{"0.0.0.0/1"})
			},
		} {
			zz := ingress("zz", "evil", open, lowest, born(9))
			members := append([]intent.Member{zz}, group...)
			for when, c := range map[string]struct {
				f      facts.Facts
				before *Memory
			}{"at once": {asFacts(account(), want), first.Memory}, "after a restart": {asFacts(account(), want), nil}} {
				r := Compile(loadBalancer(members...), c.f, config(), c.before)
				got := mustBuild(t, r)
				same(t, name+", "+what+", "+when+": sources", sources(got), sources(want))
				if got.LoadBalancers[0].Scheme != stack.Internal || !reflect.DeepEqual(got.LoadBalancers[0].SecurityGroups,
					want.LoadBalancers[0].SecurityGroups) {
					t.Errorf("%s, %s, %s: %+v", name, what, when, got.LoadBalancers[0])
				}
				aside := false
				for _, d := range r.Diagnostics {
					aside = aside || d.Code == diag.SettingNotPermitted
					if d.Object != zz.Object || d.Code != diag.ConflictingSettings && d.Code != diag.SettingNotPermitted ||
						!strings.Contains(d.Text, "shop") {
						t.Errorf("%s, %s, %s: %v", name, what, when, d)
					}
				}
				if aside != (what == "scheme" || what == "class") {
					t.Errorf("%s, %s, %s: set aside %v", name, what, when, aside)
				}
				others := slices.DeleteFunc(table(got), func(rule string) bool {
					return strings.Contains(rule, "evil.example.com")
				})
				same(t, name+", "+what+", "+when+": rules of the others", others, table(want))
				if len(r.Diagnostics) == 0 {
					t.Errorf("%s, %s, %s: it is not told", name, what, when)
				}
				again := Compile(loadBalancer(members...), c.f, config(), r.Memory)
				same(t, name+", "+what+", "+when+": sources, later", sources(mustBuild(t, again)), sources(want))
			}
		}
	}
}

func TestTheFindingNamesValueOwnerReasonAndRemedy(t *testing.T) {
	t.Parallel()
	web, evil, tight := ingress("shop", "web", scheme(stack.Internal)), ingress("zz", "evil", scheme(stack.InternetFacing),
		lowest), ingress("zz", "tight", ranges("10.0.0.0/8"))
	first := Compile(loadBalancer(web, ingress("shop", "b")), account(), config(), nil)
	r := Compile(loadBalancer(evil, web, tight, ingress("shop", "b")), account(), config(), first.Memory)
	got := ""
	for _, d := range r.Diagnostics {
		got += d.Message() + "\n"
	}
	want :=
		`scheme: "internet-facing" of Ingress zz/evil is not allowed, because Ingress shop/web has "internal", and the stricter value applies; requests for the hosts and paths of Ingress zz/evil get 503 until this is fixed (metadata.annotations[alb.ingress.kubernetes.io/scheme]); set the same value on both objects, or set it on only one [SettingNotPermitted]
inbound CIDRs of port 80: 10.0.0.0/8 of Ingress zz/tight has no effect, because the group has the default value, and only Ingresses of namespace shop change it, because the oldest member of the group is Ingress shop/b (metadata.annotations[alb.ingress.kubernetes.io/inbound-cidrs]); set it on an Ingress of namespace shop, or remove it here [ConflictingSettings]
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// step is one state of a group after the other, with the memory carried.
type step struct {
	members []intent.Member
	scheme  string
	team    string
	ranges  []string
}

func has(scheme string, m ...intent.Member) step { return step{members: m, scheme: scheme} }

func team(tag string, m ...intent.Member) step { return step{members: m, team: tag} }

func opens(ranges string, m ...intent.Member) step {
	return step{members: m, ranges: []string{"0 " + ranges}}
}

func TestWhatIsInEffectStaysUntilItsOwnerChangesItOrGoes(t *testing.T) {
	t.Parallel()
	a := func(c ...func(*intent.Member)) intent.Member { return ingress("a", "a", append(c, born(1))...) }
	b := func(c ...func(*intent.Member)) intent.Member { return ingress("b", "b", append(c, born(2))...) }
	z := func(c ...func(*intent.Member)) intent.Member { return ingress("z", "z", append(c, born(3), lowest)...) }
	in, out := scheme(stack.Internal), scheme(stack.InternetFacing)
	const internal, public = stack.Internal, stack.InternetFacing
	for name, steps := range map[string][]step{
		"the owner loosens its own": {has(internal, a(in), b()), has(public, a(out), b())},
		"one of two that agree loosens": {
			has(internal, a(in), b(in)), has(internal, a(out), b(in)), has(public, a(out), b(out))},
		"the owner leaves and comes back": {
			has(internal, a(in), b(), z(in)), has(internal, b(), z(out)), has(internal, a(out), b(), z(out))},
		"one that agrees does not inherit": {
			has(internal, a(in), b()), has(internal, a(in), b(), z(in)), has(internal, b(), z(in)),
			has(internal, b(), z(out)), has(public, b(out), z(out))},
		"one that sets the default does not own it": {
			has(internal, a(), b()), has(internal, a(), b(), z(in)), has(internal, a(), b(), z(out))},
		"the owner of a default loosens it":              {has(internal, a(), b()), has(public, a(out), b())},
		"the default passes to the next oldest":          {has(internal, a(), b(), z()), has(public, b(out), z())},
		"an older object that joins later is a newcomer": {has(internal, b(), z()), has(internal, a(out), b(), z())},
		"a tag stays with who set it": {
			team("a", a(tagged("a")), b()), team("a", a(tagged("a")), b(), z(tagged("z"))),
			team("A", a(tagged("A")), b(), z(tagged("z"))), team("z", b(tagged("b")), z(tagged("z")))},
		"one of two that agree narrows": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/9", a(ranges("10.0.0.0/9")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8")))},
		"one of two that agree narrows, and opens": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("0.0.0.0/0")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("0.0.0.0/0")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8")))},
		"one of two that agree narrows, moves, and opens": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("192.168.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("0.0.0.0/0")), b(ranges("10.0.0.0/8"))),
			opens("10.2.0.0/16", a(ranges("10.2.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("0.0.0.0/0")), b(ranges("10.0.0.0/8")))},
		"two limits": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8")), z(ranges("10.1.0.0/16"))),
			opens("10.1.1.0/24", a(ranges("10.1.1.0/24")), b(ranges("10.0.0.0/8")), z(ranges("10.1.0.0/16"))),
			opens("10.1.0.0/16", a(ranges("192.168.0.0/16")), b(ranges("10.0.0.0/8")), z(ranges("10.1.0.0/16"))),
			opens("10.0.0.0/8", a(ranges("0.0.0.0/0")), b(ranges("10.0.0.0/8")), z()),
			opens("0.0.0.0/0", a(ranges("0.0.0.0/0")), b(), z())},
		"one of two that agree narrows, and leaves": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(), b(ranges("10.0.0.0/8")))},
		"a limit ends with its member's edit": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b()),
			opens("10.0.0.0/7", a(ranges("10.0.0.0/7")), b(ranges("10.0.0.0/8")))},
		"one that agrees narrows": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b()),
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.0.0.0/8"))),
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b(ranges("10.1.0.0/16")))},
		"the strictest of those that are left": {
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8"))),
			opens("10.1.0.0/16", a(ranges("10.1.0.0/16")), b(ranges("10.0.0.0/8")), z(ranges("10.2.0.0/16"))),
			opens("10.2.0.0/16", b(ranges("10.0.0.0/8")), z(ranges("10.2.0.0/16")))},
		"a broken owner owns by its last valid version": {
			has(internal, a(in), b()),
			has(internal, a(out, broken("metadata.annotations[alb.ingress.kubernetes.io/scheme]")), b(), z(out))},
		"a port of its own is a member's own": {
			opens("10.0.0.0/8", a(ranges("10.0.0.0/8")), b()),
			{members: []intent.Member{a(ranges("10.0.0.0/8")), b(),
				z(func(m *intent.Member) { m.Listeners[0].Port = 8000 }, ranges("0.0.0.0/0"))},
				ranges: []string{"0 10.0.0.0/8", "8 0.0.0.0/0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follow(t, steps)
		})
	}
}

// follow compiles the states of a group one after the other.
func follow(t *testing.T, steps []step) {
	t.Helper()
	var memory *Memory
	f := account()
	for n, s := range steps {
		e := loadBalancer(s.members...)
		e.Key.ID = stack.ID{Name: "group"}
		r := Compile(e, f, config(), memory)
		got := mustBuild(t, r)
		if s.scheme != "" && got.LoadBalancers[0].Scheme != s.scheme {
			t.Errorf("step %d: scheme %s, want %s: %v", n, got.LoadBalancers[0].Scheme, s.scheme, r.Diagnostics)
		}
		if s.team != "" && got.LoadBalancers[0].Tags["Team"] != s.team {
			t.Errorf("step %d: tag %s, want %s", n, got.LoadBalancers[0].Tags["Team"], s.team)
		}
		if s.ranges != nil {
			same(t, "ranges", sources(got), s.ranges)
		}
		f, memory = asFacts(account(), got), r.Memory
	}
}

// TestAGroupThatWasFrozenForAConflictStaysAsItIs: the existing controller changes nothing while members disagree.
func TestAGroupThatWasFrozenForAConflictStaysAsItIs(t *testing.T) {
	t.Parallel()
	older := ingress("a", "older", scheme(stack.InternetFacing), ranges("0.0.0.0/0"), born(1), lowest)
	younger := ingress("b", "younger", scheme(stack.Internal), ranges("10.0.0.0/8"), born(2))
	f := asFacts(account(), mustBuild(t, Compile(loadBalancer(younger, ingress("c", "c")), account(), config(), nil)))
	r := Compile(loadBalancer(older, younger), f, config(), nil)
	s := mustBuild(t, r)
	if s.LoadBalancers[0].Scheme != stack.Internal {
		t.Error("the load balancer is replaced")
	}
	same(t, "sources", sources(s), []string{"0 10.0.0.0/8"})
	same(t, "findings", codes(r.Diagnostics), []string{"older ConflictingSettings", "older ConflictingSettings"})
	f.ExistingKnown = false
	if r := Compile(loadBalancer(older, younger), f, config(), nil); r.Stack != nil || len(r.Needs) == 0 {
		t.Errorf("what exists was not asked for: %+v", r)
	}
}

// TestRestartWithoutMemoryLoosensNoDefault has the oldest member ask for another scheme than the default that AWS has.
// The member may have been set aside for that before the restart.
func TestRestartWithoutMemoryLoosensNoDefault(t *testing.T) {
	t.Parallel()
	older, public := ingress("a", "older", scheme(stack.InternetFacing), born(1)), scheme(stack.InternetFacing)
	for name, c := range map[string]struct {
		others []intent.Member
		want   string
	}{
		"another namespace has the default": {[]intent.Member{ingress("b", "b", born(2))}, stack.Internal},
		"another namespace, beside one that agrees": {[]intent.Member{ingress("c", "c", public, born(2)), ingress("b", "b",
			born(3))}, stack.Internal},
		"all want the same":        {[]intent.Member{ingress("b", "b", public, born(2))}, stack.InternetFacing},
		"all are of one namespace": {[]intent.Member{ingress("a", "b", born(2))}, stack.InternetFacing},
	} {
		was := Compile(loadBalancer(ingress("b", "b"), ingress("b", "gone")), account(), config(), nil)
		f := asFacts(account(), mustBuild(t, was))
		var memory *Memory
		for _, when := range []string{"at once", "later"} {
			r := Compile(loadBalancer(append([]intent.Member{older}, c.others...)...), f, config(), memory)
			if got := mustBuild(t, r).LoadBalancers[0].Scheme; got != c.want {
				t.Errorf("%s, %s: scheme %s", name, when, got)
			}
			if told := slices.Contains(codes(r.Diagnostics), "older SettingNotPermitted"); told != (c.want == stack.Internal) {
				t.Errorf("%s, %s: %v", name, when, r.Diagnostics)
			}
			memory = r.Memory
		}
	}
}

func TestStrictGroupsStopForAConflictAsBefore(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.StrictGroups = true
	a, z := ingress("a", "a"), ingress("z", "z", scheme(stack.InternetFacing))
	first := Compile(loadBalancer(a, ingress("z", "z")), account(), cfg, nil)
	if s := mustBuild(t, Compile(loadBalancer(a, z), account(), cfg, first.Memory)); s.LoadBalancers[0].Scheme !=
		stack.InternetFacing {
		t.Error("a value that one member sets does not hold for all")
	}
	a.Settings.Scheme = set(&a, "scheme", stack.Internal)
	if r := Compile(loadBalancer(a, z), account(), cfg, first.Memory); r.Stack != nil {
		t.Error("members that disagree do not stop the group")
	}
}

func TestWhatIsInEffectOutlivesAJSONRoundTrip(t *testing.T) {
	t.Parallel()
	a, z := ingress("a", "a", scheme(stack.Internal), ranges("10.0.0.0/8")),
		ingress("z", "z", scheme(stack.InternetFacing))
	first := Compile(loadBalancer(a, z), account(), config(), nil).Memory
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var back Memory
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Members, first.Members) || !reflect.DeepEqual(back.Effect, first.Effect) ||
		len(back.Effect) < 3 {
		t.Errorf("%s\nfrom %+v", text, first.Effect)
	}
}

func TestOnlyNamespacesNamedByClassDecideSharedSettings(t *testing.T) {
	t.Parallel()
	as := func(a intent.Authority) func(*intent.Member) { return func(m *intent.Member) { m.Authority = a } }
	infra := ingress("infra", "settings", scheme(stack.InternetFacing), as(intent.Deciding), born(9))
	shop := ingress("shop", "web", scheme(stack.Internal), ranges("10.0.0.0/8"), tagged("shop"), as(intent.RoutesOnly),
		born(1), lowest)
	own := ingress("zz", "own", func(m *intent.Member) { m.Listeners[0].Port = 8000 }, ranges("192.0.2.0/24"),
		as(intent.RoutesOnly), born(2))
	plain := ingress("infra", "plain", as(intent.Deciding), born(9))
	before := Compile(loadBalancer(ingress("shop", "web", born(1)), plain), account(), config(), nil).Memory
	for name, memory := range map[string]*Memory{
		"at first": nil, "after the defaults of a member that has routes only": before} {
		r := Compile(loadBalancer(shop, own, infra, plain), account(), config(), memory)
		s, web := mustBuild(t, r), "503"
		if memory != nil { // its last valid version
			web = "shop/web-web:80"
		}
		if s.LoadBalancers[0].Scheme != stack.InternetFacing || s.LoadBalancers[0].Tags["Team"] != "" {
			t.Errorf("%s: %+v", name, s.LoadBalancers[0])
		}
		same(t, name, sources(s), []string{"0 0.0.0.0/0", "8 192.0.2.0/24"})
		same(t, name, table(s), []string{
			"80 web.example.com /* → " + web, "80 settings.example.com /* → infra/settings-settings:80",
			"80 plain.example.com /* → infra/plain-plain:80", "8000 own.example.com /* → zz/own-own:80"})
		same(t, name, codes(r.Diagnostics), []string{"web SettingNotPermitted"})
		for _, d := range r.Diagnostics {
			if !strings.Contains(d.Text, "the class parameters let only") {
				t.Errorf("%s: %s", name, d.Text)
			}
		}
	}
}

// TestClassOfGroupCountsWhereNobodyDecides has class parameters name the group and namespaces that decide in it. No
// Ingress of these sets what the parameters set.
func TestClassOfGroupCountsWhereNobodyDecides(t *testing.T) {
	t.Parallel()
	ofClass := func(names bool) func(*intent.Member) {
		return func(m *intent.Member) {
			if m.Authority, m.ClassOfGroup = intent.RoutesOnly, names; names {
				m.Settings.Scheme = byClass(stack.InternetFacing)
			}
			m.Listeners[0].InboundCIDRs = byClass([]string{"10.0.0.0/8"})
		}
	}
	open := ingress("mal", "evil", ranges("0.0.0.0/0"), born(1), lowest, func(m *intent.Member) {
		m.Authority = intent.RoutesOnly
	})
	deciding := func(m *intent.Member) { m.Authority = intent.Deciding }
	for name, c := range map[string]struct {
		members []intent.Member
		scheme  string
		sources string
	}{
		"no Ingress that decides": {[]intent.Member{ingress("shop", "web", ofClass(true)), open}, stack.InternetFacing,
			"0 10.0.0.0/8"},
		"one that decides, and sets nothing": {[]intent.Member{ingress("shop", "web", ofClass(true)), open,
			ingress("infra", "plain", deciding)}, stack.InternetFacing, "0 10.0.0.0/8"},
		"one that decides otherwise": {[]intent.Member{ingress("shop", "web", ofClass(true)), open,
			ingress("infra", "settings", deciding, ranges("192.0.2.0/24"), scheme(stack.Internal))}, stack.Internal,
			"0 192.0.2.0/24"},
		"a class that does not name the group": {[]intent.Member{ingress("shop", "web", ofClass(false)), open,
			ingress("infra", "plain", deciding)}, stack.Internal, "0 0.0.0.0/0"},
	} {
		s := mustBuild(t, Compile(loadBalancer(c.members...), account(), config(), nil))
		if s.LoadBalancers[0].Scheme != c.scheme {
			t.Errorf("%s: the scheme is %s", name, s.LoadBalancers[0].Scheme)
		}
		same(t, name, sources(s), []string{c.sources})
	}
}

func TestMemberThatDeclaresTheDefaultDoesNotOwnIt(t *testing.T) {
	t.Parallel()
	off, on := shield(false), shield(true)
	a, b, c := ingress("shop", "a", born(1)), ingress("team", "b", off, born(2)), ingress("shop", "c", off, born(3))
	first := Compile(loadBalancer(a, ingress("shop", "d")), account(), config(), nil)
	first = Compile(loadBalancer(a, b), account(), config(), first.Memory)
	if s := mustBuild(t, first).LoadBalancers[0].Shield; s != nil {
		t.Errorf("without the oldest namespace: %v", *s)
	}
	both := Compile(loadBalancer(a, b, c), account(), config(), first.Memory)
	if s := mustBuild(t, both).LoadBalancers[0].Shield; s == nil || *s {
		t.Error("what the oldest namespace asks for is not in effect")
	}
	after := Compile(loadBalancer(a, ingress("team", "b", on, born(2))), account(), config(), both.Memory)
	if s := mustBuild(t, after).LoadBalancers[0].Shield; s != nil && !*s {
		t.Error("it cannot be tightened")
	}
	policy := func(m *intent.Member) { m.Listeners[1].SSLPolicy = set(m, "ssl-policy", defaultSSLPolicy) }
	loose := func(m *intent.Member) {
		m.Listeners[1].SSLPolicy = set(m, "ssl-policy", "ELBSecurityPolicy-TLS13-1-0-2021-06")
	}
	a, b, c = ingress("shop", "a", https(certificate1), born(1)), ingress("team", "b", https(certificate1), policy,
		born(2)), ingress("shop", "c", https(certificate1), policy, lowest, born(3))
	r := Compile(loadBalancer(a, ingress("shop", "d", https(certificate1))), account(), config(), nil)
	r = Compile(loadBalancer(a, b), account(), config(), r.Memory)
	r = Compile(loadBalancer(c, a, b), account(), config(), r.Memory)
	r = Compile(loadBalancer(a, b), account(), config(), r.Memory)
	for range 2 {
		r = Compile(loadBalancer(a, ingress("team", "b", https(certificate1), loose, born(2))), account(), config(), r.Memory)
		if got := mustBuild(t, r).Listeners[1].SSLPolicy; got != defaultSSLPolicy {
			t.Errorf("another namespace changes the default to %s", got)
		}
	}
}

func TestANamedSecurityGroupIsNotTakenForTheBackendGroup(t *testing.T) {
	t.Parallel()
	groups := func(ids ...string) func(*intent.Member) {
		return func(m *intent.Member) { m.Settings.SecurityGroups = set(m, "security-groups", ids) }
	}
	both, one := ingress("shop", "a", groups("sg-0a", "sg-0b"), born(2)), ingress("shop", "b", groups("sg-0a"), born(1))
	before := mustBuild(t, Compile(loadBalancer(both, ingress("shop", "c")), account(), config(), nil))
	after := mustBuild(t, Compile(loadBalancer(one, both), asFacts(account(), before), config(), nil))
	if got := after.LoadBalancers[0].SecurityGroups; !reflect.DeepEqual(got, before.LoadBalancers[0].SecurityGroups) {
		t.Errorf("after a restart: %v", got)
	}
}

func shield(on bool) func(*intent.Member) {
	return func(m *intent.Member) { m.Settings.AddOns.Shield = set(m, "shield-advanced-protection", on) }
}
