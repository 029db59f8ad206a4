package explain

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

var client = netip.MustParseAddr("192.0.2.1")

func forward(weights ...int32) []stack.Action {
	f := &stack.Forward{}
	for i := range weights {
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{
			TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/tg"+
				string(rune('a'+i))+"/0"), Weight: &weights[i],
		})
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: f}}
}

func path(p string) []stack.Condition {
	return []stack.Condition{{Field: stack.PathPattern, Values: []string{p}}}
}

// input is an HTTP and an HTTPS listener, open to 192.0.2.0/24.
func input() Input {
	listener := stack.Ref{Kind: stack.KindListener, ID: "80"}
	front := stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.FrontendIdentity}
	url := func(to string) []stack.Transform {
		return []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/.*$", Replace: to}}}}
	}
	return Input{
		Object: diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web"},
		Stack: &stack.Stack{
			Listeners: []stack.Listener{
				{ID: "80", Port: 80, Protocol: "HTTP", DefaultActions: []stack.Action{
					{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: "404", MessageBody: "gone"}}}},
				{ID: "443", Port: 443, Protocol: "HTTPS"},
				{ID: "FrontendNlb-ls-TCP-80", Port: 80, Protocol: "TCP", LoadBalancer: front},
				{ID: "FrontendNlb-ls-TCP-81", Port: 81, Protocol: "TCP", LoadBalancer: front},
			},
			LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Name: "the-alb"},
				{ID: stack.FrontendIdentity, Name: "the-nlb"}},
			SecurityGroups: []stack.SecurityGroup{{ID: stack.ManagedSecurityGroup, Ingress: []stack.Permission{
				{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "192.0.2.0/24"}, {Protocol: "tcp", FromPort: 443, ToPort: 443,
					PrefixList: "pl-1"},
			}}},
			Rules: []stack.Rule{
				{ID: "80:1", Listener: listener, Order: 1, Conditions: path("/split"), Actions: forward(1, 3)},
				{ID: "80:2", Listener: listener, Order: 2, Conditions: path("/none"), Actions: forward(0, 0)},
				{ID: "80:3", Listener: listener, Order: 3, Conditions: path("/rewrite"), Actions: forward(1),
					Transforms: url("/new?y=2")},
				{ID: "80:4", Listener: listener, Order: 4, Conditions: path("/broken"), Actions: forward(1),
					Transforms: url("new")},
				{ID: "80:5", Listener: listener, Order: 5, Conditions: path("/away"), Actions: []stack.Action{
					{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{Issuer: "https://idp.example.com"}},
					{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_302"}}}},
			},
		},
		Targets: map[string][]Target{
			"arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/tga/0": {{Health: "healthy"},
				{Health: "unhealthy", Reason: "Target.Timeout"}, {Health: "healthy"}},
			"arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/tgb/0": {},
		},
	}
}

func TestARequestIsWalkedToItsResult(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, request, from, want string }{
		{"no listener", "http://x:81/", "", "no listener on port 81: the connection is refused; the listeners are HTTP " +
			"80, HTTPS 443"},
		{"another protocol", "https://x:80/", "", "the protocol of port 80 is HTTP, not HTTPS"},
		{"the security group is shut", "http://x/", "203.0.113.1",
			"the security group admits only 192.0.2.0/24 to port 80, not 203.0.113.1: the connection times out"},
		{"a prefix list may admit", "https://x/", "203.0.113.1", "reaches listener HTTPS 443"},
		{"the default", "http://x/else", "", `→ fixed response 404 "gone"`},
		{"what fails is told", "http://x/else", "", `rule 80:2 (): path is "/else", not /none`},
		{"shares and health", "http://x/split", "", "25% tga: 2 healthy, 1 unhealthy (Target.Timeout)"},
		{"no targets", "http://x/split", "", "75% tgb: no targets: requests are answered with 503"},
		{"weights of nothing", "http://x/none", "", "answer 503: every target group has weight 0"},
		{"a rewrite", "http://x/rewrite?x=1", "", "→ forward to tga, as x/new?y=2"},
		{"a rewrite that fails", "http://x/broken", "", "→ answer 500: rewritten URL"},
		{"a redirect behind another action", "http://x/away", "",
			"→ log in at https://idp.example.com, then answer 302, Location: https://x:443/away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := client
			if c.from != "" {
				from = netip.MustParseAddr(c.from)
			}
			r, err := ParseRequest(c.request, nil, from)
			if err != nil {
				t.Fatal(err)
			}
			w := Ask(input(), r)
			if got := w.Text(false); !strings.Contains(got, c.want) {
				t.Errorf("%q is missing in:\n%s", c.want, got)
			}
		})
	}
}

func TestRequestsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	r, err := ParseRequest("POST https://Shop.example.com:8443/a%20b?x=1", []string{"x-env: dev", "X-Env:test",
		"host: other.example.com"}, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != http.MethodPost || r.Scheme != "https" || r.Port != 8443 || r.Path != "/a%20b" || r.RawQuery != "x=1" ||
		r.Host != "other.example.com" ||
		strings.Join(r.Header["X-Env"], ",") != "dev,test" || r.SourceIP != client {
		t.Errorf("%+v", r)
	}
	if r, err := ParseRequest("http://x", nil, client); err != nil || r.Method != http.MethodGet || r.Path != "/" ||
		r.Port != 80 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "/cart", "GET /cart", "ftp://x/", "http://x:99999/", "http://%zz/"} {
		if _, err := ParseRequest(bad, nil, client); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestALoadBalancerInFrontIsDistinguished(t *testing.T) {
	t.Parallel()
	e := Explain(input())
	text := e.Text(false)
	for _, want := range []string{"Load balancer the-alb (does not exist yet)", "Network load balancer in front the-nlb",
		"Listener HTTP 80", "Listener in front, TCP 81"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if at := strings.Index(text, "Listener in front"); at < strings.Index(text, "Listener HTTPS 443") {
		t.Errorf("the listeners in front come first:\n%s", text)
	}
}

func TestColoursAreOnlyAddedToTheText(t *testing.T) {
	t.Parallel()
	e := Explain(input())
	plain, colored := e.Text(false), e.Text(true)
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[1m") {
		t.Errorf("plain:\n%q\ncolored:\n%q", plain, colored)
	}
}

// TestWhatStandsIsExplainedAsItStands has a rule of an Ingress that was broken before the controller started.
func TestWhatStandsIsExplainedAsItStands(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		conditions []stack.Condition // of the rule in AWS
		want       string
	}{"a rule that stands": {path("/split"), "forward"}, "a rule that never stood": {
		path("/else"), "fixed response 503"}} {
		in := input()
		in.Keep.Actions, in.Stack.Rules[0].Actions = []stack.Ref{{Kind: stack.KindRule, ID: in.Stack.Rules[0].ID}},
			stack.UnavailableOf(stack.Ingress)
		in.Observed = awsop.Observed{
			Listeners: []awsop.Listener{{ARN: "arn:l", Listener: stack.Listener{Port: 80}}},
			Rules: []awsop.Rule{
				{ARN: "arn:r", Priority: 7, Rule: stack.Rule{Listener: stack.Literal(stack.KindListener, "arn:l"),
					Conditions: c.conditions, Actions: forward(1)}}},
		}
		r, err := ParseRequest("http://x/split", nil, client)
		if err != nil {
			t.Fatal(err)
		}
		if got := Ask(in, r).Result; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: the request gets %q, want %q", what, got, c.want)
		}
		if got := Explain(in).Listeners[0].Rules[0].Action; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: the rule does %q, want %q", what, got, c.want)
		}
	}
}
