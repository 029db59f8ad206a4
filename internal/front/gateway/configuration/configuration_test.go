package configuration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	gatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

func spec[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func loadBalancer(t *testing.T, name, text string) *gatewayv1.LoadBalancerConfiguration {
	t.Helper()
	return &gatewayv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec: spec[gatewayv1.LoadBalancerConfigurationSpec](t, text)}
}

func fields(m map[string]intent.Field[string]) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k].Value+" ("+m[k].Source.Object().Name+" "+m[k].Source.Path()+")")
	}
	return strings.Join(out, ", ")
}

func TestTheClassHasPrecedenceUnlessItPrefersTheGateway(t *testing.T) {
	t.Parallel()
	const class = "scheme: internal, tags: {a: c, b: c}, loadBalancerAttributes: [{key: x, value: c}], sourceRanges: " +
		"[], minimumLoadBalancerCapacity: {capacityUnits: 1}, listenerConfigurations: [{protocolPort: 'HTTP:80', " +
		"sslPolicy: c}, {protocolPort: 'HTTPS:443', sslPolicy: c}]"
	gateway := loadBalancer(t, "gateway", "{scheme: internet-facing, loadBalancerName: g, tags: {b: g, c: g}, "+
		"loadBalancerAttributes: [{key: x, value: g}, {key: z, value: g}], sourceRanges: [192.0.2.0/24], "+
		"listenerConfigurations: [{protocolPort: 'HTTPS:443', sslPolicy: g}, {protocolPort: 'TLS:1', sslPolicy: g}]}")
	for _, c := range []struct{ name, class, scheme, tags, attributes, listeners, ranges string }{
		{
			"by default", "{" + class + "}", "internal (class spec.scheme)",
			"a=c (class spec.tags[a]), b=c (class spec.tags[b]), c=g (gateway spec.tags[c])",
			"x=c (class spec.loadBalancerAttributes[x]), z=g (gateway spec.loadBalancerAttributes[z])",
			"HTTP:80=c HTTPS:443=c TLS:1=g", "[] of class",
		},
		{
			"preferring the Gateway", "{mergingMode: prefer-gateway, " + class + "}", "internet-facing (gateway spec.scheme)",
			"a=c (class spec.tags[a]), b=g (gateway spec.tags[b]), c=g (gateway spec.tags[c])",
			"x=g (gateway spec.loadBalancerAttributes[x]), z=g (gateway spec.loadBalancerAttributes[z])",
			"HTTP:80=c HTTPS:443=g TLS:1=g", "[192.0.2.0/24] of gateway",
		},
	} {
		ls := LoadBalancer(loadBalancer(t, "class", c.class), gateway)
		scheme := Value(ls, "scheme", func(s *gatewayv1.LoadBalancerConfigurationSpec) *gatewayv1.Scheme { return s.Scheme })
		if got := fmt.Sprintf("%s (%s %s)", scheme.Value, scheme.Source.Object().Name, scheme.Source.Path()); got !=
			c.scheme {
			t.Errorf("%s: scheme %s, want %s", c.name, got, c.scheme)
		}
		if got := fields(Map(ls, "tags", func(s *gatewayv1.LoadBalancerConfigurationSpec) map[string]string {
			return s.Tags
		})); got != c.tags {
			t.Errorf("%s: tags %s, want %s", c.name, got, c.tags)
		}
		if got := fields(Attributes(ls, "loadBalancerAttributes",
			func(s *gatewayv1.LoadBalancerConfigurationSpec) []gatewayv1.Attribute {
				return s.LoadBalancerAttributes
			})); got != c.attributes {
			t.Errorf("%s: attributes %s, want %s", c.name, got, c.attributes)
		}
		var listeners []string
		all := Listeners(ls)
		for _, p := range slices.Sorted(maps.Keys(all)) {
			listeners = append(listeners, string(p)+"="+*all[p].Spec.SSLPolicy)
		}
		if got := strings.Join(listeners, " "); got != c.listeners {
			t.Errorf("%s: listeners %s, want %s", c.name, got, c.listeners)
		}
		ranges := Value(ls, "sourceRanges", func(s *gatewayv1.LoadBalancerConfigurationSpec) *[]string {
			return s.SourceRanges
		})
		if got := fmt.Sprintf("%v of %s", ranges.Value, ranges.Source.Object().Name); got != c.ranges {
			t.Errorf("%s: ranges %s, want %s (an empty list is one)", c.name, got, c.ranges)
		}
		capacity := Value(ls, "minimumLoadBalancerCapacity",
			func(s *gatewayv1.LoadBalancerConfigurationSpec) *gatewayv1.MinimumLoadBalancerCapacity {
				return s.MinimumLoadBalancerCapacity
			})
		if capacity.Value.CapacityUnits != 1 {
			t.Errorf("%s: the capacity is lost where both have a configuration", c.name)
		}
		if got := Unmatched(all, []gatewayv1.ProtocolPort{"HTTP:80"}); !slices.Equal(got, []gatewayv1.ProtocolPort{
			"HTTPS:443", "TLS:1"}) {
			t.Errorf("%s: without listener: %v", c.name, got)
		}
	}
	if ls := LoadBalancer(nil, nil); len(ls) > 0 ||
		Value(ls, "scheme", func(s *gatewayv1.LoadBalancerConfigurationSpec) *gatewayv1.Scheme { return s.Scheme }).Set {
		t.Error("no configuration has a scheme")
	}
	if ls := LoadBalancer(nil, gateway); len(ls) != 1 || ls[0].Object.Name != "gateway" {
		t.Errorf("the Gateway's alone: %v", ls)
	}
}

func TestTargetGroupsHaveTheirOwnConfigurationBeforeTheDefaults(t *testing.T) {
	t.Parallel()
	group := func(name, text string) *gatewayv1.TargetGroupConfiguration {
		if text == "" {
			return nil
		}
		return &gatewayv1.TargetGroupConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
			Spec: spec[gatewayv1.TargetGroupConfigurationSpec](t, text)}
	}
	named := func(name, defaults string, routes ...string) string {
		return "{defaultConfiguration: {targetGroupName: " + name + "-default" + defaults + "}, routeConfigurations: [" +
			strings.Join(routes, ", ") + "]}"
	}
	route := func(id, name string) string {
		return "{routeIdentifier: " + id + ", targetGroupProps: {targetGroupName: " + name + "}}"
	}
	const kind, namespace, itself = "{kind: HTTPRoute}", "{kind: HTTPRoute, namespace: shop}",
		"{kind: HTTPRoute, namespace: shop, name: web}"
	for _, c := range []struct {
		name                string
		own, class, gateway string
		preferGateway       bool
		want                string // names in order of precedence
	}{
		{"none", "", "", "", false, ""},
		{"its own", named("own", ""), "", "", false, "own-default"},
		{"its own for the route", named("own", "", route(kind, "kind"), route(itself, "route"),
			route(namespace, "namespace")), "", "", false, "route own-default"},
		{"its own for the namespace", named("own", "", route(kind, "kind"), route(namespace, "namespace"),
			route(namespace, "second")), "", "", false, "namespace own-default"},
		{"its own for the kind", named("own", "", route("{kind: GRPCRoute}", "other"),
			route("{kind: HTTPRoute, namespace: other}", "elsewhere"), route("{kind: HTTPRoute, name: web}", "nameless"),
			route(kind, "kind")), "", "", false, "kind own-default"},
		{"a default", "", named("class", "", route(kind, "class-kind")), "", false, "class-kind class-default"},
		{"the default of the Gateway", "", "", named("gateway", "", route(kind, "gateway-kind")), false,
			"gateway-kind gateway-default"},
		{"both defaults", named("own", ""), named("class", "", route(kind, "class-kind")),
			named("gateway", "", route(kind, "gateway-kind")), false, "own-default class-kind class-default gateway-default"},
		{"both, preferring the Gateway", named("own", ""), named("class", "", route(kind, "class-kind")),
			named("gateway", "", route(kind, "gateway-kind")), true, "own-default gateway-kind gateway-default class-default"},
		{"the Gateway preferred that has none", "", named("class", "", route(kind, "class-kind")), "", true,
			"class-kind class-default"},
	} {
		var got []string
		for _, l := range TargetGroup(group("own", c.own), Defaults{group("class", c.class), group("gateway", c.gateway),
			c.preferGateway}, Route{"HTTPRoute", "shop", "web"}) {
			got = append(got, *l.Spec.TargetGroupName)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestFieldsThatAnotherPartOverridesAreFound(t *testing.T) {
	t.Parallel()
	class := loadBalancer(t, "class", `{scheme: internal, ipAddressType: ipv4, tags: {a: "1", b: "2"}, wafV2: {webACL: x},
loadBalancerAttributes: [{key: k, value: "1"}], loadBalancerSubnetsSelector: {tier: [a]},
listenerConfigurations: [{protocolPort: "HTTPS:443", sslPolicy: p}], defaultTargetGroupConfiguration: {name: c}}`)
	own := loadBalancer(t, "own", `{scheme: internet-facing, ipAddressType: ipv4, tags: {a: "9", b: "2", c: "3"},
wafV2: {webACL: y}, loadBalancerAttributes: [{key: k, value: "2"}, {key: m, value: "1"}], enableICMP: true,
loadBalancerSubnetsSelector: {zone: [b]}, mergingMode: prefer-gateway, defaultTargetGroupConfiguration: {name: d},
listenerConfigurations: [{protocolPort: "HTTPS:443", sslPolicy: q}, {protocolPort: "HTTP:80"}]}`)
	var got []string
	for _, s := range Overridden(LoadBalancer(class, own)) {
		got = append(got, s.Place())
	}
	const of = " of LoadBalancerConfiguration ns/own"
	want := []string{"spec.listenerConfigurations[HTTPS:443]" + of, "spec.loadBalancerAttributes[k]" + of,
		"spec.loadBalancerSubnetsSelector" + of, "spec.scheme" + of, "spec.tags[a]" + of, "spec.wafV2" + of}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := Overridden(LoadBalancer(class, nil)); got != nil {
		t.Errorf("one part: %v", got)
	}
}
