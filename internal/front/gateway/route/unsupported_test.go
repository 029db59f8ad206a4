package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestFieldsOfRoutesThatNothingIsMadeOfAreReported has each field of the routes of the Gateway API v1.7.0 that no load
// balancer of AWS has something for. In the standard construction the condition Accepted names it, in the compatible
// one, where the rule serves, an event.
func TestFieldsOfRoutesThatNothingIsMadeOfAreReported(t *testing.T) {
	t.Parallel()
	const condition, event = "condition", "event"
	const header = "{set: [{name: a, value: b}]}"
	for _, test := range []struct {
		kind, fields         string // of the rule
		path                 string
		standard, compatible string
	}{
		{"HTTPRoute", "timeouts: {request: 1s}", "timeouts", condition, event},
		{"HTTPRoute", "timeouts: {backendRequest: 1s}", "timeouts", condition, event},
		{"HTTPRoute", "retry: {attempts: 2}", "retry", condition, event},
		{"HTTPRoute", "retry: {codes: [500], backoff: 1s}", "retry", condition, event},
		{"HTTPRoute", "sessionPersistence: {type: Cookie, absoluteTimeout: 1h, cookie: {name: a, lifetimeType: Permanent}}",
			"sessionPersistence", condition, event},
		{"HTTPRoute", "filters: [{type: RequestHeaderModifier, requestHeaderModifier: " + header + "}]", "filters[0]",
			condition, condition},
		{"HTTPRoute", "filters: [{type: ResponseHeaderModifier, responseHeaderModifier: " + header + "}]", "filters[0]",
			condition, condition},
		{"HTTPRoute", "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}, percent: 10}}]",
			"filters[0]", condition, condition},
		{"HTTPRoute", "filters: [{type: CORS, cors: {allowOrigins: ['*']}}]", "filters[0]", condition, condition},
		{"HTTPRoute", "filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: api, port: 80}}}]",
			"filters[0]", condition, condition},
		{"HTTPRoute", "filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Other, name: x}}]",
			"filters[0]", condition, event},
		{"HTTPRoute", "backendRefs: [{name: web, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: " +
			header + "}]}]", "backendRefs[0].filters", condition, event},
		{"HTTPRoute", "backendRefs: [{name: web, port: 80, filters: [{type: RequestMirror, requestMirror: {backendRef: " +
			"{name: api, port: 80}}}]}]", "backendRefs[0].filters", condition, event},
		{"HTTPRoute", "backendRefs: [{name: web, port: 80, filters: [{type: ExtensionRef, extensionRef: {group: " +
			"example.com, kind: Other, name: x}}]}]", "backendRefs[0].filters", condition, event},
		{"GRPCRoute", "sessionPersistence: {type: Header}", "sessionPersistence", condition, event},
		{"GRPCRoute", "filters: [{type: RequestHeaderModifier, requestHeaderModifier: " + header + "}]", "filters[0]",
			condition, condition},
		{"GRPCRoute", "filters: [{type: ResponseHeaderModifier, responseHeaderModifier: " + header + "}]", "filters[0]",
			condition, condition},
		{"GRPCRoute", "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}}}]", "filters[0]",
			condition, condition},
		{"GRPCRoute", "backendRefs: [{name: web, port: 80, filters: [{type: ResponseHeaderModifier, " +
			"responseHeaderModifier: " + header + "}]}]", "backendRefs[0].filters", condition, event},
	} {
		backends := "backendRefs: [{name: web, port: 80}], "
		if strings.HasPrefix(test.fields, "backendRefs") {
			backends = ""
		}
		text := fmt.Sprintf("%s\n---\nkind: %s\nmetadata: {name: r}\nspec: {parentRefs: [{name: gw, sectionName: https}], "+
			"rules: [{%s%s}]}", around, test.kind, backends, test.fields)
		for construction, want := range map[rule.Construction]string{rule.Standard: test.standard,
			rule.Compatible: test.compatible} {
			d := Translate(input(t, construction, decode(t, text)))[0]
			got := ""
			if d.Refused != nil && strings.Contains(strings.ReplaceAll(d.Refused.Message, "]: filters", "].filters"),
				"spec.rules[0]."+test.path) {
				got += condition
			}
			for _, f := range d.Found {
				if f.Code == diag.IgnoredSetting && strings.HasPrefix(f.Path, "spec.rules[0]."+test.path) {
					got += event
				}
			}
			if got != want {
				t.Errorf("%s, %s, %s: reported by %q, want %q; %+v %v", construction, test.kind, test.fields, got, want,
					d.Refused, d.Found)
			}
		}
	}
}

// TestExpressionsTakenForTextAreNoted has regular expressions that the compatible construction takes for text.
func TestExpressionsTakenForTextAreNoted(t *testing.T) {
	t.Parallel()
	const regular = "type: RegularExpression"
	for _, test := range []struct{ kind, match, path string }{
		{"HTTPRoute", "queryParams: [{name: a, value: b}, {" + regular + ", name: c, value: d.*}]", "queryParams[1].type"},
		{"HTTPRoute", "queryParams: [{type: Exact, name: a, value: b}]", ""},
		{"HTTPRoute", "headers: [{" + regular + ", name: a, value: b.*}]", ""}, // it has the effect
		{"GRPCRoute", "headers: [{" + regular + ", name: a, value: b.*}]", "headers[0].type"},
		{"GRPCRoute", "method: {" + regular + ", service: a.*}", "method.type"},
		{"GRPCRoute", "method: {service: a}", ""},
	} {
		text := fmt.Sprintf("%s\n---\nkind: %s\nmetadata: {name: r}\nspec: {parentRefs: [{name: gw, sectionName: https}], "+
			"rules: [{backendRefs: [{name: web, port: 80}], matches: [{%s}]}]}", around, test.kind, test.match)
		for _, c := range []rule.Construction{rule.Compatible, rule.Standard} {
			got, want := "", test.path
			for _, f := range Translate(input(t, c, decode(t, text)))[0].Found {
				got += strings.TrimPrefix(f.Path, "spec.rules[0].matches[0].")
			}
			if c == rule.Standard {
				want = ""
			}
			if got != want {
				t.Errorf("%s, %s: noted %q, want %q", c, test.match, got, want)
			}
		}
	}
}

// TestGroupOfABackendIsNoted has a Service of another group, which the compatible construction takes for one of the core
// group.
func TestGroupOfABackendIsNoted(t *testing.T) {
	t.Parallel()
	backend := rules("backendRefs: [{group: example.com, kind: Service, name: web, port: 80}]")
	if d := one(t, rule.Compatible, "https", backend, ""); len(d.Found) != 1 || d.Found[0].Path !=
		"spec.rules[0].backendRefs[0].group" || d.Unresolved != nil {
		t.Error(d.Found, d.Unresolved)
	}
	if d := one(t, rule.Standard, "https", backend, ""); len(d.Found) != 1 || d.Found[0].Code != diag.BackendUnresolved ||
		d.Unresolved == nil {
		t.Error(d.Found, d.Unresolved)
	}
}

// TestTheDefaultScopeOfARouteIsNoted is about routes of each kind.
func TestTheDefaultScopeOfARouteIsNoted(t *testing.T) {
	t.Parallel()
	for kind, section := range map[string]string{"HTTPRoute": "https", "GRPCRoute": "https", "TCPRoute": "tcp",
		"UDPRoute": "udp", "TLSRoute": "tls"} {
		objects := around
		if section != "https" {
			objects = aroundNetwork
		}
		for scope, noted := range map[string]bool{"All": true, "None": false} {
			text := fmt.Sprintf("%s\n---\nkind: %s\nmetadata: {name: r}\nspec: {useDefaultGateways: %s, parentRefs: [{name: "+
				"gw, sectionName: %s}], rules: [{backendRefs: [{name: web, port: 80}]}]}", objects, kind, scope, section)
			d := Translate(input(t, rule.Standard, decode(t, text)))[0]
			got := false
			for _, f := range d.Found {
				got = got || f.Code == diag.IgnoredSetting && f.Path == "spec.useDefaultGateways"
			}
			if got != noted {
				t.Errorf("%s, %s: noted: %v; %v", kind, scope, got, d.Found)
			}
		}
	}
}
