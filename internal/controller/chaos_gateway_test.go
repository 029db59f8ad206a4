package controller

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gatewayLife is a Gateway with a route at rest, and Services for more.
const gatewayLife = webGateway + `
GatewayClass /auto {spec: {controllerName: gateway.k8s.aws/auto}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}, {path: {type: Exact, value: /v1}}], backendRefs: [{name: api, port: 80}]}]}}
TargetGroupConfiguration shop/api {spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: storefront}}]}}`

const tcpRoute = `
TCPRoute shop/net {spec: {parentRefs: [{name: NAME}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`

// gatewayScenarios are changes of Gateways that a controller carries out from rest; crashes happen in their middle.
var gatewayScenarios = map[string]func(*lab){
	"a Gateway appears with a certificate, a redirect and its routes": func(l *lab) {
		l.apply(`LoadBalancerConfiguration shop/edge {spec: {scheme: internet-facing, listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "` + crashCertificate + `"}]}}
Gateway shop/edge {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: 443, protocol: HTTPS}]}}
HTTPRoute shop/toedge {spec: {parentRefs: [{name: edge, sectionName: http}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}}
HTTPRoute shop/edge {spec: {parentRefs: [{name: edge, sectionName: https}], hostnames: [www.example.com], rules: [{backendRefs: [{name: web, port: 80, weight: 3}, {name: api, port: 80}]}]}}`)
	},
	"a network load balancer appears": func(l *lab) {
		l.apply(`Gateway shop/edge {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}` + strings.Replace(tcpRoute, "NAME", "edge", 1))
	},
	"the class changes to that of network load balancers": func(l *lab) {
		l.apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}` + strings.Replace(tcpRoute, "NAME", "web", 1))
	},
	"the class changes to auto": func(l *lab) {
		l.apply(`Gateway shop/web {spec: {gatewayClassName: auto, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
	},
	"the listener moves to another port": func(l *lab) {
		l.apply(`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 8080, protocol: HTTP}]}}`)
	},
	"a rule moves in front of another": func(l *lab) {
		l.apply(`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], hostnames: [api.example.com], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: api, port: 80}]}]}}`)
	},
	"the scheme changes": func(l *lab) {
		l.apply(`LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}
Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
	},
	"a ListenerSet appears": func(l *lab) {
		l.apply(`Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}
ListenerSet shop/more {spec: {parentRef: {name: web}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
HTTPRoute shop/more {spec: {parentRefs: [{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
	},
	"target groups get the names that are declared": func(l *lab) {
		l.apply(`TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetGroupName: webfront}}}
TargetGroupConfiguration shop/api {spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: shopfront}}]}}`)
	},
	"a Gateway goes with its routes": func(l *lab) {
		l.discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nHTTPRoute shop/api {}")
	},
}

var gatewayCrashKeys = []stack.Key{
	gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web"), gatewayKey(stack.GatewayALB, "edge"), gatewayKey(stack.GatewayNLB, "edge"),
}

// gatewayCrashLab is at rest with Gateway web.
func gatewayCrashLab(t *testing.T, keeps bool) *lab {
	t.Helper()
	l := newLab(t, account.Profile{}, append(gatewayObjects(t, gatewayLife), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	for n, name := range []string{"web", "api"} {
		l.create(chaosEndpoints(name, "a", soakAddress(n, 0))...)
	}
	l.flags("--default-target-type=ip")
	l.checkpointed = keeps
	l.restart()
	l.passWith(time.Minute, gatewayCrashKeys...)
	if keeps {
		l.crash()
	}
	return l
}

// gatewayWait lets time pass. Each minute has passes over all stacks, as edits of Gateways by other passes cause.
func (l *lab) gatewayWait() {
	l.Helper()
	for range 3 {
		l.passWith(time.Minute, gatewayCrashKeys...)
		l.lookAround(func(_ reconcile.Result, err error) { l.must(err) })
		l.clock.Advance(time.Second)
		l.runQueues(l.Context())
	}
}

// gatewayStatuses are the conditions of Gateways and routes.
func (l *lab) gatewayStatuses() string {
	l.Helper()
	var out []string
	for _, list := range []client.ObjectList{&gatewayv1.GatewayList{}, &gatewayv1.ListenerSetList{}, &gatewayv1.HTTPRouteList{}, &gatewayv1.TCPRouteList{}} {
		l.must(l.client.List(l.Context(), list))
		l.must(meta.EachListItem(list, func(o runtime.Object) error {
			switch o := o.(type) {
			case *gatewayv1.Gateway:
				out = append(out, fmt.Sprint(o.Name, shown(o.Status.Conditions), len(o.Status.Addresses), o.Finalizers))
				for _, s := range o.Status.Listeners {
					out = append(out, fmt.Sprint(o.Name, s.Name, s.AttachedRoutes, shown(s.Conditions)))
				}
			case *gatewayv1.ListenerSet:
				if len(o.Status.Conditions) > 0 && !strings.Contains(shown(o.Status.Conditions), "Unknown Pending") { // which says as much as none
					out = append(out, fmt.Sprint(o.Name, shown(o.Status.Conditions)))
				}
			case *gatewayv1.HTTPRoute:
				out = append(out, o.Name+l.parents(&gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: o.Name}}))
			case *gatewayv1.TCPRoute:
				out = append(out, o.Name+l.parents(&gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Name: o.Name}}))
			}
			return nil
		}))
	}
	return strings.Join(out, "\n")
}

// TestACrashAtAnyCallOfAGatewayEndsWhereAnUninterruptedRunDoes ends the process before each call to AWS in turn, as
// TestACrashAtAnyCallEndsWhereAnUninterruptedRunDoes does for Ingresses and Services; statuses are compared as well.
func TestACrashAtAnyCallOfAGatewayEndsWhereAnUninterruptedRunDoes(t *testing.T) {
	t.Parallel()
	lives := oneOf(7) // with each kind of checkpoints, as there are four kinds
	for _, name := range slices.Sorted(maps.Keys(gatewayScenarios)) {
		change := gatewayScenarios[name]
		for n, left := range slices.Sorted(maps.Keys(crashLeavings)) {
			if !lives.Next() {
				continue
			}
			leave := crashLeavings[left]
			t.Run(name+", "+left, func(t *testing.T) {
				t.Parallel()
				whole := gatewayCrashLab(t, leave != nil)
				var calls atomic.Int32
				whole.beforeCall(func(context.Context) error { calls.Add(1); return nil })
				change(whole)
				whole.gatewayWait()
				if warned := len(whole.troubles(0)); warned > 0 {
					t.Fatal(strings.Join(whole.events, "\n"))
				}
				crashes := oneOf(4)
				for call := range int(calls.Load()) {
					if kinds := len(crashLeavings); (everyFault || (call+n+len(name))%kinds == 0) && crashes.Next() { // with one kind of checkpoints
						crashGatewayAt(t, whole, change, leave, call)
					}
				}
			})
		}
	}
}

// crashGatewayAt ends a process before its n-th call, and compares what the next one makes of it with an uninterrupted run.
func crashGatewayAt(t *testing.T, whole *lab, change func(*lab), leave func(*lab, *rand.Rand), n int) {
	t.Helper()
	l := gatewayCrashLab(t, leave != nil)
	change(l)
	l.endAtCall(n, 6, 0, gatewayCrashKeys...)
	if leave != nil {
		leave(l, rand.New(rand.NewPCG(uint64(n), 5))) //nolint:gosec // nothing to guess
	}
	l.restart()
	l.gatewayWait()
	if d := linesApart(l.account(), whole.account()); d != "" {
		t.Errorf("a crash at call %d ends with (+) instead of (-):\n%s", n, d)
	}
	if d := linesApart(l.gatewayStatuses(), whole.gatewayStatuses()); d != "" {
		t.Errorf("a crash at call %d ends with the statuses (+) instead of (-):\n%s", n, d)
	}
	if warned := l.troubles(0); len(warned) > 0 {
		t.Errorf("a crash at call %d warns: %v", n, warned)
	}
	for _, list := range []client.ObjectList{&gatewayv1.GatewayList{}, &gatewayv1.HTTPRouteList{}, &gatewayv1.TCPRouteList{}, &corev1.ServiceList{}} {
		l.must(l.client.List(t.Context(), list))
		l.must(meta.EachListItem(list, func(o runtime.Object) error {
			return client.IgnoreNotFound(l.client.Delete(t.Context(), o.(client.Object)))
		}))
	}
	if l.gatewayWait(); len(l.left()) > 0 {
		t.Errorf("a crash at call %d leaves %v", n, l.left())
	}
	if rules := l.admitted(labNodeGroup); len(rules) > 0 {
		t.Errorf("a crash at call %d leaves the rules %v", n, rules)
	}
}

// TestACrashAtAnyCallOfARenameAndAnotherEditLeaveNoDuplicate declares a name for a target group that serves, ends the process before each call to
// AWS and each write of a binding in turn, and edits the name once more before the next process starts.
func TestACrashAtAnyCallOfARenameAndAnotherEditLeaveNoDuplicate(t *testing.T) {
	t.Parallel()
	rename := func(l *lab) { l.apply(configuration("web", "targetGroupName: webfront")) }
	for name, edit := range map[string]func(*lab){
		"the name is not declared": func(l *lab) { l.discard(configuration("web", "targetGroupName: webfront")) },
		"another name is declared": func(l *lab) { l.apply(configuration("web", "targetGroupName: shopfront")) },
		"another with another protocol": func(l *lab) {
			l.apply(configuration("web", "targetGroupName: shopfront, protocol: HTTPS"))
		},
		"the Gateway goes": func(l *lab) { l.discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nHTTPRoute shop/api {}") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, ended := 0, true; ended; call += longtest.Every(4) {
				l := gatewayCrashLab(t, false)
				rename(l)
				ended = l.endAtWrite(call, 6, gatewayCrashKeys...)
				edit(l)
				l.restart()
				l.gatewayWait()
				warned := l.troubles(0)
				maps.DeleteFunc(warned, func(object string, _ []string) bool { return strings.HasPrefix(object, "TargetGroupBinding ") }) // whose target group may be gone
				if len(warned) > 0 {
					t.Errorf("a crash at call %d warns: %v", call, warned)
				}
				ids := map[string]bool{}
				for _, tg := range l.sim.Resources().TargetGroups {
					if id := tg.Tags[naming.ResourceTag(stack.GatewayALB)]; ids[id] || tg.Tags[naming.ReplacesTag] != "" {
						t.Errorf("a crash at call %d leaves %s: %v", call, tg.Name, tg.Tags)
					} else {
						ids[id] = true
					}
				}
				if bindings := l.allBindings(); len(bindings) != len(ids) {
					t.Errorf("a crash at call %d leaves %d bindings of %d target groups", call, len(bindings), len(ids))
				}
			}
		})
	}
}
