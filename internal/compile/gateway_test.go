package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// attachedRoute makes a member as a route of a Gateway has it: routes by precedence, on port 80.
func attachedRoute(name string, precedence int32, change ...func(*intent.Member)) intent.Member {
	m := ingress("shop", name, change...)
	m.Object.Kind, m.Authority = "HTTPRoute", intent.RoutesOnly
	for i := range m.Routes {
		m.Routes[i].Source, m.Routes[i].Precedence = intent.At(m.Object, m.Routes[i].Source.Path()), []int32{precedence}
		for _, a := range m.Routes[i].Actions {
			for _, b := range a.Backends {
				b.TargetGroup.Object, b.TargetGroup.ID = m.Object, "shop/gw:shop-"+name+":HTTPRoute-shop-"+name+":8080"
			}
		}
	}
	return m
}

// gatewayOf is the load balancer of a Gateway with a listener on port 80, and routes.
func gatewayOf(kind stack.LoadBalancerType, routes ...intent.Member) intent.LoadBalancer {
	e := loadBalancer(ingress("shop", "gw"))
	e.Key, e.Type, e.FixedPorts = stack.Key{Owner: "gateway.k8s.aws.alb", ID: stack.ID{Namespace: "shop", Name: "gw"}},
		kind, true
	g := &e.Members[0]
	g.Object.Kind, g.Authority, g.Routes = "Gateway", intent.Deciding, nil
	if kind == stack.Network {
		g.Listeners[0].Protocol = "TCP"
	}
	e.Members = append(e.Members, routes...)
	return e
}

func TestOnlyTheGatewayHasPorts(t *testing.T) {
	t.Parallel()
	old := attachedRoute("old", 1, func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 8080, Protocol: "HTTP"})
	})
	s := mustBuild(t, Compile(gatewayOf(stack.Application, old), account(), config(), nil))
	if len(s.Listeners) != 1 || s.Listeners[0].Port != 80 {
		t.Errorf("%+v", s.Listeners)
	}
	s = mustBuild(t, Compile(gatewayOf(stack.Application), account(), config(), nil))
	if len(s.Listeners) != 1 || *s.Listeners[0].DefaultActions[0].FixedResponse != *stack.NotFound()[0].FixedResponse {
		t.Errorf("without routes: %+v", s.Listeners)
	}
}

// TestAnInvalidRouteOfAGatewayIsSetAsideAlone has a new route with a mistake, the same once it was good, and both in an
// order that its name and age do not change.
func TestAnInvalidRouteOfAGatewayIsSetAsideAlone(t *testing.T) {
	t.Parallel()
	first := Compile(gatewayOf(stack.Application, attachedRoute("a", 2), attachedRoute("b", 1)), account(), config(), nil)
	same(t, "order", table(mustBuild(t, first)), []string{
		"80 b.example.com /* → shop/gw:shop-b:HTTPRoute-shop-b:8080",
		"80 a.example.com /* → shop/gw:shop-a:HTTPRoute-shop-a:8080",
	})
	bad := attachedRoute("b", 1, broken("spec.rules[0]"))
	bad.Routes[0].Conditions[1].Values = []string{"/other"}
	second := Compile(gatewayOf(stack.Application, attachedRoute("a", 2), bad), account(), config(), first.Memory)
	same(t, "last valid", table(mustBuild(t, second)), table(first.Stack))
	fresh := attachedRoute("c", 0, broken("spec.rules[0]"))
	third := Compile(gatewayOf(stack.Application, attachedRoute("a", 2), attachedRoute("b", 1), fresh), account(),
		config(), first.Memory)
	same(t, "new", table(mustBuild(t, third)), append([]string{"80 c.example.com /* → 503"}, table(first.Stack)...))
	if body := third.Stack.Rules[0].Actions[0].FixedResponse.MessageBody; strings.Contains(body, "Ingress") {
		t.Error(body)
	}
}

// TestAGatewayThatNeverWasValidHasNoLoadBalancer has routes that are valid, and the Gateway once it was.
func TestAGatewayThatNeverWasValidHasNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, kind := range []stack.LoadBalancerType{stack.Application, stack.Network} {
		e := gatewayOf(kind, attachedRoute("a", 1))
		e.Members[0].Diagnostics = diag.List{diag.New(e.Members[0].Object, "spec.x", diag.InvalidSubnets, "wrong",
			"correct it")}
		r := Compile(e, account(), config(), nil)
		if again := Compile(e, account(), config(), r.Memory); r.Stack != nil || again.Stack != nil {
			t.Errorf("%s: %+v", kind, r.Stack)
		}
		if !strings.Contains(r.Diagnostics[0].Text, "the controller neither creates nor changes the load balancer") {
			t.Errorf("%s: %s", kind, r.Diagnostics[0].Text)
		}
	}
	first := Compile(gatewayOf(stack.Application, attachedRoute("a", 1)), account(), config(), nil)
	e := gatewayOf(stack.Application, attachedRoute("a", 1))
	e.Members[0].Diagnostics = diag.List{diag.New(e.Members[0].Object, "spec.x", diag.InvalidSubnets, "wrong",
		"correct it")}
	same(t, "last valid", table(mustBuild(t, Compile(e, account(), config(), first.Memory))), table(first.Stack))
}

// TestAnInvalidRouteOfANetworkLoadBalancerDoesNotSpeakOfPaths has a route that is new, and one that was there before a
// restart.
func TestAnInvalidRouteOfANetworkLoadBalancerDoesNotSpeakOfPaths(t *testing.T) {
	t.Parallel()
	bad := attachedRoute("db", 0, broken("spec.rules[0]"))
	bad.Listeners[0] = intent.Listener{Port: 80, Protocol: "TCP", Default: bad.Routes[0].Actions}
	bad.Routes = nil
	a, standing := account(), account()
	standing.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Network, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	for name, c := range map[string]struct {
		facts facts.Facts
		want  string
	}{
		"new": {a, "; the ports of HTTPRoute shop/db refuse connections until this is fixed"},
		"of a load balancer that exists": {
			standing, "; the existing listeners of HTTPRoute shop/db do not change, and its other ports refuse " +
				"connections until this is fixed"},
	} {
		e := gatewayOf(stack.Network, bad)
		var texts []string
		for _, d := range Compile(e, c.facts, config(), nil).Diagnostics {
			texts = append(texts, d.Text)
		}
		if got := strings.Join(texts, "\n"); !strings.Contains(got, c.want) || strings.Contains(got, "paths") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestANetworkListenerOfAGatewayIsBuiltWithARouteOnly(t *testing.T) {
	t.Parallel()
	if s := mustBuild(t, Compile(gatewayOf(stack.Network), account(), config(), nil)); len(s.Listeners) != 0 {
		t.Errorf("%+v", s.Listeners)
	}
	tcp := attachedRoute("db", 0)
	tcp.Listeners[0] = intent.Listener{Port: 80, Protocol: "TCP", Default: tcp.Routes[0].Actions}
	tcp.Routes = nil
	g := tcp.Listeners[0].Default[0].Backends[0].TargetGroup
	g.Protocol, g.ProtocolVersion = "TCP", ""
	waiting := attachedRoute("other", 0)
	waiting.Listeners, waiting.Routes = []intent.Listener{{Port: 80, Protocol: "TCP"}}, nil
	first := Compile(gatewayOf(stack.Network, tcp, waiting), account(), config(), nil)
	s := mustBuild(t, first)
	if len(s.Listeners) != 1 || s.Listeners[0].DefaultActions[0].Forward.TargetGroups[0].TargetGroup.ID != g.ID {
		t.Errorf("%+v", s.Listeners)
	}
	bad := tcp
	bad.Diagnostics = diag.List{diag.New(tcp.Object, "spec.rules[0]", diag.InvalidRule, "wrong", "correct it").In(
		diag.Route)}
	if s = mustBuild(t, Compile(gatewayOf(stack.Network, bad, waiting), account(), config(), first.Memory)); len(
		s.Listeners) != 1 {
		t.Errorf("with the last valid version: %+v", s.Listeners)
	}
}

func TestTheTargetOfATargetGroupMayBeAnotherLoadBalancer(t *testing.T) {
	t.Parallel()
	e, f := chained()
	s := mustBuild(t, Compile(e, f, config(), nil))
	if len(s.TargetGroups) != 1 || s.TargetGroups[0].Balancer != stack.Literal(stack.KindLoadBalancer, chainedARN) ||
		len(s.Bindings) != 0 {
		t.Errorf("%+v %+v", s.TargetGroups, s.Bindings)
	}
}

// TestTwoRoutesCannotHaveOneTargetGroup has names that join to one identity.
func TestTwoRoutesCannotHaveOneTargetGroup(t *testing.T) {
	t.Parallel()
	a, b := attachedRoute("a", 0), attachedRoute("b", 0)
	b.Routes[0].Actions[0].Backends[0].TargetGroup.ID = a.Routes[0].Actions[0].Backends[0].TargetGroup.ID
	r := Compile(gatewayOf(stack.Application, a, b), account(), config(), nil)
	at := slices.IndexFunc(r.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.TargetGroupTaken })
	if at < 0 || r.Diagnostics[at].Object != b.Object || strings.Contains(r.Diagnostics[at].Message(), "Ingress") {
		t.Errorf("%v", r.Diagnostics)
	}
}

// TestOfTwoTargetGroupsWithOneDeclaredNameTheFirstHasIt has the other one a generated name; of load balancers as
// targets, no name is one that an existing group is to get.
func TestOfTwoTargetGroupsWithOneDeclaredNameTheFirstHasIt(t *testing.T) {
	t.Parallel()
	source := intent.At(diag.Object{Kind: "TargetGroupConfiguration", Namespace: "shop", Name: "web"},
		"spec.defaultConfiguration.targetGroupName")
	declare := func(m *intent.Member) {
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.Name, g.NameSource = "storefront", source
	}
	r := Compile(gatewayOf(stack.Application, attachedRoute("a", 1, declare), attachedRoute("b", 2, declare)), account(),
		config(), nil)
	s := mustBuild(t, r)
	if a, b := s.TargetGroups[0], s.TargetGroups[1]; a.Name != "storefront" || !a.Declared ||
		!strings.HasPrefix(b.Name, "k8s-shop-") || b.Declared ||
		s.Bindings[0].Name != a.Name || s.Bindings[1].Name != b.Name {
		t.Errorf("%+v\n%+v", a, b)
	}
	same(t, "diagnostics", codes(r.Diagnostics), []string{"b IgnoredSetting"})
	if text := r.Diagnostics[0].Text; !strings.Contains(text,
		"targetGroupName storefront has no effect on the target group of shop/gw:shop-b:") ||
		!strings.Contains(text, "target group shop/gw:shop-a:HTTPRoute-shop-a:8080 has that name") ||
		r.Diagnostics[0].Path != source.Place() {
		t.Error(r.Diagnostics[0].Path, text)
	}
	for i, want := range []intent.Source{source, {}} {
		if got := r.Origins[stack.Ref{Kind: stack.KindTargetGroup, ID: s.TargetGroups[i].ID}].Fields["Name"]; got != want {
			t.Errorf("the name of %s is declared in %+v", s.TargetGroups[i].Name, got)
		}
	}
	balancer := attachedRoute("c", 1, declare, func(m *intent.Member) {
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.TargetType, g.Protocol, g.ProtocolVersion, g.Balancer = stack.TargetALB, "TCP", "", "arn:alb"
		m.Listeners, m.Routes = []intent.Listener{{Port: 80, Protocol: "TCP", Default: m.Routes[0].Actions}}, nil
	})
	f := account()
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{
		"arn:alb": {Stack: stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "c"}}}}
	if tg := mustBuild(t, Compile(gatewayOf(stack.Network, balancer), f, config(), nil)).TargetGroups[0]; tg.Name !=
		"storefront" || tg.Declared {
		t.Errorf("%+v", tg)
	}
}

func TestTagsOfARouteAreThoseOfItsRules(t *testing.T) {
	t.Parallel()
	a := attachedRoute("a", 0)
	a.Routes[0].Tags = map[string]string{"team": "shop"}
	s := mustBuild(t, Compile(gatewayOf(stack.Application, a), account(), config(), nil))
	if s.Rules[0].Tags["team"] != "shop" || s.Listeners[0].Tags["team"] != "" {
		t.Error(s.Rules[0].Tags, s.Listeners[0].Tags)
	}
	cfg := config()
	cfg.ExternalManagedTags = []string{"team"}
	if r := Compile(gatewayOf(stack.Application, a), account(), cfg, nil); !strings.Contains(
		strings.Join(codes(r.Diagnostics), " "), "a InvalidRule") {
		t.Error(r.Diagnostics)
	}
}

func TestANetworkLoadBalancerHasCapacityIfAMemberSetsIt(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Gates.EnhancedDefaultBehavior = true
	for name, want := range map[string]*int32{"not set": nil, "set": p(int32(5500))} {
		e := gatewayOf(stack.Network)
		if want != nil {
			e.Members[0].Settings.AddOns.Capacity = set(&e.Members[0], "capacity", *want)
		}
		if diff := cmp.Diff(stack.AddOns{Capacity: want}, mustBuild(t, Compile(e, account(), cfg, nil)).
			LoadBalancers[0].AddOns); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestBindingsHaveTheLabelsOfTheStackBeforeOthers(t *testing.T) {
	t.Parallel()
	e := gatewayOf(stack.Application, attachedRoute("a", 0))
	e.BindingLabels = map[string]string{"team": "shop", "gateway.k8s.aws.alb/stack-name": "theirs"}
	e.BindingAnnotations = map[string]string{"example.com/cost": "7"}
	got := mustBuild(t, Compile(e, account(), config(), nil)).Bindings[0]
	want := map[string]string{"team": "shop", "gateway.k8s.aws.alb/stack-namespace": "shop",
		"gateway.k8s.aws.alb/stack-name": "gw"}
	if diff := cmp.Diff(want, got.Labels); diff != "" || got.Annotations["example.com/cost"] != "7" {
		t.Error(diff, got.Annotations)
	}
}

func TestDualstackServiceUsesAddressFamilyOfLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addresses  string
		ipv6, ipv4 bool
		want       string
	}{
		{stack.IPv4, true, true, stack.IPv4}, {stack.Dualstack, true, true, stack.IPv6},
		{stack.IPv4, false, false, stack.IPv4}, {stack.Dualstack, true, false, stack.IPv6},
	} {
		e := gatewayOf(stack.Application, attachedRoute("a", 1, func(m *intent.Member) {
			g := m.Routes[0].Actions[0].Backends[0].TargetGroup
			g.IPv6, g.IPv4 = c.ipv6, c.ipv4
		}))
		e.Members[0].Settings.Scheme = set(&e.Members[0], "scheme", stack.InternetFacing)
		e.Members[0].Settings.IPAddressType = set(&e.Members[0], "ipAddressType", c.addresses)
		s := mustBuild(t, Compile(e, dualstackAccount(), config(), nil))
		if len(s.TargetGroups) != 1 || s.TargetGroups[0].IPAddressType != c.want || s.Bindings[0].IPAddress != c.want {
			t.Errorf("%+v: %+v %+v", c, s.TargetGroups, s.Bindings)
		}
	}
}

// TestTargetsOfAGatewayAdmitWhatItsListenersAdmit has the sources at the Gateway's listener and the forward at that of
// a route.
func TestTargetsOfAGatewayAdmitWhatItsListenersAdmit(t *testing.T) {
	t.Parallel()
	e := gatewayOf(stack.Network, attachedRoute("sql", 1))
	g, r := &e.Members[0], &e.Members[1]
	g.Settings.NoSecurityGroups = intent.Of(true, intent.At(g.Object, "spec.disableSecurityGroup"))
	g.Listeners[0].InboundCIDRs = intent.Of([]string{"203.0.113.0/24"}, intent.At(g.Object, "spec.sourceRanges"))
	tg := r.Routes[0].Actions[0].Backends[0].TargetGroup
	tg.Protocol, tg.ProtocolVersion, tg.TargetType = "TCP", "", stack.TargetInstance
	tg.HealthCheck = stack.HealthCheck{Protocol: "TCP", Port: "traffic-port"}
	r.Listeners[0].Protocol, r.Listeners[0].Default, r.Routes = "TCP", forwardTo(tg), nil
	s := mustBuild(t, Compile(e, account(), config(), nil))
	if got := admitted(s.Bindings[0].Networking); len(got) != 2 || !strings.HasPrefix(got[0], "203.0.113.0/24 → TCP ") {
		t.Errorf("targets admit %q", got)
	}
}

func TestAPortWithoutAnyRangeAdmitsPrefixListsOnly(t *testing.T) {
	t.Parallel()
	e := gatewayOf(stack.Application, attachedRoute("site", 1))
	l := &e.Members[0].Listeners[0]
	l.InboundCIDRs, l.NoRanges = intent.Of([]string{}, intent.At(diag.Object{}, "spec.sourceRanges")), true
	rules := func() (out []string) {
		r := Compile(e, account(), config(), nil)
		for _, d := range r.Diagnostics {
			t.Errorf("%v", d)
		}
		for _, g := range mustBuild(t, r).SecurityGroups {
			for _, p := range g.Ingress {
				out = append(out, p.CIDR+p.IPv6CIDR+p.PrefixList)
			}
		}
		return out
	}
	if got := rules(); len(got) > 0 {
		t.Errorf("admitted: %q", got)
	}
	l.PrefixLists = intent.Of([]string{"pl-1"}, intent.At(diag.Object{}, "spec.securityGroupPrefixes"))
	if got := rules(); !slices.Equal(got, []string{"pl-1"}) {
		t.Errorf("admitted: %q", got)
	}
}
