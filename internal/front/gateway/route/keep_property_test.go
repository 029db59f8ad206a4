package route

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// badFields are fields of a rule that a load balancer cannot serve, in one of the constructions at least.
var badFields = []string{
	"timeouts: {request: 1s}", "retry: {attempts: 2}", "sessionPersistence: {type: Cookie, cookie: {name: a}}",
	"filters: [{type: RequestMirror, requestMirror: {backendRef: {name: api, port: 80}}}]",
	"filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}]",
	"filters: [{type: CORS, cors: {allowOrigins: ['*']}}]",
	"filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: '/$1'}}}]",
	"filters: [{type: RequestRedirect, requestRedirect: {statusCode: 307}}]",
	"filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: c}}]",
	"filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: d}}]",
	"filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: d}}, " +
		"{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: e}}]",
}

// badBackends are backends of a rule that a load balancer cannot serve.
var badBackends = []string{
	"{name: web, port: 82}", // HTTP/2, at an HTTP listener
	"{name: web, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}]}",
	"{name: web, port: 80}, {name: api, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: in.test}}]}",
	"{kind: TargetGroupName, name: a1}, {kind: TargetGroupName, name: a2}, {kind: TargetGroupName, name: a3}, {kind: " +
		"TargetGroupName, name: a4}, {kind: TargetGroupName, name: a5}, {kind: TargetGroupName, name: a6}",
}

// badObjects are objects around the route that make its rules unfit.
var badObjects = []string{
	"kind: TargetGroupConfiguration\nmetadata: {name: web}\nspec: {targetReference: {name: web}, defaultConfiguration: " +
		"{protocolVersion: HTTP2}}",
	"kind: TargetGroupConfiguration\nmetadata: {name: web}\nspec: {targetReference: {name: web}, defaultConfiguration: " +
		"{protocolVersion: GRPC}}",
	"kind: TargetGroupConfiguration\nmetadata: {name: web}\nspec: {targetReference: {name: web}, defaultConfiguration: " +
		"{protocol: TCP}}",
	"kind: TargetGroupConfiguration\nmetadata: {name: web}\nspec: {targetReference: {name: web}, defaultConfiguration: " +
		"{healthCheckConfig: {healthCheckProtocol: TCP}}}",
}

// badMatches are added to a match that a load balancer has, and give it one that it does not have.
var badMatches = []string{
	"headers: [{name: X-1, value: a}, {name: X-2, value: a}, {name: X-3, value: a}, {name: X-4, value: a}, {name: X-5, " +
		"value: a}, {name: X-6, value: a}]",
	"queryParams: [{type: RegularExpression, name: a, value: b}]", // which the compatible construction compares literally
}

// unfitRules are ListenerRuleConfigurations: one that cannot be read, and one whose redirect needs a filter.
const unfitRules = "kind: ListenerRuleConfiguration\nmetadata: {name: c}\nspec: {actions: [{type: forward}]}\n---\n" +
	"kind: ListenerRuleConfiguration\nmetadata: {name: d}\nspec: {actions: [{type: redirect, redirectConfig: {query: q}}]}"

// keptRule is a rule of the route of the property.
type keptRule struct{ path, match, fields, backends string }

func keptRoute(hosts string, all []keptRule, more ...string) string {
	text := around + "\n---\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: gw}]\n" + hosts +
		"  rules:\n"
	for _, r := range all {
		text += fmt.Sprintf("  - {matches: [{path: {type: %s}%s}], backendRefs: [%s]%s}\n", r.path, r.match,
			r.backends, r.fields)
	}
	return text + "\n---\n" + strings.Join(append(more, unfitRules), "\n---\n")
}

// compiled is what compile makes of objects, with the memory of the version before.
func compiled(t testing.TB, c rule.Construction, text string, f facts.Facts, before *compile.Memory) compile.Result {
	t.Helper()
	in := input(t, c, decode(t, text))
	r := compile.Compile(loadBalancer(in, Translate(in)), f, config(), before)
	if r.Stack == nil {
		t.Fatalf("no stack: needs %v, %v", r.Needs, r.Diagnostics)
	}
	return r
}

// answers reports whether a request gets another answer than an error at a port. A rule that stays answers as AWS has
// it.
func answers(r compile.Result, port int, request traffic.Request) bool {
	var rules []stack.Rule
	var listener stack.Listener
	for _, l := range r.Stack.Listeners {
		if int(l.Port) == port {
			listener = l
		}
	}
	for _, one := range r.Stack.Rules {
		if one.Listener.ID == listener.ID {
			for _, ref := range r.Keep.Actions {
				if ref.ID == one.ID {
					one.Actions = []stack.Action{{Type: stack.ActionForward}}
				}
			}
			rules = append(rules, one)
		}
	}
	d := traffic.Match(rules, listener.DefaultActions, request)
	return d.Actions[len(d.Actions)-1].FixedResponse == nil
}

// existingOf has the account hold what was compiled.
func existingOf(f facts.Facts, r compile.Result) facts.Facts {
	f.ExistingKnown, f.Existing = true, &facts.LoadBalancer{Type: stack.Application, ARN: "arn:lb", Scheme: "internal",
		Subnets: []string{"subnet-a", "subnet-b"}}
	f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}, Rules: map[int32][]stack.Rule{}}
	ports := map[string]int32{}
	for _, l := range r.Stack.Listeners {
		ports[l.ID], f.Details.Listeners[l.Port] = l.Port, l
	}
	for _, one := range r.Stack.Rules {
		f.Details.Rules[ports[one.Listener.ID]] = append(f.Details.Rules[ports[one.Listener.ID]], one)
	}
	return f
}

// TestEditsOfServedRoutesKeepAnswers draws routes that serve and edits of them and of what they refer to, which a load
// balancer cannot serve. No request that was answered gets an error, with the memory of the last version and, where the
// conditions of the rules are known, without it.
func TestEditsOfServedRoutesKeepAnswers(t *testing.T) {
	t.Parallel()
	kept := 0
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(what string, from []string) string { return rapid.SampledFrom(from).Draw(rt, what) }
		construction := rapid.SampledFrom([]rule.Construction{rule.Standard, rule.Compatible}).Draw(rt, "construction")
		hosts := pick("hosts", []string{"", "  hostnames: [a.test]\n", "  hostnames: [a.test, '*.b.test']\n"})
		var before, after []keptRule
		for range rapid.IntRange(1, 3).Draw(rt, "rules") {
			before = append(before,
				keptRule{path: pick("path", []string{"PathPrefix, value: /", "PathPrefix, value: /a", "Exact, value: /a/b",
					"RegularExpression, value: '/c/[0-9]+'"}), backends: pick("backends", []string{"{name: web, port: 80}",
					"{name: api, port: 80}", "{name: web, port: 80}, {name: api, port: 80, weight: 3}"}),
					fields: pick("fields", []string{"", "", ", filters: [{type: URLRewrite, urlRewrite: {path: {type: " +
						"ReplaceFullPath, replaceFullPath: /x}}}]"})})
		}
		unknown := false
		for _, r := range before {
			switch rapid.IntRange(0, 3).Draw(rt, "edit") {
			case 0:
				r.fields = ", " + pick("bad field", badFields)
			case 1:
				r.backends = pick("bad backends", badBackends)
			case 2:
				bad := badMatches
				if construction == rule.Compatible {
					bad = bad[:1]
				}
				r.match, unknown = ", "+pick("bad match", bad), true
			}
			after = append(after, r)
		}
		more := pick("bad object", append([]string{""}, badObjects...))
		old := compiled(t, construction, keptRoute(hosts, before), account(), nil)
		aws, edited := existingOf(account(), old), keptRoute(hosts, after, more)
		edits := map[string]compile.Result{"with memory": compiled(t, construction, edited, aws, old.Memory)}
		edits["again"] = compiled(t, construction, edited, aws, edits["with memory"].Memory)
		if !unknown {
			edits["without memory"] = compiled(t, construction, edited, aws, nil)
		}
		for name, now := range edits {
			kept += len(now.Kept)
			for range 20 {
				r := drawRequest(rt)
				r.Path = pick("request", []string{r.Path, "/c/1", "/a/b", "/a/x"})
				for _, port := range []int{80, 443} {
					if answers(old, port, r) && !answers(now, port, r) {
						rt.Fatalf("%s, %s: %d %s%s was answered before the edit\n%s\n%q\n%q\n%v", construction, name, port, r.Host,
							r.Path, keptRoute(hosts, after, more), textOf(old.Stack), textOf(now.Stack), now.Diagnostics)
					}
				}
			}
		}
	})
	if kept == 0 {
		t.Error("no edit left the last valid version in place")
	}
}

// TestUnservedRuleIsReported has the findings of rules that served before, and of rules that did not, which stay so at
// each pass.
func TestUnservedRuleIsReported(t *testing.T) {
	t.Parallel()
	good := []keptRule{{path: "PathPrefix, value: /", backends: "{name: web, port: 80}"}}
	old := compiled(t, rule.Standard, keptRoute("", good), account(), nil)
	const keeps = "the last valid version of the rule keeps serving"
	for _, c := range []struct {
		fields, path, want string
		before             *compile.Memory
	}{
		{badFields[3], "spec.rules[0].filters[0]", keeps, old.Memory},
		{badFields[3], "spec.rules[0].filters[0]", "requests that match the rule get an error", nil},
		{badFields[8], "spec.rules[0]", keeps, old.Memory},
		{badFields[8], "spec.rules[0]", "requests that match the rule get an error", nil},
		{badFields[9], "spec.rules[0]", "needs a filter of type RequestRedirect; " + keeps, old.Memory},
		{badFields[9], "spec.rules[0]", "requests that match the rule get an error", nil},
		{badFields[10], "spec.rules[0]", "this one has 2: d, e; " + keeps, old.Memory},
		{badFields[10], "spec.rules[0]", "requests that match the rule get an error", nil},
	} {
		bad := []keptRule{{path: "PathPrefix, value: /", backends: "{name: web, port: 80}", fields: ", " + c.fields}}
		r := compiled(t, rule.Standard, keptRoute("", bad), account(), c.before)
		r = compiled(t, rule.Standard, keptRoute("", bad), account(), r.Memory) // the same at the next pass
		var found diag.List
		for _, d := range r.Diagnostics {
			if d.Scope == diag.Rule {
				found = append(found, d)
			}
		}
		if len(found) != 1 || found[0].Code != diag.InvalidRule || !strings.Contains(found[0].Text, c.want) ||
			found[0].Path != c.path || found[0].Object.Kind != "HTTPRoute" {
			t.Errorf("%s: %v", c.want, found)
		}
	}
}
