package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestABrokenMemberKeepsItsLastGoodRules(t *testing.T) {
	t.Parallel()
	a, b := ingress("n", "a"), ingress("n", "b")
	bad := ingress("n", "b", broken("spec.rules[0]"))
	bad.Routes = nil
	r := Compile(loadBalancer(a, bad), account(), config(), remember(a, b))
	same(t, "rules", table(mustBuild(t, r)), []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → n/b-b:80"})
	same(t, "diagnostics", codes(r.Diagnostics), []string{"b InvalidAnnotation"})
	if !strings.Contains(r.Diagnostics[0].Text, "the last valid version of Ingress n/b keeps serving") {
		t.Errorf("the diagnostic does not tell what serves: %s", r.Diagnostics[0].Text)
	}
	if got := r.Memory.Good[bad.Object]; len(got.Routes) != 1 {
		t.Errorf("the last valid version was not kept for next time: %+v", got)
	}
}

func TestNewBrokenMemberAnswers503AndChangesNothingElse(t *testing.T) {
	t.Parallel()
	a := ingress("n", "a")
	a.Routes[0].Conditions = a.Routes[0].Conditions[1:] // every host
	bad := ingress("n", "0", broken("metadata.annotations[alb.ingress.kubernetes.io/scheme]"),
		scheme(stack.InternetFacing), https(certificate1))
	for name, good := range map[string]*Memory{"a newcomer": remember(a), "nothing exists yet": nil} {
		s := mustBuild(t, Compile(loadBalancer(bad, a), account(), config(), good))
		same(t, name+": rules", table(s), []string{"80 0.example.com /* → 503", "80 /* → n/a-a:80"})
		if s.LoadBalancers[0].Scheme != stack.Internal || len(s.Listeners) != 1 {
			t.Errorf("%s: the broken member changed the load balancer: %+v", name, s.LoadBalancers[0])
		}
	}
}

func TestABrokenMemberWithoutKnownListenersAnswers503OnAll(t *testing.T) {
	t.Parallel()
	a := ingress("n", "a", https(certificate1))
	bad := ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/listen-ports]"))
	bad.Listeners = nil
	s := mustBuild(t, Compile(loadBalancer(a, bad), account(), config(), remember(a)))
	same(t, "rules", table(s), []string{
		"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → 503",
		"443 a.example.com /* → n/a-a:80", "443 b.example.com /* → 503",
	})
}

func TestAfterARestartABrokenMembersListenersAndSettingsStay(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0a1", "subnet-0b1"}}
	bad := ingress("n", "b", broken("spec.rules[0]"), scheme(stack.InternetFacing), https(certificate1))
	r := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), nil)
	s := mustBuild(t, r)
	if s.LoadBalancers[0].Scheme != stack.InternetFacing || len(s.Listeners) != 2 {
		t.Errorf("scheme %s, listeners %v", s.LoadBalancers[0].Scheme, s.Listeners)
	}
	same(t, "rules", table(s), []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → 503",
		"443 b.example.com /* → 503"})
	for _, w := range s.Rules {
		if ofB := w.Conditions[0].Values[0] == "b.example.com"; ofB != slices.Contains(r.Keep.Actions,
			stack.Ref{Kind: stack.KindRule, ID: w.ID}) {
			t.Errorf("the rule %v %s: stays as AWS holds it: %t", w.Conditions[0].Values, w.ID, !ofB)
		}
	}
}

func TestAfterARestartWhateverMayBeABrokenMembersStays(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	bad := ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/conditions.b]"), https(certificate1))
	bad.Listeners, bad.Routes = bad.Listeners[1:], nil
	for name, c := range map[string]struct {
		good *Memory
		want []string // of port 443, where it listens
	}{
		"after a restart":             {nil, []string{"n/b-"}},
		"with its last valid version": {remember(ingress("n", "a"), ingress("n", "b", https(certificate1))), nil},
		"a newcomer is no such thing": {remember(ingress("n", "a", https(certificate1))), nil},
	} {
		r := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), c.good)
		for _, l := range mustBuild(t, r).Listeners {
			want := c.want
			if l.Port == 80 {
				want = nil
			}
			same(t, fmt.Sprintf("%s: rules to keep on port %d", name, l.Port), r.Keep.Rules[l.ID].Prefixes, want)
		}
	}
}

func TestAfterARestartABrokenMembersDefaultBackendStays(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	bad := ingress("n", "b", broken("spec.rules[0]"))
	bad.Listeners[0].Default, bad.Listeners[0].DefaultSource = bad.Routes[0].Actions,
		intent.At(bad.Object, "spec.defaultBackend")
	for name, c := range map[string]struct {
		good *Memory
		want bool
	}{"after a restart": {nil, true}, "a newcomer": {remember(ingress("n", "a")), false}} {
		r := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), c.good)
		mustBuild(t, r)
		if kept := slices.Contains(r.Keep.Actions, stack.Ref{Kind: stack.KindListener, ID: "80"}); kept != c.want {
			t.Errorf("%s: %+v", name, r.Keep)
		}
	}
}

// TestWhatABrokenMemberRedirectedHasNoRuleOfItsOwnAgain: a redirect that leads back to itself was never a rule, so that
// nothing stands there, and 503 in its place would hide the rules behind it.
func TestWhatABrokenMemberRedirectedHasNoRuleOfItsOwnAgain(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	bad := ingress("n", "b", broken("spec.rules[0]"), https(certificate1))
	toHTTPS := bad.Routes[0]
	toHTTPS.Actions = []intent.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"}}}
	api := route(bad.Object, "b.example.com", "/api", "b")
	bad.Routes = []intent.Route{toHTTPS, api}
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a"), bad), f, config(), nil))
	same(t, "rules", table(s), []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → 503",
		"443 b.example.com /api → 503"})
}

func TestUnknownSharedSettingAfterRestartHoldsOnlySharedParts(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, IPAddressType: stack.Dualstack,
		Subnets: []string{"subnet-0a1", "subnet-0b1"}}
	for _, path := range []string{"inbound-cidrs", "scheme", "security-groups", "subnets", "ip-address-type",
		"load-balancer-attributes", "listen-ports"} {
		bad := ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/"+path+"]"))
		bad.Routes = nil
		r := Compile(loadBalancer(ingress("n", "a", https(certificate1), scheme(stack.Internal)), bad), f, config(), nil)
		s := mustBuild(t, r)
		if !r.Keep.Settings || s.LoadBalancers[0].Scheme != stack.InternetFacing || s.LoadBalancers[0].IPAddressType !=
			stack.Dualstack {
			t.Errorf("%s: a port that may have been restricted may be opened: %+v", path, s)
		}
		same(t, path+": rules", table(s), []string{"80 a.example.com /* → n/a-a:80", "443 a.example.com /* → n/a-a:80"})
		for _, l := range s.Listeners {
			same(t, path+": rules that are kept", r.Keep.Rules[l.ID].Prefixes, []string{"n/b-"})
		}
		same(t, path+": diagnostics", codes(r.Diagnostics), []string{"a SettingsWait", "b InvalidAnnotation"})
		if len(r.Memory.Good) > 0 || r.Memory.Effect != nil {
			t.Errorf("%s: what is not known is remembered: %+v", path, r.Memory)
		}
		again := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), r.Memory)
		if mustBuild(t, again); !again.Keep.Settings {
			t.Errorf("%s: the next compilation lets go of what exists", path)
		}
	}
}

func TestUnknownSharedSettingHoldsGroupIfAWSHasNoLoadBalancer(t *testing.T) {
	t.Parallel()
	f := account()
	bad := ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/inbound-cidrs]"))
	bad.Former = true // it was part of a load balancer
	r := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), nil)
	if r.Stack != nil || !strings.Contains(r.Diagnostics[0].Text, "until this is fixed, the controller neither creates nor changes") {
		t.Errorf("a port that may have been restricted was opened: %+v", r)
	}
	f.ExistingKnown = false
	if r := Compile(loadBalancer(ingress("n", "a"), bad), f, config(), nil); len(r.Needs) != 1 ||
		r.Needs[0].Kind != facts.NeedStack {
		t.Errorf("what exists was not asked for: %+v", r)
	}
}

func TestABrokenOnlyMemberBuildsNothing(t *testing.T) {
	t.Parallel()
	r := Compile(loadBalancer(ingress("n", "a", broken("spec.rules[0]"))), account(), config(), nil)
	if r.Stack != nil || len(r.Needs) != 0 {
		t.Fatalf("got a stack or needs: %+v", r)
	}
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a InvalidAnnotation"})
}

func TestNoMembersAreNoReasonForARemoval(t *testing.T) {
	t.Parallel()
	if r := Compile(loadBalancer(), facts.Facts{}, config(), nil); r.Stack != nil {
		t.Errorf("a stack: %+v", r.Stack)
	}
}

func TestErrorsThatOnlyCompileFindsSetTheMemberAside(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*intent.Member)
		code   diag.Code
		text   string
	}{
		"no node port": {func(m *intent.Member) {
			g := m.Routes[0].Actions[0].Backends[0].TargetGroup
			g.TargetType, g.Port = "instance", 0
		}, diag.WrongServiceType, "no node port"},
		"IPv6 behind IPv4": {func(m *intent.Member) {
			m.Routes[0].Actions[0].Backends[0].TargetGroup.IPv6 = true
		}, diag.InvalidAnnotation, "dual-stack"},
		"too many values": {func(m *intent.Member) {
			for i := range 5 { // a request must have them all: no splitting helps
				m.Routes[0].Conditions = append(m.Routes[0].Conditions, stack.Condition{Field: stack.HTTPHeader,
					HeaderName: fmt.Sprint("X-", i), Values: []string{"1"}})
			}
		}, diag.InvalidRule, "7 condition values"},
		"two host conditions": {func(m *intent.Member) {
			m.Routes[0].Conditions[1] = stack.Condition{Field: stack.HostHeader, Values: []string{"b.test"}}
		}, diag.InvalidRule, "only one host-header"},
		"bad range": {func(m *intent.Member) {
			m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", []string{"10.0.0.0/33"})
		}, diag.InvalidAnnotation, "10.0.0.0/33"},
		"unknown group": {func(m *intent.Member) { m.Settings.SecurityGroups = set(m, "security-groups", []string{"none"}) },
			diag.SecurityGroupNotFound, "none"},
		"unknown subnet": {func(m *intent.Member) {
			m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: []string{"subnet-0f", "subnet-0a1"}})
		}, diag.InvalidSubnets, "subnet-0f does not exist"},
		"long name": {func(m *intent.Member) {
			m.Settings.Name = set(m, "load-balancer-name", strings.Repeat("x", 33))
		}, diag.NameTooLong, "33"},
		"bad name": {func(m *intent.Member) {
			m.Settings.Name = set(m, "load-balancer-name", "internal-x")
		}, diag.InvalidAnnotation, "internal-x"},
		"redirect to nowhere": {func(m *intent.Member) { m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(443)) },
			diag.InvalidAnnotation, "listener does not exist for SSLRedirect port: 443"},
		"redirect to HTTP": {func(m *intent.Member) { m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(80)) },
			diag.InvalidAnnotation, "non-SSL"},
		"missing target group": {func(m *intent.Member) {
			m.Routes[0].Actions[0].Backends = []intent.Backend{{TargetGroupName: "gone"}}
		}, diag.TargetGroupNotFound, "gone"},
		"unknown scheme": {scheme("public"), diag.InvalidAnnotation, "public"},
		"foreign tag": {func(m *intent.Member) {
			m.Settings.Tags = map[string]intent.Field[string]{"theirs": set(m, "tags", "x")}
		}, diag.InvalidAnnotation, "theirs"},
		"six target groups": {func(m *intent.Member) {
			m.Routes[0].Actions[0].Backends = make([]intent.Backend, 6)
		}, diag.InvalidRule, "at most 5"},
		"unknown IP address": {func(m *intent.Member) {
			m.Settings.IPAddressType = set(m, "ip-address-type", "ipv9")
		}, diag.InvalidAnnotation, "ipv9"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			cfg.ExternalManagedTags = []string{"theirs"}
			bad := ingress("n", "b", c.change)
			r := Compile(loadBalancer(bad), account(), cfg, nil)
			if r.Stack != nil || len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != c.code ||
				!strings.Contains(r.Diagnostics[0].Text, c.text) {
				t.Fatalf("alone: stack %v, diagnostics %v", r.Stack, r.Diagnostics)
			}
			if d := r.Diagnostics[0]; d.Path == "" || d.Remedy == "" || d.Object.Name != "b" {
				t.Errorf("the diagnostic lacks path, remedy or object: %+v", d)
			}
			a, before := ingress("n", "a"), ingress("n", "b")
			s := mustBuild(t, Compile(loadBalancer(a, bad), account(), cfg, remember(a, before)))
			same(t, "with last valid version", table(s), []string{"80 a.example.com /* → n/a-a:80",
				"80 b.example.com /* → n/b-b:80"})
			s = mustBuild(t, Compile(loadBalancer(a, bad), account(), cfg, remember(a)))
			if got := table(s); got[0] != "80 a.example.com /* → n/a-a:80" || len(got) > 1 &&
				!strings.HasSuffix(got[1], "→ 503") {
				t.Errorf("as newcomer: %q", got)
			}
		})
	}
}

func TestStrictGroupsStopAtAnyError(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.StrictGroups = true
	a := ingress("n", "a", scheme(stack.Internal))
	for name, m := range map[string]intent.Member{
		"front":    ingress("n", "b", broken("spec.rules[0]")),
		"compile":  ingress("n", "b", func(m *intent.Member) { m.Routes[0].Conditions[1].Field = stack.HostHeader }),
		"conflict": ingress("n", "b", scheme(stack.InternetFacing)),
	} {
		r := Compile(loadBalancer(a, m), account(), cfg, remember(a, ingress("n", "b")))
		if r.Stack != nil || len(r.Diagnostics) == 0 || len(r.Memory.Good) != 2 {
			t.Errorf("%s: stack %v, diagnostics %v, good %d", name, r.Stack, r.Diagnostics, len(r.Memory.Good))
		}
	}
	if r := Compile(loadBalancer(a, ingress("n", "b")), account(), cfg, nil); r.Stack == nil {
		t.Errorf("sound members do not build: %v", r.Diagnostics)
	}
}

func TestMissingServiceAnsweredWith503IsNoQuarantine(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", func(m *intent.Member) {
		m.Routes[0].Actions = []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: "503"}}}
		m.Diagnostics = diag.List{diag.New(m.Object, "spec.rules[0]", diag.ServiceNotFound, "no such Service", "create it")}
	})
	r := Compile(loadBalancer(m), account(), config(), nil)
	same(t, "rules", table(mustBuild(t, r)), []string{"80 a.example.com /* → 503"})
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a ServiceNotFound"})
}

func TestAMemberThatWasLeftOutAfterARestartStaysAsItIs(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.InternetFacing, Subnets: []string{
		"subnet-0a1", "subnet-0b1"}}
	bad := ingress("n", "b", broken("spec.rules[0]"), scheme(stack.InternetFacing), https(certificate1))
	e := loadBalancer(ingress("n", "a"), bad)
	first := Compile(e, f, config(), nil)
	worse := ingress("n", "b", broken("metadata.annotations[alb.ingress.kubernetes.io/scheme]"))
	for name, e := range map[string]intent.LoadBalancer{"unchanged": e, "worse": loadBalancer(ingress("n", "a"), worse)} {
		second := Compile(e, f, config(), first.Memory)
		if got := mustBuild(t, second); len(got.Listeners) != 2 || got.LoadBalancers[0].Scheme != stack.InternetFacing {
			t.Errorf("%s: listeners %v, scheme %s", name, got.Listeners, got.LoadBalancers[0].Scheme)
		}
		if text := second.Diagnostics[0].Text; !strings.Contains(text, "503") {
			t.Errorf("%s: %q does not tell what its requests get", name, text)
		}
	}
	healed := Compile(loadBalancer(ingress("n", "a"), ingress("n", "b")), f, config(), first.Memory)
	same(t, "healed", table(mustBuild(t, healed)), []string{"80 a.example.com /* → n/a-a:80",
		"80 b.example.com /* → n/b-b:80"})
	if len(healed.Memory.Good) != 2 || healed.Memory.Good[bad.Object].Diagnostics != nil {
		t.Errorf("good versions: %+v", healed.Memory.Good)
	}
}

func TestSoundMembersBeatThoseThatAreLeftOut(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{Type: stack.Application, Scheme: stack.Internal, Subnets: []string{"subnet-0a2"}}
	bad := ingress("n", "a", broken("spec.rules[0]"), scheme(stack.InternetFacing))
	bad.Order = -1
	sound := ingress("n", "b", scheme(stack.Internal))
	if got := mustBuild(t, Compile(loadBalancer(bad, sound), f, config(), nil)).LoadBalancers[0].Scheme; got !=
		stack.Internal {
		t.Errorf("scheme %s", got)
	}
	if got := mustBuild(t, Compile(loadBalancer(bad, ingress("n", "b")), f, config(), nil)).LoadBalancers[0].Scheme; got !=
		stack.Internal {
		t.Errorf("nobody else sets a scheme: the load balancer is replaced by one that is %s", got)
	}
}

func TestRulesOfLeftOutMembersAreSplitWhereTheyExceedLimits(t *testing.T) {
	t.Parallel()
	hosts := []string{"a.b", "b.b", "c.b", "d.b", "e.b", "f.b", "g.b"}
	bad := ingress("n", "b", broken("spec.rules[0]"), func(m *intent.Member) { m.Routes[0].Conditions[0].Values = hosts })
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a"), bad), account(), config(), nil))
	same(t, "rules", table(s), []string{"80 a.example.com /* → n/a-a:80", "80 a.b,b.b,c.b /* → 503",
		"80 d.b,e.b,f.b,g.b /* → 503"})
}

func TestAHeldMemberWithoutGoodVersionHoldsItsGroup(t *testing.T) {
	t.Parallel()
	former := ingress("n", "b", func(m *intent.Member) {
		m.Former = true
		m.Diagnostics = diag.List{diag.New(m.Object, "spec.ingressClassName", diag.InvalidIngressClass, "no such class",
			"create it")}
	})
	a := ingress("n", "a")
	if r := Compile(loadBalancer(a, former), account(), config(), remember(a)); r.Stack != nil || len(r.Diagnostics) != 1 {
		t.Errorf("built without it: %+v", r)
	}
	s := mustBuild(t, Compile(loadBalancer(a, former), account(), config(), remember(a, ingress("n", "b"))))
	same(t, "rules", table(s), []string{"80 a.example.com /* → n/a-a:80", "80 b.example.com /* → n/b-b:80"})
}

func TestOriginsLeadToTheObjectAndTheSetting(t *testing.T) {
	t.Parallel()
	a := ingress("n", "a", https(certificate1), func(m *intent.Member) {
		m.Settings.Attributes = map[string]intent.Field[string]{"x": set(m, "load-balancer-attributes", "1")}
	})
	b := ingress("n", "b", https(certificate1), func(m *intent.Member) {
		m.Settings.Attributes = map[string]intent.Field[string]{"y": set(m, "load-balancer-attributes", "2")}
		m.Settings.Name = byClass("name")
	})
	r := Compile(loadBalancer(a, b), account(), config(), nil)
	mustBuild(t, r)
	lb := r.Origins[stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}]
	if len(lb.Objects) != 2 || lb.Fields["Attributes[y]"].Object() != b.Object || lb.Fields["Name"].Object().Kind !=
		"IngressClassParams" {
		t.Errorf("load balancer: %+v", lb)
	}
	if o := r.Origins[stack.Ref{Kind: stack.KindListener, ID: "443"}]; !strings.Contains(o.Fields["Certificates"].Path(),
		"certificate-arn") {
		t.Errorf("listener: %+v", o)
	}
	if o := r.Origins[stack.Ref{Kind: stack.KindRule, ID: "443:2"}]; len(o.Objects) != 1 || o.Objects[0] != b.Object {
		t.Errorf("rule: %+v", o)
	}
}
