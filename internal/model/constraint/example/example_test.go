package example

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// examples checks that each row has examples and refuses them by itself.
func examples[T any](t *testing.T, rows []constraint.Row[T], refused map[string][]T) {
	t.Helper()
	if len(rows) != len(refused) {
		t.Errorf("%d rows, examples of %d", len(rows), len(refused))
	}
	for _, row := range rows {
		if len(refused[row.Name]) == 0 {
			t.Errorf("%s has no example", row.Name)
		}
		for _, v := range refused[row.Name] {
			if row.Problem(v) == "" {
				t.Errorf("%s admits %+v", row.Name, v)
			}
		}
	}
}

func TestEachRowRefusesItsExamples(t *testing.T) {
	t.Parallel()
	examples(t, constraint.Conditions, Conditions)
	examples(t, constraint.Actions, Actions)
	examples(t, constraint.Transforms, Transforms)
	examples(t, constraint.Tags, Tags)
	examples(t, constraint.TargetGroups, TargetGroups)
	examples(t, constraint.LoadBalancers, LoadBalancers)
	examples(t, constraint.Forwardings, Forwardings)
	examples(t, constraint.Answerings, Answerings)
	examples(t, constraint.ARNs, ARNs)
	examples(t, constraint.Addresses, Addresses)
	for _, a := range constraint.Attributes {
		if len(Attributes[a.Key]) == 0 || a.Of == "" {
			t.Errorf("%s has no example", a.Key)
		}
	}
}

func TestWhatPeopleWriteIsAdmitted(t *testing.T) {
	t.Parallel()
	for _, c := range []stack.Condition{
		{Field: stack.HostHeader, Values: []string{"shop.example.com", "*.example.com", "a?.example.com", "*.*"}},
		{Field: stack.PathPattern, Values: []string{"/*", "/a-b_c/$x.html", "/img/*.jpg", "/~user/@me:1+2&3\"'"}},
		{Field: stack.HTTPHeader, HeaderName: "X-Version", Values: []string{"*ä|b*"}},
		{Field: stack.RequestMethod, Values: []string{"GET", "CUSTOM-METHOD"}},
		{Field: stack.SourceIP, Values: []string{"10.0.0.0/8", "2001:db8::/32"}},
		{Field: stack.QueryString, Query: []stack.QueryValue{{Value: "a"}, {Key: "k", Value: "*"}}},
		{Field: stack.PathPattern, Regex: []string{`^/v[0-9]+/(a|b)$`}}, {Field: stack.HostHeader, Regex: []string{
			`^localhost(:[0-9]+)?$`}},
	} {
		if text := constraint.OfConditions([]stack.Condition{c}); text != "" {
			t.Errorf("%+v: %s", c, text)
		}
	}
	for _, a := range []stack.Action{to(stack.Redirect{Protocol: "HTTPS", Port: "443"}),
		to(stack.Redirect{Host: "#{host}", Path: "/new/#{path}", Query: "#{query}&a=b"}), fixed("503", "", ""), weighted(999),
		sticky(3600)} {
		if text := constraint.OfActions([]stack.Action{a}, nil); text != "" {
			t.Errorf("%+v: %s", a, text)
		}
	}
	alb := constraint.Subject{Kind: constraint.LoadBalancer, Type: stack.Application}
	for key, value := range map[string]string{"idle_timeout.timeout_seconds": "4000", "no.such.attribute": "1",
		"access_logs.s3.prefix": "shop/alb"} {
		if r := constraint.OfAttribute(alb, key, value); r.Problem != "" {
			t.Errorf("%s=%s: %s", key, value, r.Problem)
		}
	}
}

// TestUsualSettingsAreAdmitted has combinations that look alike and that AWS allows.
func TestUsualSettingsAreAdmitted(t *testing.T) {
	t.Parallel()
	for _, tg := range []stack.TargetGroup{
		group(http, func(*stack.TargetGroup) {}), group(udp, func(tg *stack.TargetGroup) {
			tg.HealthCheck.IntervalSeconds = 10
		}), group(tls, func(*stack.TargetGroup) {}),
		group(https, func(tg *stack.TargetGroup) { tg.ProtocolVersion, tg.HealthCheck.Matcher = grpc, "0-99" }),
		group(tcp, func(tg *stack.TargetGroup) {
			tg.HealthCheck = stack.HealthCheck{Protocol: http, Path: "/", Matcher: "200-599", IntervalSeconds: 6}
		}),
		group(http, func(tg *stack.TargetGroup) {
			tg.HealthCheck.IntervalSeconds, tg.HealthCheck.TimeoutSeconds, tg.Tags = 5, 4, map[string]string{
				"Größe/a": "b c=d@e"}
		}),
	} {
		if text := constraint.OfTargetGroup(tg); text != "" {
			t.Errorf("%+v: %s", tg, text)
		}
	}
	for _, lb := range []stack.LoadBalancer{
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.IPAddressType = stack.DualstackWithoutIPv4 }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) {
			lb.IPAddressType, lb.NetworkSourceNAT = stack.Dualstack, "on"
		}),
	} {
		for _, row := range constraint.LoadBalancers {
			if text := row.Problem(lb); text != "" {
				t.Errorf("%+v: %s", lb, text)
			}
		}
	}
	for _, f := range []constraint.Forwarding{forwarding(stack.Network, tcp, 80, tcpUDP, asItIs),
		forwarding(stack.Network, tls, 443,
			tcp, asItIs), forwarding(stack.Application, https, 443, http, func(f *constraint.Forwarding) {
			f.TargetGroup.ProtocolVersion = grpc
		})} {
		if text := constraint.OfForwarding(f); text != "" {
			t.Errorf("%+v: %s", f, text)
		}
	}
}
