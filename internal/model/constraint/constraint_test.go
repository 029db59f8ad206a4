package constraint

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// examples checks that each row refuses its examples by itself.
func examples[T any](t *testing.T, rows []Row[T]) {
	t.Helper()
	for _, row := range rows {
		if len(row.Refused) == 0 {
			t.Errorf("%s has no example", row.Name)
		}
		for _, v := range row.Refused {
			if row.Problem(v) == "" {
				t.Errorf("%s admits %+v", row.Name, v)
			}
		}
	}
}

func TestEachRowRefusesItsExamples(t *testing.T) {
	t.Parallel()
	examples(t, Conditions)
	examples(t, Actions)
	examples(t, Transforms)
	examples(t, Tags)
	examples(t, TargetGroups)
	examples(t, LoadBalancers)
	examples(t, Forwardings)
	for _, a := range Attributes {
		if len(a.Refused) == 0 || a.Of == "" {
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
		if text := OfConditions([]stack.Condition{c}); text != "" {
			t.Errorf("%+v: %s", c, text)
		}
	}
	for _, a := range []stack.Action{to(stack.Redirect{Protocol: "HTTPS", Port: "443"}),
		to(stack.Redirect{Host: "#{host}", Path: "/new/#{path}", Query: "#{query}&a=b"}), fixed("503", "", ""), weighted(999),
		sticky(3600)} {
		if text := OfActions([]stack.Action{a}, nil); text != "" {
			t.Errorf("%+v: %s", a, text)
		}
	}
	alb := Subject{Kind: LoadBalancer, Type: stack.Application}
	for key, value := range map[string]string{"idle_timeout.timeout_seconds": "4000", "no.such.attribute": "1",
		"access_logs.s3.prefix": "shop/alb"} {
		if r := OfAttribute(alb, key, value); r.Problem != "" {
			t.Errorf("%s=%s: %s", key, value, r.Problem)
		}
	}
}

func TestAttributeOfOtherKindNamesItsPlace(t *testing.T) {
	t.Parallel()
	group := Subject{Kind: TargetGroup, Protocol: "TCP", TargetType: stack.TargetIP}
	r := OfAttribute(group, "tcp.idle_timeout.seconds", "350")
	if r.Problem != "tcp.idle_timeout.seconds is no attribute of a target group" ||
		r.Remedy != "set it among the listener attributes (listener-attributes.PROTOCOL-PORT), or remove it" || r.Unfit {
		t.Errorf("%+v", r)
	}
	if r = OfAttribute(group, "slow_start.duration_seconds", "30"); !r.Unfit {
		t.Errorf("%+v", r)
	}
}

func TestCoverHoldsForTheRequestsOfRefusedConditions(t *testing.T) {
	t.Parallel()
	host := stack.Condition{Field: stack.HostHeader, Values: []string{"a.example.com"}}
	for name, c := range map[string]struct {
		in, want []stack.Condition
	}{
		"a path": {[]stack.Condition{host, {Field: stack.PathPattern, Values: []string{"/files|old", "/x*"}}},
			[]stack.Condition{host, {Field: stack.PathPattern, Regex: []string{`^/files\|old$`, "^/x.*$"}}}},
		"a host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"a_b.test"}}}, []stack.Condition{
			{Field: stack.HostHeader, Regex: []string{`^a_b\.test$`}}}},
		"a method": {[]stack.Condition{host, {Field: stack.RequestMethod, Values: []string{"get"}}},
			[]stack.Condition{host}},
		"a long path": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/" + long(128)}}},
			[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/" + long(60) + ".{7}" + long(61) + "$"}}}},
		"a long host": {[]stack.Condition{{Field: stack.HostHeader, Values: []string{"*." + long(126) + ".test"}}},
			[]stack.Condition{{Field: stack.HostHeader, Regex: []string{`^.*\.` + long(57) + ".{15}" + long(54) +
				`\.test$`}}}},
		"wildcards only": {[]stack.Condition{{Field: stack.PathPattern, Values: []string{strings.Repeat("a*", 65)}}}, nil},
		"a pattern":      {[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/(a"}}}, nil},
	} {
		got, ok := Cover(c.in)
		if !ok {
			got = nil
		}
		if !reflect.DeepEqual(got, c.want) || ok && OfConditions(got) != "" {
			t.Errorf("%s: %+v", name, got)
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
		if text := OfTargetGroup(tg); text != "" {
			t.Errorf("%+v: %s", tg, text)
		}
	}
	for _, lb := range []stack.LoadBalancer{
		balancer(stack.Application, func(lb *stack.LoadBalancer) { lb.IPAddressType = stack.DualstackWithoutIPv4 }),
		balancer(stack.Network, func(lb *stack.LoadBalancer) {
			lb.IPAddressType, lb.NetworkSourceNAT = stack.Dualstack, "on"
		}),
	} {
		if text := first(LoadBalancers, lb); text != "" {
			t.Errorf("%+v: %s", lb, text)
		}
	}
	for _, f := range []Forwarding{forwarding(stack.Network, tcp, 80, tcpUDP, asItIs), forwarding(stack.Network, tls, 443,
		tcp, asItIs), forwarding(stack.Application, https, 443, http, func(f *Forwarding) {
		f.TargetGroup.ProtocolVersion = grpc
	})} {
		if text := OfForwarding(f); text != "" {
			t.Errorf("%+v: %s", f, text)
		}
	}
}
