package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// around is a Gateway with an HTTPS and an HTTP listener, and Services.
const around = `
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: alb
  listeners:
  - {name: https, protocol: HTTPS, port: 443, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: GRPCRoute}], namespaces: {from: All}}}
  - {name: http, protocol: HTTP, port: 80, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: GRPCRoute}]}}
---
kind: Service
metadata: {name: web, uid: u-web}
spec:
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: named, port: 81, targetPort: named}
  - {name: h2, port: 82, targetPort: 8082, appProtocol: kubernetes.io/h2c}
  - {name: socket, port: 83, targetPort: 8083, appProtocol: kubernetes.io/ws}
  - {name: secure-socket, port: 84, targetPort: 8084, appProtocol: kubernetes.io/wss}
---
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
kind: Service
metadata: {name: far, namespace: other}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
kind: Secret
metadata: {name: login, uid: u-login}
data: {clientID: bWU=, clientSecret: c2VjcmV0}
---
kind: Secret
metadata: {name: halfway}
data: {clientID: bWU=}
`

// actionsText shows what a rule does.
func actionsText(all []intent.Action) string {
	var out []string
	for _, a := range all {
		text := string(a.Type)
		switch {
		case a.FixedResponse != nil:
			text = strings.TrimSpace(a.FixedResponse.StatusCode + " " + a.FixedResponse.MessageBody)
		case a.Redirect != nil:
			text = strings.TrimSuffix(fmt.Sprintf("redirect %s %s://%s:%s%s?%s", a.Redirect.StatusCode, a.Redirect.Protocol,
				a.Redirect.Host, a.Redirect.Port, a.Redirect.Path, a.Redirect.Query), "?")
		case len(a.Backends) > 0:
			text = ""
			for _, b := range a.Backends {
				name := b.TargetGroupName
				if b.TargetGroup != nil {
					name = b.TargetGroup.ServiceName
				}
				text += fmt.Sprintf("%s=%d ", name, *b.Weight)
			}
			if a.Stickiness != nil {
				text += fmt.Sprintf("sticky %t %d", a.Stickiness.Enabled, a.Stickiness.DurationSeconds)
			}
		}
		out = append(out, strings.TrimSpace(text))
	}
	return strings.Join(out, ", ")
}

// routesText shows the routes of a member: "port conditions → transforms actions".
func routesText(m intent.Member) []string {
	out := []string{}
	for _, r := range m.Routes {
		var parts []string
		for _, c := range r.Conditions {
			text := string(c.Field[:4]) + strings.Join(append(append([]string{}, c.Values...), c.Regex...), "|")
			for _, q := range c.Query {
				text += q.Key + "=" + q.Value
			}
			parts = append(parts, text)
		}
		text := fmt.Sprint(r.Ports[0], " ", strings.Join(parts, " "), " →")
		for _, x := range r.Transforms {
			text += fmt.Sprintf(" %s(%s→%s)", x.Type, x.Rewrites[0].Regex, x.Rewrites[0].Replace)
		}
		if len(r.Authentication) > 0 {
			text += " " + actionsText(r.Authentication) + ","
		}
		out = append(out, text+" "+actionsText(r.Actions))
	}
	return out
}

func problemText(p *attachment.Problem) string {
	if p == nil {
		return ""
	}
	return p.Reason + ": " + p.Message
}

// one decides about an HTTPRoute with rules, attached to a listener of around.
func one(t testing.TB, c rule.Construction, section, rules, more string) Decided {
	t.Helper()
	doc := "kind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: gw, sectionName: " + section +
		"}]\n  rules:\n" + rules
	if section == "" {
		doc = strings.Replace(doc, ", sectionName: ", "", 1)
	}
	if strings.HasPrefix(rules, "kind:") {
		doc = rules
	}
	return Translate(input(t, c, decode(t, around+"\n---\n"+doc+"\n---\n"+more)))[0]
}

func rules(lines ...string) string { return "  - {" + strings.Join(lines, ", ") + "}\n" }

const toWeb = "backendRefs: [{name: web, port: 80}]"

// TestActionsOfRules has the table of chapter 5.5 of the contract.
func TestActionsOfRules(t *testing.T) {
	t.Parallel()
	redirect := func(text string) string {
		return rules("filters: [{type: RequestRedirect, requestRedirect: {" + text + "}}]")
	}
	api := `matches: [{path: {type: PathPrefix, value: /api}}]`
	for name, test := range map[string]struct {
		rules string
		want  string
	}{
		"one backend": {rules(toWeb), "80 path/* → web=1"},
		"weights": {rules("backendRefs: [{name: web, port: 80, weight: 7}, {name: api, port: " +
			"80, weight: 0}]"), "80 path/* → web=7 api=0"},
		"weights beyond AWS's": {rules("backendRefs: [{name: web, port: 80, weight: 1000000}, {name: api, port: " +
			"80, weight: 1}]"), "80 path/* → web=999 api=1"},
		"weights in proportion": {rules("backendRefs: [{name: web, port: 80, weight: 3000}, {name: api, port: 80, " +
			"weight: 1000}]"), "80 path/* → web=999 api=333"},
		"one target group twice": {rules("backendRefs: [{name: web, port: 80, weight: 2}, {name: web, port: " +
			"80, weight: 3}]"), "80 path/* → web=5"},
		"no backend":               {rules("backendRefs: []"), "80 path/* → 500"},
		"no weight":                {rules("backendRefs: [{name: web, port: 80, weight: 0}]"), "80 path/* → 500"},
		"a backend that is absent": {rules("backendRefs: [{name: gone, port: 80}]"), "80 path/* → 500"},
		"one absent of two": {rules("backendRefs: [{name: gone, port: 80, weight: 50}, {name: web, port: " +
			"80, weight: 50}]"), "80 path/* → web=50"},
		"a target group by name": {rules("backendRefs: [{kind: TargetGroupName, name: theirs}]"), "80 path/* → theirs=1"},
		"redirect to a host": {redirect("hostname: a.test, statusCode: 301"),
			"80 path/* → redirect HTTP_301 ://a.test:"},
		"redirect by default":  {redirect("hostname: a.test"), "80 path/* → redirect HTTP_302 ://a.test:"},
		"redirect to a scheme": {redirect("scheme: https"), "80 path/* → redirect HTTP_302 HTTPS://:443"},
		"redirect to a port":   {redirect("scheme: http, port: 8080"), "80 path/* → redirect HTTP_302 HTTP://:8080"},
		"redirect to a path": {redirect("path: {type: ReplaceFullPath, replaceFullPath: /new}"),
			"80 path/* → redirect HTTP_302 ://:/new"},
		"redirect of a prefix": {rules(api, "filters: [{type: RequestRedirect, requestRedirect: {path: {type: "+
			"ReplacePrefixMatch, replacePrefixMatch: /v2}}}]"),
			"80 path/api → redirect HTTP_302 ://:/v2\n80 path/api/* → url-rewrite(^/api→) redirect HTTP_302 ://:/v2/#{path}"},
		"prefix and host": {rules(api, "filters: [{type: RequestRedirect, requestRedirect: {hostname: a.test, "+
			"path: {type: ReplacePrefixMatch, replacePrefixMatch: /v2}}}]"),
			"80 path/api|/api/* → url-rewrite((^/api(/)?)→/v2$2) redirect HTTP_302 ://a.test:"},
		"rewrite of host and path": {rules(toWeb, "filters: [{type: URLRewrite, urlRewrite: {hostname: in.test, path: "+
			"{type: ReplaceFullPath, replaceFullPath: /x}}}]"),
			"80 path/* → url-rewrite(^([^?]*)→/x) host-header-rewrite(.*→in.test) web=1"},
		"rewrite of a backend": {rules("backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: " +
			"{hostname: in.test}}]}]"), "80 path/* → host-header-rewrite(.*→in.test) web=1"},
		"redirect of a backend": {rules("backendRefs: [{name: web, port: 80, filters: [{type: RequestRedirect, " +
			"requestRedirect: {hostname: a.test}}]}]"), "80 path/* → redirect HTTP_302 ://a.test:"},
		"six backends": {rules("backendRefs: [" + strings.TrimSuffix(strings.Repeat("{kind: TargetGroupName, "+
			"name: a0, weight: 0}, ", 1)+"{kind: TargetGroupName, name: a1}, {kind: TargetGroupName, name: a2}, {kind: "+
			"TargetGroupName, name: a3}, {kind: TargetGroupName, name: a4}, {kind: TargetGroupName, name: a5}", ", ") + "]"),
			"80 path/* → a1=1 a2=1 a3=1 a4=1 a5=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := one(t, rule.Standard, "http", test.rules, "")
			if diff := cmp.Diff(test.want, strings.Join(routesText(d.Member), "\n")); diff != "" {
				t.Error(diff)
			}
			if d.Refused != nil || d.Partly != nil {
				t.Errorf("refused %v, partly %v", d.Refused, d.Partly)
			}
		})
	}
}

// TestWhatALoadBalancerCannotDoIsRefusedByName has filters, fields and matches, each beside a rule that serves.
func TestWhatALoadBalancerCannotDoIsRefusedByName(t *testing.T) {
	t.Parallel()
	filter := func(text string) string { return rules(toWeb, "filters: [{"+text+"}]") }
	for name, test := range map[string]struct{ rules, want string }{
		"request headers": {filter("type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}"),
			"spec.rules[0].filters[0]: filter type RequestHeaderModifier is not supported, because a load balancer changes " +
				"no headers of requests; remove the filter, and change the headers in the backend"},
		"response headers": {filter("type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}"),
			"listenerAttributes routing.http.response"},
		"mirror": {filter("type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}"),
			"sends a request to one target"},
		"CORS": {filter("type: CORS, cors: {}"), "preflight"},
		"external authorization": {
			filter("type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: web, port: 80}}"),
			"authenticate-oidc"},
		"status 303": {filter("type: RequestRedirect, requestRedirect: {statusCode: 303}"),
			"answers 301 or 302"},
		"status 307": {filter("type: RequestRedirect, requestRedirect: {statusCode: 307}"),
			"answers 301 or 302"},
		"status 308": {filter("type: RequestRedirect, requestRedirect: {statusCode: 308}"),
			"answers 301 or 302"},
		"prefix redirect to /": {rules("matches: [{path: {type: PathPrefix, value: /a}}]",
			"filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]"),
			"takes it for a redirect to the same place"},
		"time-outs": {rules(toWeb, "timeouts: {request: 10s}"),
			"spec.rules[0].timeouts: timeouts is not supported, because a load balancer has one idle time-out"},
		"retries": {rules(toWeb, "retry: {attempts: 2}"), "spec.rules[0].retry"},
		"sessions": {rules(toWeb, "sessionPersistence: {cookie: {name: a}}"),
			"targetGroupAttributes stickiness"},
		"h2c": {rules("backendRefs: [{name: web, port: 82}]"),
			"spec.rules[0].backendRefs[0]: the backend speaks HTTP2, for which a load balancer needs an HTTPS listener"},
		"filters that disagree": {
			rules("backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: in.test}}]}, " +
				"{name: api, port: 80}]"), "give all backends of the rule the same filters"},
		"a backend's headers": {
			rules("backendRefs: [{name: web, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: " +
				"{remove: [a]}}]}]"), "spec.rules[0].backendRefs[0].filters[0]: filter type RequestHeaderModifier"},
		"a query by expression": {
			rules(toWeb, "matches: [{queryParams: [{type: RegularExpression, name: a, value: b}]}]"),
			"spec.rules[0].matches[0]: query parameter a"},
		"a path that is too long": {rules(toWeb, "matches: [{path: {type: Exact, value: /"+strings.Repeat("a", 200)+"}}]"),
			"at most 128"},
		"six backends with weights": {
			rules("backendRefs: [{kind: TargetGroupName, name: a1}, {kind: TargetGroupName, name: a2}, {kind: " +
				"TargetGroupName, name: a3}, {kind: TargetGroupName, name: a4}, {kind: TargetGroupName, name: a5}, {kind: " +
				"TargetGroupName, name: a6}]"), "forwards to 5 target groups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := one(t, rule.Standard, "http", test.rules, "")
			if got := problemText(d.Refused); !strings.HasPrefix(got, "UnsupportedValue: ") ||
				!strings.Contains(got, test.want) || len(d.Member.Routes) > 0 {
				t.Errorf("alone: %q, serves %v", got, d.Member.Routes)
			}
			d = one(t, rule.Standard, "http", test.rules+rules("matches: [{path: {type: Exact, value: /good}}]", toWeb), "")
			if got := problemText(d.Partly); !strings.HasPrefix(got, "UnsupportedValue: Dropped Rule: ") ||
				!strings.Contains(got, test.want) || d.Refused != nil {
				t.Errorf("beside another rule: %q, refused %v", got, d.Refused)
			}
			if got := strings.Join(routesText(d.Member), "\n"); got != "80 path/good → web=1" {
				t.Error(got)
			}
		})
	}
}

func TestARedirectFromHTTPSToHTTPIsRefusedOnThatListenerOnly(t *testing.T) {
	t.Parallel()
	text := rules("filters: [{type: RequestRedirect, requestRedirect: {scheme: http, hostname: a.test}}]")
	for _, c := range []rule.Construction{rule.Standard, rule.Compatible} {
		d := one(t, c, "https", text, "")
		if got := problemText(d.Refused); !strings.HasPrefix(got, "UnsupportedValue: ") ||
			!strings.Contains(got, "does not redirect from HTTPS to HTTP") || len(d.Member.Routes) > 0 {
			t.Errorf("%s: %q, serves %v", c, got, d.Member.Routes)
		}
	}
	if d := one(t, rule.Standard, "http", text, ""); d.Refused != nil || d.Partly != nil {
		t.Errorf("from HTTP: %v, %v", d.Refused, d.Partly)
	}
}

// TestRedirectsThatServeNobodyAreNoted has redirects to themselves, and to ports with and without a listener.
func TestRedirectsThatServeNobodyAreNoted(t *testing.T) {
	t.Parallel()
	of := func(redirect string) string {
		return rules("matches: [{path: {type: PathPrefix, value: /a}}], filters: [{type: RequestRedirect, requestRedirect: {" +
			redirect + "}}]")
	}
	const prefix = "path: {type: ReplacePrefixMatch, replacePrefixMatch: "
	for redirect, want := range map[string]diag.Code{
		prefix + "/a}": diag.HiddenRule, prefix + "/b}": "", prefix + "/a}, scheme: https": "",
		"scheme: https": "", "port: 8443": diag.IgnoredSetting, "port: 8443, hostname: a.test": "",
	} {
		d := one(t, rule.Standard, "http", of(redirect), "")
		if len(d.Found) > 1 || (len(d.Found) > 0) != (want != "") || want != "" && (d.Found[0].Code != want ||
			d.Found[0].Path != "spec.rules[0]") {
			t.Errorf("%s: %v, want %s", redirect, d.Found, want)
		}
	}
}

// TestCompatibleConstructionIgnoresTheSame holds routes that serve to serving, with a note.
func TestCompatibleConstructionIgnoresTheSame(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"time-outs": rules(toWeb, "timeouts: {request: 10s}"), "retries": rules(toWeb, "retry: {attempts: 2}"),
		"filters of a backend": rules("backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: " +
			"{hostname: in.test}}]}]"),
		"extensions of others": rules(toWeb, "filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: "+
			"Limit, name: a}}]"),
	} {
		d := one(t, rule.Compatible, "http", text, "")
		if got := strings.Join(routesText(d.Member), "\n"); got != "80 path/* → web=1" || len(d.Found) != 1 ||
			d.Refused != nil || d.Partly != nil {
			t.Errorf("%s: %s, %v, %v, %v", name, got, d.Found, d.Refused, d.Partly)
		}
	}
}

func TestAnExtensionOfOthersIsAnsweredWithAnError(t *testing.T) {
	t.Parallel()
	d := one(t, rule.Standard, "http", rules(toWeb, "filters: [{type: ExtensionRef, extensionRef: {group: example.com, "+
		"kind: Limit, name: a}}]"), "")
	if got := strings.Join(routesText(d.Member), "\n"); got != "80 path/* → 500" || d.Refused == nil ||
		d.Refused.Reason != "IncompatibleFilters" {
		t.Error(got, d.Refused)
	}
}

// TestBackendsThatCannotBeUsed has the reasons and messages of chapter 4.6 of the contract.
func TestBackendsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ref, refused, unresolved string }{
		"no port": {"name: web", "UnsupportedValue: Port is required", ""},
		"kind":    {"kind: Bucket, name: web", "", "InvalidKind: Unknown backend reference kind"},
		"a Gateway behind ALBs": {"kind: Gateway, group: gateway.networking.k8s.io, name: gw, port: 80", "",
			"InvalidKind: spec.rules[0].backendRefs[0]: a Gateway can be the backend of a TCPRoute, UDPRoute or TLSRoute of a " +
				"network load balancer only"},
		"absent":       {"name: gone, port: 80", "", "BackendNotFound: Service shop/gone does not exist"},
		"no such port": {"name: web, port: 99", "", "BackendNotFound: Unable to find service port for port 99"},
		"another namespace": {"name: far, namespace: other, port: 80", "",
			"RefNotPermitted: No explicit ReferenceGrant exists to allow the reference."},
		"absent, also elsewhere": {"name: gone, namespace: other, port: 80", "",
			"RefNotPermitted: No explicit ReferenceGrant exists to allow the reference."},
	} {
		d := one(t, rule.Standard, "http", rules("backendRefs: [{"+test.ref+"}]"), "")
		if got := problemText(d.Refused); got != test.refused {
			t.Errorf("%s: refused %q", name, got)
		}
		if got := problemText(d.Unresolved); got != test.unresolved {
			t.Errorf("%s: unresolved %q", name, got)
		}
		if got := strings.Join(routesText(d.Member), "\n"); got != "80 path/* → 500" {
			t.Errorf("%s: %s", name, got)
		}
	}
	d := one(t, rule.Standard, "http", rules("backendRefs: [{name: far, namespace: other, port: 80}]"), `
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}`)
	if got := strings.Join(routesText(d.Member), "\n"); got != "80 path/* → far=1" || d.Unresolved != nil {
		t.Error(got, d.Unresolved)
	}
}

// TestBackendsThatLeadNowhereAreTold has a finding for each backendRef that leads nowhere, at its field, with what its
// requests get.
func TestBackendsThatLeadNowhereAreTold(t *testing.T) {
	t.Parallel()
	d := one(t, rule.Standard, "http", rules("backendRefs: [{name: gone, port: 80}, {name: web, port: 99}]")+
		rules("matches: [{path: {type: PathPrefix, value: /b}}], backendRefs: [{name: web, port: 80}, {name: gone, port: 80}]")+
		rules("matches: [{path: {type: PathPrefix, value: /c}}], backendRefs: [{kind: ConfigMap, name: web}]")+
		rules("matches: [{path: {type: PathPrefix, value: /d}}], backendRefs: [{name: far, namespace: other, port: 80}]"), "")
	var got []string
	for _, f := range d.Found {
		got = append(got, fmt.Sprintf("%s %s %s: %s", f.Class, f.Code, f.Path, f.Text))
	}
	const none, share = "; requests of the rule get 500", "; the other backends of the rule get its share of the requests"
	want := []string{
		"note BackendUnresolved spec.rules[0].backendRefs[0]: Service shop/gone does not exist" + none,
		"note BackendUnresolved spec.rules[0].backendRefs[1].port: Service shop/web has no port 99" + none,
		"note BackendUnresolved spec.rules[1].backendRefs[1]: Service shop/gone does not exist" + share,
		"note BackendUnresolved spec.rules[2].backendRefs[0].kind: ConfigMap web cannot be a backend" + none,
		"note BackendUnresolved spec.rules[3].backendRefs[0]: no ReferenceGrant of namespace other lets HTTPRoutes of " +
			"namespace shop name Service far" + none,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func grpc(section string) string {
	return `kind: GRPCRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gw` + section + `}]
  rules: [{matches: [{method: {service: a.B, method: C}}], backendRefs: [{name: web, port: 80}]}]`
}

// TestTargetGroupsSpeakWhatTheirListenersAdmit holds the version of target groups to the protocols of listeners, in
// both constructions.
func TestTargetGroupsSpeakWhatTheirListenersAdmit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		c              rule.Construction
		section, rules string
		want           string
	}{
		"h2c by HTTPS": {rule.Standard, "https", rules("backendRefs: [{name: web, port: 82}]"),
			"443 HTTP2"},
		"h2c by both, standard": {rule.Standard, "", rules("backendRefs: [{name: web, port: 82}]"),
			"443 HTTP2 Dropped"},
		"h2c by both, compatible": {rule.Compatible, "", rules("backendRefs: [{name: web, port: 82}]"),
			"443 HTTP1, 80 HTTP1 noted"},
		"h2c by HTTP, compatible": {rule.Compatible, "http", rules("backendRefs: [{name: web, port: 82}]"),
			"80 HTTP1 noted"},
		"WebSocket":                       {rule.Standard, "http", rules("backendRefs: [{name: web, port: 83}]"), "80 HTTP1"},
		"gRPC by HTTPS":                   {rule.Standard, "", grpc(", sectionName: https"), "443 GRPC"},
		"gRPC by both":                    {rule.Standard, "", grpc(""), "443 GRPC Dropped"},
		"gRPC by HTTP only":               {rule.Standard, "", grpc(", sectionName: http"), " Refused"},
		"gRPC by both, compatible":        {rule.Compatible, "", grpc(""), "443 HTTP1, 80 HTTP1 noted"},
		"gRPC by HTTPS only, compatible":  {rule.Compatible, "", grpc(", sectionName: https"), "443 GRPC"},
		"HTTP/1 by both is one and fine":  {rule.Standard, "", rules(toWeb), "443 HTTP1, 80 HTTP1"},
		"HTTP/1 by both, also compatible": {rule.Compatible, "", rules(toWeb), "443 HTTP1, 80 HTTP1"},
	} {
		d := one(t, test.c, test.section, test.rules, "")
		var got []string
		for _, r := range d.Member.Routes {
			got = append(got, fmt.Sprint(r.Ports[0], " ", r.Actions[0].Backends[0].TargetGroup.ProtocolVersion))
		}
		// Rules of a port are in their order; ports are in any.
		if len(got) == 2 && got[0] > got[1] {
			got[0], got[1] = got[1], got[0]
		}
		text := strings.Join(got, ", ")
		for what, is := range map[string]bool{" Dropped": d.Partly != nil, " Refused": d.Refused != nil,
			" noted": len(d.Found) > 0} {
			if is {
				text += what
			}
		}
		if text != test.want {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
	}
}

// TestARequestBelongsToTheMostSpecificListenerOfItsPort holds listener isolation of the standard construction.
func TestARequestBelongsToTheMostSpecificListenerOfItsPort(t *testing.T) {
	t.Parallel()
	const objects = `
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: alb
  listeners:
  - {name: any, protocol: HTTP, port: 80}
  - {name: wild, protocol: HTTP, port: 80, hostname: "*.example.com"}
  - {name: exact, protocol: HTTP, port: 80, hostname: a.example.com}
---
kind: HTTPRoute
metadata: {name: any}
spec: {parentRefs: [{name: gw, sectionName: any}], hostnames: [a.example.com, b.example.com, c.org], rules: [{backendRefs: [{kind: TargetGroupName, name: any}]}]}
---
kind: HTTPRoute
metadata: {name: wild}
spec: {parentRefs: [{name: gw, sectionName: wild}], rules: [{matches: [{path: {value: /w}}], backendRefs: [{kind: TargetGroupName, name: wild}]}]}
`
	in := input(t, rule.Standard, decode(t, objects))
	e := loadBalancer(in, Translate(in))
	var got []string
	for _, m := range e.Members {
		got = append(got, routesText(m)...)
	}
	want := []string{
		`80 host^[^.].*\.example\.com(:[0-9]+)?$ → 404`, `80 host^a\.example\.com(:[0-9]+)?$ → 404`,
		`80 host^c\.org(:[0-9]+)?$ path/* → any=1`, `80 host^[^.].*\.example\.com(:[0-9]+)?$ path/w|/w/* → wild=1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	in.Hosts = rule.PlainHosts
	e = loadBalancer(in, Translate(in))
	got = nil
	for _, m := range e.Members {
		got = append(got, routesText(m)...)
	}
	want = []string{`80 host*.example.com → 404`, `80 hosta.example.com → 404`, `80 hostc.org path/* → any=1`,
		`80 host*.example.com path/w|/w/* → wild=1`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("with plain hosts:", diff)
	}
	in.Construction, in.Hosts = rule.Compatible, ""
	if own := Isolation(in); own != nil {
		t.Error(own)
	}
}
