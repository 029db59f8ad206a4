package explain

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// redirects is a listener of HTTP and one of HTTPS, the paths of the former redirecting in every way.
func redirects() Input {
	listener := func(id string) stack.Ref { return stack.Ref{Kind: stack.KindListener, ID: id} }
	to := func(r stack.Redirect) []stack.Action {
		return []stack.Action{{Type: stack.ActionRedirect, Redirect: &r}}
	}
	header := append(path("/private"), stack.Condition{Field: stack.HTTPHeader, HeaderName: "Authorization",
		Values: []string{"*"}})
	rules := []stack.Rule{
		{Conditions: path("/secure"), Actions: to(stack.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301"})},
		{Conditions: path("/self"), Actions: to(stack.Redirect{StatusCode: "HTTP_301"})},
		{Conditions: path("/ping"), Actions: to(stack.Redirect{Path: "/pong", StatusCode: "HTTP_302"})},
		{Conditions: path("/pong"), Actions: to(stack.Redirect{Path: "/ping", StatusCode: "HTTP_302"})},
		{Conditions: path("/longer*"), Actions: to(stack.Redirect{Path: "/#{path}r", StatusCode: "HTTP_302"})},
		{Conditions: path("/elsewhere"), Actions: to(stack.Redirect{Host: "away.example.org", StatusCode: "HTTP_301"})},
		{Conditions: path("/sibling"), Actions: to(stack.Redirect{Host: "b.example.com", Path: "/private",
			StatusCode: "HTTP_301"})},
		{Conditions: path("/balancer"), Actions: to(stack.Redirect{Host: "lb.amazonaws.com", Path: "/end",
			StatusCode: "HTTP_301"})},
		{Conditions: path("/deaf"), Actions: to(stack.Redirect{Port: "8080", StatusCode: "HTTP_301"})},
		{Conditions: path("/garbage"), Actions: to(stack.Redirect{Host: "#{query}", StatusCode: "HTTP_301"})},
		{Conditions: header, Actions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: "200", MessageBody: "known"}}}},
		{Conditions: []stack.Condition{{Field: stack.HostHeader, Values: []string{"*.example.com"}},
			{Field: stack.PathPattern, Values: []string{"/nobody"}}}},
		{Conditions: []stack.Condition{{Field: stack.RequestMethod, Values: []string{"GET"}},
			{Field: stack.PathPattern, Values: []string{"/done"}}},
			Actions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "200", MessageBody: "got"}}}},
		{Conditions: path("/done"), Actions: to(stack.Redirect{Query: "again", StatusCode: "HTTP_302"})},
	}
	for i := range rules {
		rules[i].ID, rules[i].Listener, rules[i].Order = "80:"+string(rune('a'+i)), listener("80"), int32(i+1)
	}
	in := Input{Stack: &stack.Stack{
		Listeners: []stack.Listener{
			{ID: "80", Port: 80, Protocol: "HTTP", DefaultActions: []stack.Action{
				{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "404"}}}},
			{ID: "443", Port: 443, Protocol: "HTTPS", DefaultActions: []stack.Action{
				{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "200", MessageBody: "safe"}}}},
		},
		Rules: rules,
	}}
	in.Observed.LoadBalancers = []awsop.LoadBalancer{{DNSName: "LB.amazonaws.com"}}
	return in
}

func TestRedirectsAreFollowedToTheirEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, request string
		headers       []string
		hops          int
		want          string // in the last walk
	}{
		{"no redirect", "http://a.example.com/end", nil, 0, "→ fixed response 404"},
		{"to HTTPS", "http://a.example.com/secure?x=1", nil, 1,
			"GET https://a.example.com/secure?x=1\n  reaches listener HTTPS 443"},
		{"to itself", "http://a.example.com/self", nil, 0, "leads to the same request again"},
		{"to itself by another spelling", "http://A.example.com:80/self", nil, 0, "leads to the same request again"},
		{"in a circle", "http://a.example.com/ping", nil, 1, "leads to a former request: clients stop at the loop"},
		{"without end", "http://a.example.com/longer", nil, MaxRedirects, "is one redirect too many: browsers stop after 20"},
		{"away", "http://a.example.com/elsewhere", nil, 0,
			"leads elsewhere: no rule of this load balancer is for host away.example.org"},
		{"to a host of a rule", "http://a.example.com/sibling", nil, 1, "GET http://b.example.com/private\n"},
		{"to the load balancer by its name", "http://a.example.com/balancer", nil, 1, "→ fixed response 404"},
		{"to a closed port", "http://a.example.com/deaf", nil, 1, "no listener on port 8080"},
		{"to what is no URL", "http://a.example.com/garbage?%zz", nil, 0, "clients cannot read the Location"},
		{"credentials stay with their host", "http://a.example.com/sibling", []string{"Authorization: secret"}, 1,
			"header Authorization is absent"},
		{"a form is not sent again", "POST http://a.example.com/done", nil, 1, `fixed response 200 "got"`},
		{"a question about the head stays one", "HEAD http://a.example.com/done", nil, 1, "leads to the same request again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRequest(c.request, c.headers, client)
			if err != nil {
				t.Fatal(err)
			}
			w := Follow(redirects(), r)
			hops, last := 0, &w
			for ; last.Next != nil; last = last.Next {
				hops++
			}
			if text := last.Text(false); hops != c.hops || !strings.Contains(text, c.want) {
				t.Errorf("%d hops, want %d; %q is missing in:\n%s", hops, c.hops, c.want, text)
			}
			if all := w.Text(false); strings.Count(all, "Location: ") < c.hops {
				t.Errorf("hops are missing in:\n%s", all)
			}
		})
	}
}

func TestALoopIsReportedWithoutFollowingIt(t *testing.T) {
	t.Parallel()
	r, err := ParseRequest("http://a.example.com/self", nil, client)
	if err != nil {
		t.Fatal(err)
	}
	if w := Ask(redirects(), r); !strings.Contains(w.Stopped, "the same request again") {
		t.Errorf("stopped: %q", w.Stopped)
	}
}

// TestEveryKindOfRuleIsDescribedInWords has each kind of condition, action and transform at least once.
func TestEveryKindOfRuleIsDescribedInWords(t *testing.T) {
	t.Parallel()
	forwards := forward(1)
	with := func(a stack.Action) []stack.Action { return append([]stack.Action{a}, forwards...) }
	rewrite := func(kind, regex, to string) []stack.Transform {
		return []stack.Transform{{Type: kind, Rewrites: []stack.Rewrite{{Regex: regex, Replace: to}}}}
	}
	only := func(c stack.Condition) stack.Rule {
		return stack.Rule{Conditions: []stack.Condition{c}, Actions: forwards}
	}
	for _, c := range []struct {
		name, request string
		rule          stack.Rule
		want          string
	}{
		{"answer", "http://x/",
			stack.Rule{Actions: []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "503"}}}}, "→ fixed response 503"},
		{"redirect", "http://x/a?b",
			stack.Rule{
				Actions: []stack.Action{
					{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "y", StatusCode: "HTTP_302"}}}},
			"→ answer 302, Location: http://y:80/a?b"},
		{"forward", "http://x/", stack.Rule{Actions: forwards}, "→ forward to tga\n"},
		{"shares", "http://x/", stack.Rule{Actions: forward(1, 1)}, "→ forward to tga×1 + tgb×1"},
		{"login", "http://x/",
			stack.Rule{Actions: with(stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
				Issuer: "https://idp"}})}, "→ log in at https://idp, then forward to tga"},
		{"no login, no answer", "http://x/",
			stack.Rule{Actions: with(stack.Action{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{
				UserPoolDomain: "pool", Session: stack.Session{OnUnauthenticated: "deny"}}})},
			"→ answer 401 without a login with the Cognito domain pool, then forward"},
		{"login optional", "http://x/",
			stack.Rule{Actions: with(stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
				Issuer: "https://idp", Session: stack.Session{OnUnauthenticated: "allow"}}})},
			"→ pass on the login at https://idp, if there is one, then forward"},
		{"token", "http://x/",
			stack.Rule{
				Actions: with(stack.Action{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{Issuer: "https://idp"}})},
			"→ check the token of https://idp, then forward"},
		{"URL", "http://x/a", stack.Rule{Actions: forwards, Transforms: rewrite("url-rewrite", "^/a$", "/b")},
			"→ forward to tga, as x/b"},
		{"host", "http://x/a", stack.Rule{Actions: forwards, Transforms: rewrite("host-header-rewrite", "^x$", "y")},
			"→ forward to tga, as y/a"},
		{"host condition", "http://x/", only(stack.Condition{Field: stack.HostHeader, Values: []string{"y"}, Regex: []string{
			"^z"}}), `host is "x", not y or regex ^z`},
		{"path condition", "http://x/a", only(stack.Condition{Field: stack.PathPattern, Values: []string{"/b"}}),
			`path is "/a", not /b`},
		{"header condition", "http://x/", only(stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-Env", Values: []string{
			"dev"}}), `header X-Env is absent, not dev`},
		{"method condition", "http://x/", only(stack.Condition{Field: stack.RequestMethod, Values: []string{"PUT"}}),
			`method is "GET", not PUT`},
		{"query condition", "http://x/?a=1", only(stack.Condition{Field: stack.QueryString, Query: []stack.QueryValue{
			{Key: "b", Value: "2"}, {Value: "c"}}}), `query is "a=1", not ?b=2 or ?c`},
		{"source condition", "http://x/", only(stack.Condition{Field: stack.SourceIP, Values: []string{"10.0.0.0/8"}}),
			`source address is "192.0.2.1", not 10.0.0.0/8`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.rule.ID, c.rule.Listener = "80:1", stack.Ref{Kind: stack.KindListener, ID: "80"}
			in := Input{Stack: &stack.Stack{Listeners: []stack.Listener{{ID: "80", Port: 80, Protocol: "HTTP"}},
				Rules: []stack.Rule{c.rule}}}
			r, err := ParseRequest(c.request, nil, client)
			if err != nil {
				t.Fatal(err)
			}
			w := Follow(in, r)
			if got := w.Text(false); !strings.Contains(got, c.want) {
				t.Errorf("%q is missing in:\n%s", c.want, got)
			}
		})
	}
}
