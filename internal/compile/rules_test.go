package compile

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func redirectRoute(host, path string, r stack.Redirect) func(*intent.Member) {
	return func(m *intent.Member) {
		first := route(m.Object, host, path, "")
		first.Actions = []intent.Action{{Type: stack.ActionRedirect, Redirect: &r}}
		m.Routes = append([]intent.Route{first}, m.Routes...)
	}
}

func TestRedirectsToThemselvesAreDropped(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		redirect stack.Redirect
		dropped  bool
	}{
		"nothing set": {stack.Redirect{}, true},
		"all the same": {stack.Redirect{Host: "a.example.com", Path: "/x", Port: "80", Protocol: "HTTP",
			Query: "#{query}"}, true},
		"placeholders": {stack.Redirect{Host: "#{host}", Path: "/#{path}", Port: "#{port}", Protocol: "#{protocol}"},
			true},
		"another host":      {stack.Redirect{Host: "b.example.com"}, false},
		"another path":      {stack.Redirect{Path: "/y"}, false},
		"another port":      {stack.Redirect{Port: "443"}, false},
		"another protocol":  {stack.Redirect{Protocol: "HTTPS"}, false},
		"another query":     {stack.Redirect{Query: "a=b"}, false},
		"same but the port": {stack.Redirect{Host: "#{host}", Port: "8080"}, false},
	}
	for name, c := range cases {
		s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", redirectRoute("a.example.com", "/x", c.redirect))),
			account(), config(), nil))
		if dropped := len(s.Rules) == 1; dropped != c.dropped {
			t.Errorf("%s: dropped %v", name, dropped)
		}
	}
}

func TestRulesBehindARedirectOfAllTheirRequestsAreDropped(t *testing.T) {
	t.Parallel()
	away := stack.Redirect{Host: "elsewhere.example.com"}
	cases := map[string]struct {
		conditions []stack.Condition // of the redirect
		hidden     bool
	}{
		"same": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"a.example.com"}},
			{Field: stack.PathPattern, Values: []string{"/*"}}}, true},
		"all hosts": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}, true},
		"all paths": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"a.example.com", "b.example.com"}}},
			true},
		"other host":     {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"b.example.com"}}}, false},
		"some paths":     {[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/x"}}}, false},
		"with header":    {[]stack.Condition{{Field: stack.HTTPHeader, HeaderName: "X", Values: []string{"1"}}}, false},
		"host by regexp": {[]stack.Condition{{Field: stack.HostHeader, Regex: []string{"^b"}}}, false},
	}
	for name, c := range cases {
		m := ingress("n", "a", redirectRoute("", "", away))
		m.Routes[0].Conditions = c.conditions
		r := Compile(loadBalancer(m), account(), config(), nil)
		if hidden := len(mustBuild(t, r).Rules) == 1; hidden != c.hidden {
			t.Errorf("%s: hidden %v", name, hidden)
		}
	}
}

func TestSSLRedirectTakesTheRulesOfAllHTTPListeners(t *testing.T) {
	t.Parallel()
	another := func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 8080, Protocol: "HTTP"})
	}
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", https(certificate1), redirecting),
		ingress("n", "b", https(certificate1), another)), account(), config(), nil))
	same(t, "rules", table(s), []string{"443 a.example.com /* → n/a-a:80", "443 b.example.com /* → n/b-b:80"})
	for _, l := range s.Listeners {
		want := stack.Redirect{Port: "443", Protocol: "HTTPS", StatusCode: "HTTP_301"}
		if r := l.DefaultActions[0].Redirect; (l.Protocol == "HTTP") != (r != nil) || r != nil && *r != want {
			t.Errorf("port %d: %+v", l.Port, l.DefaultActions)
		}
	}
}

func TestRulesFollowMembersAndPorts(t *testing.T) {
	t.Parallel()
	onlySecure := func(m *intent.Member) { m.Routes[0].Ports = []int32{443} }
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", https(certificate1), onlySecure), ingress("n", "b")),
		account(), config(), nil))
	same(t, "rules", table(s), []string{"80 b.example.com /* → n/b-b:80", "443 a.example.com /* → n/a-a:80"})
	if s.Rules[0].ID != "80:1" || s.Rules[1].ID != "443:1" {
		t.Errorf("identities %s, %s", s.Rules[0].ID, s.Rules[1].ID)
	}
}

func TestTargetGroupsOfUsersAreUsedAsTheyAre(t *testing.T) {
	t.Parallel()
	weight := int32(5)
	m := ingress("n", "a", func(m *intent.Member) {
		m.Routes[0].Actions[0].Backends = append(m.Routes[0].Actions[0].Backends,
			intent.Backend{TargetGroupName: "theirs", Weight: &weight}, intent.Backend{TargetGroupARN: usersGroup})
	})
	s := mustBuild(t, Compile(loadBalancer(m), account(), config(), nil))
	same(t, "rules", table(s), []string{"80 a.example.com /* → n/a-a:80arn:theirs" + usersGroup})
	if len(s.TargetGroups) != 1 || len(s.Bindings) != 1 || *s.Rules[0].Actions[0].Forward.TargetGroups[1].Weight != 5 {
		t.Errorf("%+v", s)
	}
	cfg := config()
	cfg.Gates.WeightedTargetGroups = false
	if r := Compile(loadBalancer(m), account(), cfg, nil); r.Stack != nil || r.Diagnostics[0].Code != diag.InvalidRule {
		t.Errorf("weights without the gate: %+v", r)
	}
}

func TestATargetGroupIsMadeOncePerIdentity(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", https(certificate1), func(m *intent.Member) {
		m.Routes = append(m.Routes, route(m.Object, "b.example.com", "/x", "a"))
	})
	s := mustBuild(t, Compile(loadBalancer(m), account(), config(), nil))
	if len(s.TargetGroups) != 1 || len(s.Bindings) != 1 || len(s.Rules) != 4 {
		t.Errorf("%d target groups, %d bindings, %d rules", len(s.TargetGroups), len(s.Bindings), len(s.Rules))
	}
}

func TestARouteOfManyValuesBecomesRulesSideBySide(t *testing.T) {
	t.Parallel()
	values := func(n int) func(*intent.Member) {
		return func(m *intent.Member) {
			var hosts []string
			for i := range n {
				hosts = append(hosts, fmt.Sprintf("h%d.test", i))
			}
			m.Routes[0].Conditions = []stack.Condition{{Field: stack.HostHeader, Values: hosts},
				{Field: stack.PathPattern, Values: []string{"/x", "/x/*"}}}
			m.Routes = append(m.Routes, route(m.Object, "*.test", "/*", "a"))
		}
	}
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", values(5))), account(), config(), nil))
	same(t, "rules", table(s), []string{
		"80 h0.test,h1.test /x,/x/* → n/a-a:80", "80 h2.test,h3.test,h4.test /x,/x/* → n/a-a:80", "80 *.test /* → n/a-a:80",
	})
	r := Compile(loadBalancer(ingress("n", "a", values(1000))), account(), config(), nil)
	same(t, "findings", codes(r.Diagnostics), []string{"a InvalidRule"})
}
