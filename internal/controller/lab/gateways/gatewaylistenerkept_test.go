package gateways

import (
	"slices"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestInvalidListenerKeepsItsLastVersion edits a listener that serves, or what stands beside it, while the controller
// runs, before a start without checkpoints, and before a start with them. The listener of each edit is not valid.
func TestInvalidListenerKeepsItsLastVersion(t *testing.T) {
	t.Parallel()
	const alt, http = "{name: alt, port: 8080, protocol: HTTP}", "{name: http, port: 80, protocol: HTTP}"
	gateway := func(listeners ...string) string {
		return "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [" + strings.Join(listeners, ", ") + "]}}"
	}
	base := lab.GatewayClasses + "\n" + gateway(alt, http) + `
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web, sectionName: alt}], rules: [{backendRefs: [{name: api, port: 80}]}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web, sectionName: http}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`
	const running, started, restored = "running", "started", "started with checkpoints"
	for name, c := range map[string]struct {
		edit  string
		cases []string // all where it is nil
	}{
		"a protocol of others": {edit: gateway(alt, "{name: http, port: 80, protocol: TCP}")},
		"an unknown protocol":  {edit: gateway(alt, "{name: http, port: 80, protocol: FOO}")},
		"an address":           {edit: gateway(alt, "{name: http, port: 80, protocol: HTTP, hostname: 10.0.0.1}")},
		"kinds of routes": {edit: gateway(alt, "{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: "+
			"[{kind: TCPRoute}]}}")},
		"a port that is taken": {edit: gateway(alt, "{name: http, port: 8080, protocol: HTTP}")},
		"all listeners": {edit: gateway("{name: alt, port: 8080, protocol: TCP}",
			"{name: http, port: 80, protocol: TCP}")},
		"another takes its port": {edit: gateway("{name: alt, port: 80, protocol: HTTP}", http), cases: []string{
			running, restored}},
		"a new one takes its port": {edit: gateway("{name: new, port: 80, protocol: HTTPS, hostname: a.test}", alt, http),
			cases: []string{running, restored}},
	} {
		if c.cases == nil {
			c.cases = []string{running, started, restored}
		}
		for _, when := range c.cases {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, base)
				if when == restored {
					l.Checkpointed = true
					l.Restart()
				}
				l.SettleWeb()
				const serving = "shop/web:shop-web:HTTPRoute-shop-web:8080"
				wantAnswers(l, map[string]string{"/": serving})
				from, mark := len(l.Events), l.Mark()
				l.Apply(c.edit)
				if when == restored {
					l.End()
				}
				if when != running {
					l.Restart()
				}
				l.SettleWeb()
				wantAnswers(l, map[string]string{"/": serving})
				if w := slices.DeleteFunc(l.Writes(mark), func(action string) bool {
					return strings.HasPrefix(action, "Describe")
				}); len(w) > 0 {
					t.Errorf("the edit writes %v", w)
				}
				g := &gatewayv1.Gateway{}
				l.Get(g, "web")
				if !slices.ContainsFunc(g.Status.Listeners, func(s gatewayv1.ListenerStatus) bool {
					return strings.Contains(lab.Shown(s.Conditions), "False")
				}) {
					t.Errorf("status %+v", g.Status.Listeners)
				}
				if !slices.ContainsFunc(l.Events[from:], func(e string) bool {
					return strings.Contains(e, "Gateway shop/web FailedBuildModel") && strings.Contains(e, " is not valid: ") &&
						strings.Contains(e, "[InvalidListener]")
				}) {
					t.Errorf("no event: %q", l.Events[from:])
				}
				l.Apply(gateway(alt, http))
				l.SettleWeb()
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("the correction writes %v", w)
				}
			})
		}
	}
}
