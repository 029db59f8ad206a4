package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// pathed is an Ingress with a rule for a path before one for all.
func pathed(path string, change ...func(*intent.Route)) intent.Member {
	m := ingress("shop", "a")
	one := route(m.Object, "a.example.com", path, "files")
	for _, c := range change {
		c(&one)
	}
	m.Routes = append([]intent.Route{one}, m.Routes...)
	m.Routes[1].Source = intent.At(m.Object, "spec.rules[0].http.paths[1]")
	return m
}

func TestRefusedRuleAnswers503InItsPlace(t *testing.T) {
	t.Parallel()
	const wide = "80 a.example.com /* → shop/a-a:80"
	weight := int32(1000)
	for name, c := range map[string]struct {
		path   string
		change func(*intent.Route)
		want   string
		text   string
	}{
		"a path": {"/files|old", func(*intent.Route) {}, `80 a.example.com ^/files\|old$ → 503`,
			`path "/files|old" has a character`},
		"a weight": {"/files", func(r *intent.Route) { r.Actions[0].Backends[0].Weight = &weight },
			"80 a.example.com /files → 503", "a weight is 1000"},
		"a rewrite": {"/files", func(r *intent.Route) {
			r.Transforms = []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "("}}}}
		}, "80 a.example.com /files → 503", "regular expression"},
		"a method": {"/files", func(r *intent.Route) {
			r.Conditions = append(r.Conditions, stack.Condition{Field: stack.RequestMethod, Values: []string{"get"}})
		}, "80 a.example.com /files → 503", "request method"},
		"a redirect": {"/files", func(r *intent.Route) {
			r.Actions = []intent.Action{
				{Type: stack.ActionRedirect, Redirect: &stack.Redirect{StatusCode: "HTTP_301", Port: "0"}}}
		}, "80 a.example.com /files → 503", "port of a redirect"},
	} {
		good := Compile(loadBalancer(pathed("/files")), account(), config(), nil)
		bad := loadBalancer(pathed(c.path, c.change))
		fresh := Compile(bad, account(), config(), nil)
		same(t, name+", new", table(mustBuild(t, fresh)), []string{c.want, wide})
		edited := Compile(bad, account(), config(), good.Memory)
		same(t, name+", edited", table(mustBuild(t, edited)), table(good.Stack))
		for when, r := range map[string]Result{"new": fresh, "edited": edited} {
			if d := r.Diagnostics; len(d) != 1 || d[0].Code != diag.InvalidRule || !strings.Contains(d[0].Text, c.text) ||
				d[0].Path != "spec.rules[0].http.paths[0]" {
				t.Errorf("%s, %s: %v", name, when, told(d))
			}
		}
		again := Compile(bad, account(), config(), fresh.Memory)
		same(t, name+", again", table(mustBuild(t, again)), []string{c.want, wide})
	}
}

// TestUnservedRouteWithRefusedConditionsKeepsItsRule has a route of which the front end finds a part that cannot be
// served, and AWS refuses the conditions, too.
func TestUnservedRouteWithRefusedConditionsKeepsItsRule(t *testing.T) {
	t.Parallel()
	good := Compile(loadBalancer(ingress("shop", "a")), account(), config(), nil)
	m := ingress("shop", "a")
	u := intent.Unserved{Route: m.Routes[0], Path: "spec.rules[0].filters[0]", Text: "there is no such filter"}
	u.Route.Conditions = []stack.Condition{{Field: stack.HostHeader, Values: []string{"-1"}},
		{Field: stack.PathPattern, Values: []string{"/a b"}}}
	m.Routes, m.Unserved = nil, []intent.Unserved{u}
	memory := good.Memory
	for range 2 {
		r := Compile(loadBalancer(m), account(), config(), memory)
		memory = r.Memory
		same(t, "rules", table(mustBuild(t, r)), table(good.Stack))
	}
}

// TestRemovedRedirectStaysForWhatHTTPCannotServe has a target group of gRPC behind a redirect, which is then removed.
func TestRemovedRedirectStaysForWhatHTTPCannotServe(t *testing.T) {
	t.Parallel()
	served := func(change ...func(*intent.Member)) intent.LoadBalancer {
		m := ingress("shop", "a", https(certificate1))
		group := targetGroup(m.Object, "a")
		group.ProtocolVersion, group.HealthCheck.Matcher = "GRPC", "0"
		m.Routes[0].Actions = forwardTo(group)
		for i := range m.Listeners {
			l := &m.Listeners[i]
			l.Default, l.DefaultSource = forwardTo(group), intent.At(m.Object, "spec.defaultBackend")
		}
		for _, c := range change {
			c(&m)
		}
		return loadBalancer(m)
	}
	memory := Compile(served(redirecting), account(), config(), nil).Memory
	for pass := range 2 {
		r := Compile(served(), account(), config(), memory)
		s := mustBuild(t, r)
		memory = r.Memory
		for _, rule := range s.Rules {
			if rule.Listener.ID == "80" && (len(rule.Actions) != 1 || rule.Actions[0].Redirect == nil ||
				rule.Actions[0].Redirect.Port != "443") {
				t.Errorf("pass %d: the rule of port 80 does %+v", pass, rule.Actions)
			}
		}
		for _, l := range s.Listeners {
			if redirects := l.DefaultActions[0].Redirect != nil; redirects != (l.Port == 80) {
				t.Errorf("pass %d: port %d does %+v", pass, l.Port, l.DefaultActions)
			}
		}
		if said := strings.Join(told(r.Diagnostics), "\n"); len(s.Rules) != 2 ||
			pass == 0 && strings.Count(said, "redirected as before") != 2 {
			t.Errorf("pass %d: %d rules, %s", pass, len(s.Rules), said)
		}
	}
	fresh := mustBuild(t, Compile(served(), account(), config(), nil))
	for _, rule := range fresh.Rules {
		if rule.Listener.ID == "80" && rule.Actions[0].FixedResponse == nil {
			t.Errorf("a new one: the rule of port 80 does %+v", rule.Actions)
		}
	}
}

// TestRuleThatAWSHasStaysThoughRefused swaps the image without a checkpoint: AWS has rules that the tables refuse.
func TestRuleThatAWSHasStaysThoughRefused(t *testing.T) {
	t.Parallel()
	hosted := func(hosts ...string) intent.LoadBalancer {
		m := ingress("shop", "a")
		m.Routes = nil
		for n, host := range hosts {
			one := route(m.Object, host, "/*", fmt.Sprint("s", n))
			one.Source = intent.At(m.Object, fmt.Sprintf("spec.rules[%d]", n))
			m.Routes = append(m.Routes, one)
		}
		return loadBalancer(m)
	}
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
	unread := f
	f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{80: {Port: 80, Protocol: "HTTP"}},
		Rules: map[int32][]stack.Rule{80: {{Conditions: []stack.Condition{
			{Field: stack.HostHeader, Values: []string{"intranet", "a_b.example.com", "shop.xn--p1ai"}}}}}}}
	stand := []string{"intranet", "a_b.example.com", "shop.xn--p1ai"}
	want := []string{"80 intranet /* → shop/a-s0:80", "80 a_b.example.com /* → shop/a-s1:80",
		"80 shop.xn--p1ai /* → shop/a-s2:80"}
	first := Compile(hosted(stand...), f, config(), nil)
	same(t, "without memory", table(mustBuild(t, first)), want)
	again := Compile(hosted(stand...), f, config(), first.Memory)
	same(t, "with memory", table(mustBuild(t, again)), want)
	strict := config()
	strict.StrictGroups = true
	same(t, "strict", table(mustBuild(t, Compile(hosted(stand...), f, strict, nil))), want)
	same(t, "told", told(slices.Concat(first.Diagnostics, again.Diagnostics)), nil)

	one := Compile(hosted("intranet", "b_c.example.com"), f, config(), nil)
	same(t, "a new one", table(mustBuild(t, one)), []string{want[0], `80 ^b_c\.example\.com$ /* → 503`})
	if d := one.Diagnostics; len(d) != 1 || !strings.Contains(d[0].Text, `host "b_c.example.com"`) {
		t.Errorf("%v", told(d))
	}
	for _, before := range []facts.Facts{unread, {}} {
		if r := Compile(hosted("intranet"), before, config(), nil); len(r.Needs) != 1 || r.Stack != nil {
			t.Errorf("what AWS has is not known: %+v", r.Needs)
		}
	}
	unread.Errors = map[facts.Need]error{{Kind: facts.NeedStackDetails, Key: hosted().Key.String()}: errors.New("denied")}
	same(t, "unreadable", table(mustBuild(t, Compile(hosted(stand...), unread, config(), nil))), want)
}

func TestRefusedAttributeIsLeftOutAlone(t *testing.T) {
	t.Parallel()
	m := ingress("shop", "a", func(m *intent.Member) {
		m.Settings.Attributes = map[string]intent.Field[string]{}
		for k, v := range map[string]string{"idle_timeout.timeout_seconds": "9999",
			"routing.http.preserve_host_header.enabled": "false", "stickiness.enabled": "true", "new.attribute": "x",
			"access_logs.s3.bucket": "s3://logs", "access_logs.s3.enabled": "true"} { // both together are one finding
			m.Settings.Attributes[k] = set(m, "load-balancer-attributes", v)
		}
		m.Listeners[0].Attributes = map[string]intent.Field[string]{
			"routing.http.response.server.enabled":               set(m, "listener-attributes.HTTP-80", "no"),
			"routing.http.response.x_frame_options.header_value": set(m, "listener-attributes.HTTP-80", "DENY"),
		}
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.Attributes = map[string]string{"tcp.idle_timeout.seconds": "350", "slow_start.duration_seconds": "30"}
		from := intent.At(m.Object, "metadata.annotations[alb.ingress.kubernetes.io/target-group-attributes]")
		g.AttributeSources = map[string]intent.Source{"tcp.idle_timeout.seconds": from, "slow_start.duration_seconds": from}
	})
	r := Compile(loadBalancer(m), account(), config(), nil)
	s := mustBuild(t, r)
	same(t, "load balancer", []string{fmt.Sprint(s.LoadBalancers[0].Attributes)},
		[]string{"map[new.attribute:x routing.http.preserve_host_header.enabled:false]"})
	same(t, "listener", []string{fmt.Sprint(s.Listeners[0].Attributes)},
		[]string{"map[routing.http.response.x_frame_options.header_value:DENY]"})
	same(t, "target group", []string{fmt.Sprint(s.TargetGroups[0].Attributes)},
		[]string{"map[slow_start.duration_seconds:30]"})
	refused := slices.DeleteFunc(slices.Clone(r.Diagnostics), func(d diag.Diagnostic) bool {
		return strings.Contains(d.Text, UnknownAttribute+": new.attribute")
	})
	same(t, "told", codes(refused), []string{"a InvalidAnnotation", "a InvalidAnnotation", "a InvalidAnnotation",
		"a InvalidAnnotation", "a InvalidAnnotation"})
	for _, d := range refused {
		if !strings.HasSuffix(d.Text, "; the controller does not set it, all other settings take effect") ||
			!strings.HasPrefix(d.Path, "metadata.annotations[") {
			t.Error(d.Message())
		}
	}
}

func TestAttributeWithoutKeyIsLeftOutAlone(t *testing.T) {
	t.Parallel()
	m := ingress("shop", "a", func(m *intent.Member) {
		m.Settings.Attributes = map[string]intent.Field[string]{"": byClass(""),
			"idle_timeout.timeout_seconds": byClass("90")}
	})
	r := Compile(loadBalancer(m), account(), config(), nil)
	same(t, "load balancer", []string{fmt.Sprint(mustBuild(t, r).LoadBalancers[0].Attributes)},
		[]string{"map[idle_timeout.timeout_seconds:90]"})
	if d := r.Diagnostics; len(d) != 1 || !strings.Contains(d[0].Text, "has no key") {
		t.Errorf("%v", told(d))
	}
}

func TestPrefixListThatIsNoIDKeepsSources(t *testing.T) {
	t.Parallel()
	of := func(list string) intent.LoadBalancer {
		return loadBalancer(ingress("shop", "a", func(m *intent.Member) {
			m.Listeners[0].PrefixLists = set(m, "security-group-prefix-lists", []string{list})
		}))
	}
	good := Compile(of("pl-1"), account(), config(), nil)
	edited := Compile(of("corporate"), account(), config(), good.Memory)
	if got := mustBuild(t, edited).SecurityGroups[0].Ingress; len(got) != 1 || got[0].PrefixList != "pl-1" {
		t.Errorf("rules %+v", got)
	}
	for _, r := range []Result{edited, Compile(of("corporate"), account(), config(), nil)} {
		if d := r.Diagnostics; len(d) != 1 || !strings.Contains(d[0].Text, `invalid prefix list "corporate"`) {
			t.Errorf("%v", told(d))
		}
	}
}

func TestSubnetOfAZoneIsNotExchanged(t *testing.T) {
	t.Parallel()
	f := account()
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Network, Scheme: stack.Internal, Subnets: []string{
		"subnet-0a2", "subnet-0b2"}}
	twin := f.Subnets["subnet-0a2"]
	twin.ID, twin.CIDR = "subnet-0a3", "10.0.64.0/20"
	f.Subnets[twin.ID] = twin
	third := twin
	third.ID, third.Zone = "subnet-0c3", "us-west-2c"
	f.Subnets[third.ID] = third
	network := func(subnets ...string) intent.LoadBalancer {
		m := ingress("shop", "net", func(m *intent.Member) {
			m.Object.Kind, m.Routes = "Service", nil
			m.Settings.Subnets = set(m, "subnets", intent.SubnetSelector{IDsOrNames: subnets})
			g := targetGroup(m.Object, "net")
			g.ID, g.Protocol, g.ProtocolVersion = "shop/net:80", "TCP", ""
			m.Listeners = []intent.Listener{{Port: 80, Protocol: "TCP", Default: forwardTo(g)}}
		})
		e := loadBalancer(m)
		e.Key, e.Type = stack.Key{Owner: stack.Service, ID: naming.StackID("shop", "net")}, stack.Network
		return e
	}
	r := Compile(network("subnet-0a3", "subnet-0b2"), f, config(), nil)
	if r.Stack != nil || len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Text,
		"subnet-0a3 instead of subnet-0a2 in zone us-west-2a") ||
		!strings.HasPrefix(r.Diagnostics[0].Remedy, "name subnet-0b2 alone first") {
		t.Errorf("%v", told(r.Diagnostics))
	}
	if r := Compile(network("subnet-0a3"), f, config(), nil); len(r.Diagnostics) != 1 ||
		!strings.HasPrefix(r.Diagnostics[0].Remedy, "name a subnet of another zone in place of these first") {
		t.Errorf("no zone stays: %v", told(r.Diagnostics))
	}
	for _, subnets := range [][]string{{"subnet-0a2", "subnet-0b2"}, {"subnet-0b2"}, {"subnet-0b2", "subnet-0c3"}} {
		if r := Compile(network(subnets...), f, config(), nil); len(mustBuild(t, r).LoadBalancers[0].Subnets) !=
			len(subnets) {
			t.Errorf("%v: %v", subnets, told(r.Diagnostics))
		}
	}
}

// TestProtocolVersionAtHTTPPortKeepsRule has an Ingress at an HTTP and an HTTPS port whose Service gets a protocol
// version that AWS has at HTTPS ports only.
func TestProtocolVersionAtHTTPPortKeepsRule(t *testing.T) {
	t.Parallel()
	of := func(version string) intent.LoadBalancer {
		m := ingress("shop", "a", https(certificate1))
		for i := range m.Routes {
			g := m.Routes[i].Actions[0].Backends[0].TargetGroup
			g.ProtocolVersion, g.HealthCheck.Matcher = version, ""
		}
		return loadBalancer(m)
	}
	at := func(r Result, port string) (out []string) {
		for _, line := range table(mustBuild(t, r)) {
			if strings.HasPrefix(line, port+" ") {
				out = append(out, line)
			}
		}
		return out
	}
	good := Compile(of("HTTP1"), account(), config(), nil)
	for _, version := range []string{"HTTP2", "GRPC"} {
		fresh := Compile(of(version), account(), config(), nil)
		if got := at(fresh, "80"); len(got) != 1 || !strings.HasSuffix(got[0], "→ 503") {
			t.Errorf("%s, new: %q", version, got)
		}
		edited := Compile(of(version), account(), config(), good.Memory)
		again := Compile(of(version), account(), config(), edited.Memory)
		for when, r := range map[string]Result{"edited": edited, "again": again} {
			for _, rule := range mustBuild(t, r).Rules { // AWS refuses the group of the same identity there
				kept := slices.Contains(r.Keep.Actions, stack.Ref{Kind: stack.KindRule, ID: rule.ID})
				if kept != (rule.Listener.ID == "80") {
					t.Errorf("%s, %s: port %s keeps its rule: %t", version, when, rule.Listener.ID, kept)
				}
			}
			same(t, version+" at HTTPS, "+when, at(r, "443"), at(good, "443"))
			if d := r.Diagnostics; len(d) != 1 || d[0].Code != diag.InvalidRule ||
				!strings.Contains(d[0].Text, "protocol version "+version) || !strings.Contains(d[0].Text, "keeps serving") {
				t.Errorf("%s, %s: %v", version, when, told(d))
			}
		}
	}
}

// TestInvalidRedirectDoesNotHideOthersRefusals has a member without HTTPS port whose targets have HTTP2, beside one
// whose redirect of HTTP ports is not in effect, or is. What the first hears depends on what is in effect alone.
func TestInvalidRedirectDoesNotHideOthersRefusals(t *testing.T) {
	t.Parallel()
	http2 := ingress("n", "b", func(m *intent.Member) {
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.ProtocolVersion, g.HealthCheck.Matcher = "HTTP2", ""
	})
	redirecting := func(to int32, change ...func(*intent.Member)) intent.Member {
		return ingress("n", "a", append(change, https(certificate1), func(m *intent.Member) {
			m.Settings.SSLRedirectPort = set(m, "ssl-redirect", to)
		})...)
	}
	last, invalid := redirecting(443), redirecting(443, broken("spec.rules[0]"))
	plain := ingress("n", "a", broken("spec.rules[0]"))
	for name, c := range map[string]struct {
		beside intent.Member
		before *Memory
		served bool // port 80 has rules
	}{
		"a redirect":                         {beside: redirecting(443)},
		"to a port without listener":         {beside: redirecting(8443), served: true},
		"of an invalid newcomer":             {beside: invalid, before: remember(http2), served: true},
		"of the last version":                {beside: invalid, before: remember(last, http2)},
		"no longer, in an invalid version":   {beside: plain, before: remember(last, http2)},
		"no longer":                          {beside: ingress("n", "a"), before: remember(last, http2), served: true},
		"of a port that is none in its last": {beside: redirecting(8443), before: remember(last, http2)},
	} {
		r := Compile(loadBalancer(c.beside, http2), account(), config(), c.before)
		told := slices.Contains(codes(r.Diagnostics), "b InvalidRule")
		if told != c.served {
			t.Errorf("%s: told %t, want %t: %v", name, told, c.served, r.Diagnostics)
		}
		for _, rule := range mustBuild(t, r).Rules {
			text := table(&stack.Stack{Rules: []stack.Rule{rule}})[0]
			if strings.HasPrefix(text, "80 b.example.com") && strings.HasSuffix(text, "n/b-b:80") {
				t.Errorf("%s: AWS refuses %s", name, text)
			}
		}
	}
}

// TestStrictGroupNamesRefusedRule has members whose rules AWS refuses: the group waits for the member, which is told.
func TestStrictGroupNamesRefusedRule(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.StrictGroups = true
	http2 := func(m *intent.Member) {
		g := m.Routes[0].Actions[0].Backends[0].TargetGroup
		g.ProtocolVersion, g.HealthCheck.Matcher = "HTTP2", ""
	}
	for text, bad := range map[string]intent.Member{
		`path "/files|old" has a character`: pathed("/files|old"),
		"protocol version HTTP2":            ingress("shop", "a", http2),
	} {
		before := remember(ingress("shop", "a"), ingress("shop", "b"))
		for name, memory := range map[string]*Memory{"new": nil, "edited": before} {
			r := Compile(loadBalancer(bad, ingress("shop", "b")), account(), cfg, memory)
			same(t, name+", "+text, codes(r.Diagnostics), []string{"a InvalidRule", "b GroupWaits"})
			if r.Stack != nil || !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return strings.Contains(d.Text, text) && strings.HasPrefix(d.Path, "spec.rules[0].http.paths[0]")
			}) {
				t.Errorf("%s, %s: %v", name, text, told(r.Diagnostics))
			}
		}
	}
	beside := ingress("shop", "b", https(certificate1), func(m *intent.Member) {
		m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(443))
	})
	if r := Compile(loadBalancer(ingress("shop", "a", http2), beside), account(), cfg, nil); r.Stack == nil {
		t.Errorf("behind a redirect: %v", told(r.Diagnostics))
	}
}

// TestSetAsideLeavesTheCallersMembers sets a route aside before one that is unserved already. The next build begins
// with the members as they were declared.
func TestSetAsideLeavesTheCallersMembers(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", born(1))
	refused, served := route(web.Object, "a.example.com", "/a b", "web"), route(web.Object, "b.example.com", "/", "web")
	web.Routes = []intent.Route{refused, served}
	web.Unserved = []intent.Unserved{{Route: served, Before: 1}}
	c := &compiler{e: loadBalancer(web)}
	c.setRefusedAside()
	if now := c.e.Members[0]; len(now.Routes) != 1 || len(now.Unserved) != 2 || now.Unserved[1].Before != 0 {
		t.Errorf("%d routes, unserved: %+v", len(now.Routes), now.Unserved)
	}
	if web.Unserved[0].Before != 1 {
		t.Error("the member of the caller has changed")
	}
}

// TestRefusedExpressionOpensNothing has new Ingresses with rules whose regular expressions AWS refuses.
func TestRefusedExpressionOpensNothing(t *testing.T) {
	t.Parallel()
	const wide, others = "80 a.example.com /* → shop/a-a:80", "80 b.example.com /* → bank/b-b:80"
	regex := func(field stack.ConditionField, expression string) func(*intent.Route) {
		return func(r *intent.Route) {
			r.Conditions = slices.DeleteFunc(r.Conditions, func(c stack.Condition) bool { return c.Field == field })
			r.Conditions = append(r.Conditions, stack.Condition{Field: field, Regex: []string{expression}})
		}
	}
	for name, c := range map[string]struct {
		change func(*intent.Route)
		want   string
	}{
		"a look-ahead": {regex(stack.PathPattern, "^/admin(?=/).*$"), "80 a.example.com ^/admin.*$ → 503"},
		"a long one": {regex(stack.PathPattern, "^/admin/("+strings.Repeat("a", 130)+")$"),
			"80 a.example.com ^/admin/.*$ → 503"},
		"any path": {regex(stack.PathPattern, "*"), "80 a.example.com → 503"},
		"any host": {regex(stack.HostHeader, "^(?!www).*$"), "80 /files a.example.com → 503"},
	} {
		bad := pathed("/files", c.change)
		neighbour := ingress("bank", "b")
		neighbour.Routes[0].Conditions[0].Values = []string{"b.example.com"}
		fresh := Compile(loadBalancer(bad, neighbour), account(), config(), nil)
		same(t, name, table(mustBuild(t, fresh)), []string{c.want, wide, others})
		good := Compile(loadBalancer(pathed("/files"), neighbour), account(), config(), nil)
		edited := Compile(loadBalancer(bad, neighbour), account(), config(), good.Memory)
		same(t, name+", edited", table(mustBuild(t, edited)), table(good.Stack))
	}
}

func TestAttributeWithoutItsFirstOrLastWordsIsMisspelt(t *testing.T) {
	t.Parallel()
	s := constraint.Subject{Kind: constraint.LoadBalancer, Type: stack.Application}
	for key, want := range map[string]string{
		"desync_mitigation_mode":                  "routing.http.desync_mitigation_mode",
		"drop_invalid_header_fields.enabled":      "routing.http.drop_invalid_header_fields.enabled",
		"routing.http.drop_invalid_header_fields": "routing.http.drop_invalid_header_fields.enabled",
		"deletion_protection":                     "deletion_protection.enabled",
		"enabled":                                 "enabled",
		"something_new":                           "something_new",
	} {
		if meant, refusal := misspeltAttribute(s, key, "x"); meant != want || (refusal.Problem == "") != (key == want) {
			t.Errorf("%s: %s, %+v", key, meant, refusal)
		}
	}
}
