package gateways

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// parentKeptScene is a Gateway with two listeners, and another Gateway.
const parentKeptScene = lab.GatewayClasses + `
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: alt, port: 8080, protocol: HTTP}]}}
Gateway shop/other {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
`

// routeOf is HTTPRoute shop/web with parentRefs.
func routeOf(parents string) string {
	return "HTTPRoute shop/web {spec: {parentRefs: [" + parents + "], rules: [{backendRefs: [{name: web, port: 80}]}]}}"
}

const rightParent = "{name: web, sectionName: http}"

// TestStrayParentRefKeepsRoute edits the parentRef of a route that serves so that it leads nowhere, while the
// controller runs, before a start without checkpoints, and before a start with them.
func TestStrayParentRefKeepsRoute(t *testing.T) {
	t.Parallel()
	const running, started, restored = "running", "started", "started with checkpoints"
	for name, parents := range map[string]string{
		"name": "{name: wbe, sectionName: http}", "namespace": "{name: web, namespace: shpo, sectionName: http}",
		"kind": "{name: web, kind: Gatway, sectionName: http}", "sectionName": "{name: web, sectionName: htp}",
		"port": "{name: web, port: 81}", "listener of another": "{name: other, sectionName: htp}",
	} {
		for _, when := range []string{running, started, restored} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				l := lab.NewGateway(t, parentKeptScene+routeOf(rightParent))
				if when == restored {
					l.Checkpointed = true
					l.Restart()
				}
				l.SettleWeb()
				wantAnswers(l, map[string]string{"/": toWeb})
				from, mark := len(l.Events), l.Mark()
				l.Apply(routeOf(parents))
				if when == restored {
					l.End()
				}
				if when != running {
					l.Restart()
				}
				for range 2 {
					l.SettleWeb()
					l.LookAround(func(_ reconcile.Result, err error) { l.Must(err) })
				}
				wantAnswers(l, map[string]string{"/": toWeb})
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("the edit writes %v", w)
				}
				unmatched := name == "sectionName" || name == "port" // of the Gateway itself
				if got := l.Parents(lab.HTTPRoute("web")); !strings.Contains(got, "PartiallyInvalid True UnsupportedValue") ||
					unmatched != strings.Contains(got, "Accepted False NoMatchingParent") {
					t.Errorf("parents %s", got)
				}
				if !slices.ContainsFunc(l.Events[from:], func(e string) bool {
					return strings.Contains(e, "HTTPRoute shop/web FailedBuildModel") &&
						strings.Contains(e, "the route stays attached to Gateway shop/web as before")
				}) {
					t.Errorf("no event: %q", l.Events[from:])
				}
				l.Apply(routeOf(rightParent))
				l.SettleWeb()
				if w := l.Writes(mark); len(w) > 0 {
					t.Errorf("the correction writes %v", w)
				}
				l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
			})
		}
	}
}

// TestParentRefThatLeadsElsewhereDetaches removes a parentRef, and has it name what exists, of routes whose parentRef
// was right and of routes that were kept.
func TestParentRefThatLeadsElsewhereDetaches(t *testing.T) {
	t.Parallel()
	for _, before := range []string{rightParent, "{name: wbe}"} {
		for _, parents := range []string{"", "{name: other}", "{name: web, sectionName: alt}"} {
			l := lab.NewGateway(t, parentKeptScene+routeOf(rightParent))
			l.SettleWeb()
			l.Apply(routeOf(before))
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": toWeb})
			l.Apply(routeOf(parents))
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": "404"})
		}
	}
}
