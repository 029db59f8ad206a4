package equality

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// balancer is a load balancer with one listener and rules to Services of the same names.
func balancer(change func(*stack.Stack)) *stack.Stack {
	lb := stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}
	s := &stack.Stack{
		LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Scheme: "internal", Tags: map[string]string{
			"team": "web", "elbv2.k8s.aws/cluster": "c"}}},
		Listeners: []stack.Listener{{ID: "80", LoadBalancer: lb, Port: 80, Protocol: "HTTP",
			DefaultActions: fixed("404")}},
	}
	for _, n := range []string{"a", "b"} {
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{ID: n, Protocol: "HTTP", HealthCheck: stack.HealthCheck{
			Matcher: "200"}})
		s.Bindings = append(s.Bindings, stack.Binding{ID: n, Namespace: "ns", ServiceName: n, ServicePort: "http"})
	}
	s.Rules = []stack.Rule{rule(1, to("a"), "/a", "/a/*"), rule(2, to("b"), "/*")}
	if change != nil {
		change(s)
	}
	return s
}

func rule(order int32, actions []stack.Action, paths ...string) stack.Rule {
	return stack.Rule{Listener: stack.Ref{ID: "80"}, Order: order, Actions: actions, Conditions: []stack.Condition{
		{Field: stack.PathPattern, Values: paths}}}
}

func to(groups ...string) []stack.Action {
	f := &stack.Forward{}
	for _, g := range groups {
		f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{
			TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: g}})
	}
	return []stack.Action{{Type: stack.ActionForward, Forward: f}}
}

func fixed(code string) []stack.Action {
	return []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{StatusCode: code}}}
}

func TestEveryDifferenceThatRequestsOrOperatorsNoticeIsFound(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change func(*stack.Stack)
		want   string // one "what: before → after" per line
	}{
		"nothing": {nil, ""},
		"names, tags of controllers, and the form of a port": {func(s *stack.Stack) {
			s.LoadBalancers[0].Name, s.LoadBalancers[0].Tags["gateway.k8s.aws/migrated-from"] = "other", "x"
			s.Bindings[0].ServicePort = "80"
		}, ""},
		"an add-on that is turned off": {func(s *stack.Stack) { s.LoadBalancers[0].Shield = new(bool) }, ""},
		"an own tag":                   {func(s *stack.Stack) { s.LoadBalancers[0].Tags = nil }, "tag team: web → (not set)"},
		"the scheme": {func(s *stack.Stack) { s.LoadBalancers[0].Scheme = "internet-facing" },
			"scheme: internal → internet-facing"},
		"the rules of a security group, beside the group of all load balancers": {func(s *stack.Stack) {
			s.SecurityGroups = []stack.SecurityGroup{
				{ID: "own", Ingress: []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "198.51.100.0/24"}}},
				{ID: "backend", Shared: true}}
		}, "198.51.100.0/24"},
		"source NAT": {func(s *stack.Stack) { s.LoadBalancers[0].NetworkSourceNAT = "on" },
			"source NAT: (not set) → on"},
		"rules for PrivateLink": {func(s *stack.Stack) { s.LoadBalancers[0].PrivateLinkRules = "off" },
			"inbound rules for PrivateLink: (not set) → off"},
		"the ALPN policy": {func(s *stack.Stack) { s.Listeners[0].ALPN = "HTTP2Only" },
			"listener 80 ALPN policy: (not set) → HTTP2Only"},
		"an address": {func(s *stack.Stack) {
			s.LoadBalancers[0].Subnets = []stack.SubnetMapping{{Subnet: "subnet-a", AllocationID: "eipalloc-a"}}
		}, "addresses: (not set) → eipalloc-a in subnet-a"},
		"a health check":  {func(s *stack.Stack) { s.TargetGroups[0].HealthCheck.Matcher = "200-399" }, "codes 200-399"},
		"a lost listener": {func(s *stack.Stack) { s.Listeners = nil }, "listener 80: present → absent"},
		"another order": {func(s *stack.Stack) {
			s.Rules[0].Order = 3
		}, "GET http://nobody.invalid:80/a: ns/a:80 → ns/b:80"},
		"a narrower path": {func(s *stack.Stack) { s.Rules[0].Conditions[0].Values = []string{"/a"} },
			"/a/: ns/a:80 → ns/b:80"},
		"a wider path": {func(s *stack.Stack) { s.Rules[0].Conditions[0].Values = []string{"/a*"} },
			"/aany: ns/b:80 → ns/a:80"},
		"another weight": {func(s *stack.Stack) { s.Rules[1].Actions = to("a", "b", "b") },
			"ns/b:80 → ns/a:80 (1 of 3), ns/b:80 (2 of 3)"},
		"another response": {func(s *stack.Stack) { s.Rules[1].Actions = fixed("410") }, "ns/b:80 → 410"},
		"a condition": {func(s *stack.Stack) {
			s.Rules[0].Conditions = append(s.Rules[0].Conditions, stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-A",
				Values: []string{"v*"}})
		}, "/a: ns/a:80 → ns/b:80"},
		"a rewrite": {func(s *stack.Stack) {
			s.Rules[0].Transforms = []stack.Transform{
				{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/a", Replace: "/z"}}}}
		}, "ns/a:80 → ns/a:80 as nobody.invalid/z"},
		"a host of its own": {func(s *stack.Stack) {
			s.Rules[0].Conditions = append(s.Rules[0].Conditions, stack.Condition{Field: stack.HostHeader, Regex: []string{
				`^h\.example\.com(:[0-9]+)?$`}})
		}, "http://nobody.invalid:80/a: ns/a:80 → ns/b:80"},
	} {
		got := Compare(balancer(nil), balancer(x.change), func(_, _, _ string) string { return "80" })
		var lines []string
		for _, d := range got.Differences {
			lines = append(lines, d.What+": "+d.Before+" → "+d.After)
		}
		text := strings.Join(lines, "\n")
		if x.want == "" && text != "" || !strings.Contains(text, x.want) {
			t.Errorf("%s: %q, want %q", name, text, x.want)
		}
	}
}

func TestRequestsWithEachHeaderMethodQueryAndSourceAreGenerated(t *testing.T) {
	t.Parallel()
	conditions := []stack.Condition{
		{Field: stack.HTTPHeader, HeaderName: "x-a", Regex: []string{"^(one|two)[0-9]{2}$"}},
		{Field: stack.RequestMethod, Values: []string{"PUT"}},
		{Field: stack.QueryString, Query: []stack.QueryValue{{Key: "k", Value: "v"}}},
		{Field: stack.SourceIP, Values: []string{"203.0.113.0/24"}},
	}
	change := func(s *stack.Stack) { s.Rules[0].Conditions = append(s.Rules[0].Conditions, conditions...) }
	other := func(s *stack.Stack) {
		change(s)
		s.Rules[0].Actions = fixed("410")
	}
	got := Compare(balancer(change), balancer(other), func(_, _, _ string) string { return "80" })
	if len(got.Differences) != 2 || got.Differences[1].What !=
		"PUT http://nobody.invalid:80/a?k=v X-A: one00 from 203.0.113.0" {
		t.Errorf("%+v", got.Differences)
	}
}
