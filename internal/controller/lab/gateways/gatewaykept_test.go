package gateways

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestEditThatCannotBeServedKeepsRule edits a served route and what it refers to while the controller runs, before a
// start without checkpoints, and before a start with them. The rule of each edit is one that a load balancer cannot
// serve.
func TestEditThatCannotBeServedKeepsRule(t *testing.T) {
	t.Parallel()
	const serving = "shop/web:shop-web:HTTPRoute-shop-web:8080"
	route := func(fields string) string {
		return "HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]" +
			fields + "}]}}"
	}
	for name, edit := range map[string]string{
		"a mirror": route(", filters: [{type: RequestMirror, requestMirror: {backendRef: {name: " +
			"web, port: 80}}}]"),
		"a reference in a URL": route(", filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, " +
			"replaceFullPath: '/$1'}}}]"),
		"HTTP/2 of a Service": "Service shop/web {spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, " +
			"appProtocol: kubernetes.io/h2c}]}}",
		"HTTP/2 of a group": "TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, " +
			"defaultConfiguration: {protocolVersion: HTTP2}}}",
	} {
		for _, when := range []string{"running", "started", "started with checkpoints"} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, lab.WebGateway)
				if when == "started with checkpoints" {
					l.Checkpointed = true
					l.Restart()
				}
				l.SettleWeb()
				wantAnswers(l, map[string]string{"/": serving})
				rule := ruleARNs(l)
				from := len(l.Events)
				l.Apply(edit)
				if when != "running" {
					l.Restart()
				}
				l.SettleWeb()
				wantAnswers(l, map[string]string{"/": serving})
				if got := ruleARNs(l); !slices.Equal(got, rule) {
					t.Errorf("rules %v, before %v", got, rule)
				}
				if !slices.ContainsFunc(l.Events[from:], func(e string) bool {
					return strings.Contains(e, "HTTPRoute") && strings.Contains(e, "FailedBuildModel") &&
						(strings.Contains(e, "keeps serving") || strings.Contains(e, "stays as it is"))
				}) {
					t.Errorf("no event: %q", l.Events[from:])
				}
				l.WantParents(lab.HTTPRoute("web"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
			})
		}
	}
}

// ruleARNs are the rules of the only load balancer.
func ruleARNs(l *lab.Lab) (out []string) {
	l.Helper()
	for _, b := range l.Sim.Resources().LoadBalancers {
		for _, li := range b.Listeners {
			for _, r := range li.Rules {
				out = append(out, r.ARN)
			}
		}
	}
	return out
}
