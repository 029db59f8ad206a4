package chaos

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gatewayLife is a Gateway with a route at rest, and Services for more.
const gatewayLife = lab.WebGateway + `
GatewayClass /auto {spec: {controllerName: gateway.k8s.aws/auto}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}, {path: {type: Exact, value: /v1}}], backendRefs: [{name: api, port: 80}]}]}}
TargetGroupConfiguration shop/api {spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: storefront}}]}}`

const tcpRoute = `
TCPRoute shop/net {spec: {parentRefs: [{name: NAME}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`

// gatewayScenarios are changes of Gateways that a controller carries out from rest; crashes happen in their middle.
var gatewayScenarios = map[string]func(*lab.Lab){
	"a Gateway appears with a certificate, a redirect and its routes": func(l *lab.Lab) {
		l.Apply(
			`LoadBalancerConfiguration shop/edge {spec: {scheme: internet-facing, listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "` + lab.CrashCertificate + `"}]}}
Gateway shop/edge {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: 443, protocol: HTTPS}]}}
HTTPRoute shop/toedge {spec: {parentRefs: [{name: edge, sectionName: http}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}}
HTTPRoute shop/edge {spec: {parentRefs: [{name: edge, sectionName: https}], hostnames: [www.example.com], rules: [{backendRefs: [{name: web, port: 80, weight: 3}, {name: api, port: 80}]}]}}`)
	},
	"a network load balancer appears": func(l *lab.Lab) {
		l.Apply(`Gateway shop/edge {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}` +
			strings.Replace(tcpRoute, "NAME", "edge", 1))
	},
	"the class changes to that of network load balancers": func(l *lab.Lab) {
		l.Apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}` +
			strings.Replace(tcpRoute, "NAME", "web", 1))
	},
	"the class changes to auto": func(l *lab.Lab) {
		l.Apply(`Gateway shop/web {spec: {gatewayClassName: auto, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
	},
	"the listener moves to another port": func(l *lab.Lab) {
		l.Apply(`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 8080, protocol: HTTP}]}}`)
	},
	"a rule moves in front of another": func(l *lab.Lab) {
		l.Apply(
			`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], hostnames: [api.example.com], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: api, port: 80}]}]}}`)
	},
	"the scheme changes": func(l *lab.Lab) {
		l.Apply(`LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}
Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
	},
	"a ListenerSet appears": func(l *lab.Lab) {
		l.Apply(
			`Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}
ListenerSet shop/more {spec: {parentRef: {name: web}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
HTTPRoute shop/more {spec: {parentRefs: [{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
	},
	"target groups get the names that are declared": func(l *lab.Lab) {
		l.Apply(
			`TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetGroupName: webfront}}}
TargetGroupConfiguration shop/api {spec: {targetReference: {name: api}, routeConfigurations: [{routeIdentifier: {kind: HTTPRoute, namespace: shop, name: api}, targetGroupProps: {targetGroupName: shopfront}}]}}`)
	},
	"a Gateway goes with its routes": func(l *lab.Lab) {
		l.Discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nHTTPRoute shop/api {}")
	},
}

var gatewayCrashKeys = []stack.Key{
	lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayNLB, "web"), lab.GatewayKey(stack.GatewayALB,
		"edge"), lab.GatewayKey(stack.GatewayNLB, "edge"),
}

// gatewayCrashLab is at rest with Gateway web.
func gatewayCrashLab(t *testing.T, keeps bool) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, append(lab.GatewayObjects(t, gatewayLife),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	for n, name := range []string{"web", "api"} {
		l.Create(lab.ChaosEndpoints(name, "a", lab.SoakAddress(n, 0))...)
	}
	l.Flags("--default-target-type=ip")
	l.Checkpointed = keeps
	l.Restart()
	l.PassWith(time.Minute, gatewayCrashKeys...)
	if keeps {
		l.Crash()
	}
	return l
}

// gatewayWait lets time pass. Each minute has passes over all stacks, as edits of Gateways by other passes cause.
func gatewayWait(l *lab.Lab) {
	l.Helper()
	for range 3 {
		l.PassWith(time.Minute, gatewayCrashKeys...)
		l.LookAround(func(_ reconcile.Result, err error) { l.Must(err) })
		l.Clock.Advance(time.Second)
		l.RunQueues(l.Context())
	}
}

// gatewayStatuses are the conditions of Gateways and routes.
func gatewayStatuses(l *lab.Lab) string {
	l.Helper()
	var out []string
	for _, list := range []client.ObjectList{&gatewayv1.GatewayList{}, &gatewayv1.ListenerSetList{},
		&gatewayv1.HTTPRouteList{}, &gatewayv1.TCPRouteList{}} {
		l.Must(l.Client.List(l.Context(), list))
		l.Must(meta.EachListItem(list, func(o runtime.Object) error {
			switch o := o.(type) {
			case *gatewayv1.Gateway:
				out = append(out, fmt.Sprint(o.Name, lab.Shown(o.Status.Conditions), len(o.Status.Addresses), o.Finalizers))
				for _, s := range o.Status.Listeners {
					out = append(out, fmt.Sprint(o.Name, s.Name, s.AttachedRoutes, lab.Shown(s.Conditions)))
				}
			case *gatewayv1.ListenerSet:
				// which says as much as none
				if len(o.Status.Conditions) > 0 && !strings.Contains(lab.Shown(o.Status.Conditions), "Unknown Pending") {
					out = append(out, fmt.Sprint(o.Name, lab.Shown(o.Status.Conditions)))
				}
			case *gatewayv1.HTTPRoute:
				out = append(out, o.Name+l.Parents(&gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: o.Name}}))
			case *gatewayv1.TCPRoute:
				out = append(out, o.Name+l.Parents(&gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Name: o.Name}}))
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
	lives := sample.OneOf(7) // with each kind of checkpoints, as there are four kinds
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
				whole.BeforeCall(func(context.Context) error { calls.Add(1); return nil })
				change(whole)
				gatewayWait(whole)
				if warned := len(whole.Troubles(0)); warned > 0 {
					t.Fatal(strings.Join(whole.Events, "\n"))
				}
				crashes := sample.OneOf(4)
				for call := range int(calls.Load()) {
					// with one kind of checkpoints
					if kinds := len(crashLeavings); (call+n+len(name))%kinds == 0 && crashes.Next() {
						crashGatewayAt(t, whole, change, leave, call)
					}
				}
			})
		}
	}
}

// crashGatewayAt ends a process before its n-th call, and compares what the next one makes of it with an uninterrupted
// run.
func crashGatewayAt(t *testing.T, whole *lab.Lab, change func(*lab.Lab), leave func(*lab.Lab, *rand.Rand), n int) {
	t.Helper()
	l := gatewayCrashLab(t, leave != nil)
	change(l)
	l.EndAtCall(n, 6, 0, gatewayCrashKeys...)
	if leave != nil {
		leave(l, rand.New(rand.NewPCG(uint64(n), 5)))
	}
	l.Restart()
	gatewayWait(l)
	if d := lab.LinesApart(l.Account(), whole.Account()); d != "" {
		t.Errorf("a crash at call %d ends with (+) instead of (-):\n%s", n, d)
	}
	if d := lab.LinesApart(gatewayStatuses(l), gatewayStatuses(whole)); d != "" {
		t.Errorf("a crash at call %d ends with the statuses (+) instead of (-):\n%s", n, d)
	}
	if warned := l.Troubles(0); len(warned) > 0 {
		t.Errorf("a crash at call %d warns: %v", n, warned)
	}
	for _, list := range []client.ObjectList{&gatewayv1.GatewayList{}, &gatewayv1.HTTPRouteList{},
		&gatewayv1.TCPRouteList{}, &corev1.ServiceList{}} {
		l.Must(l.Client.List(t.Context(), list))
		l.Must(meta.EachListItem(list, func(o runtime.Object) error {
			return client.IgnoreNotFound(l.Client.Delete(t.Context(), o.(client.Object)))
		}))
	}
	if gatewayWait(l); len(l.Left()) > 0 {
		t.Errorf("a crash at call %d leaves %v", n, l.Left())
	}
	if rules := l.Admitted(lab.NodeGroup); len(rules) > 0 {
		t.Errorf("a crash at call %d leaves the rules %v", n, rules)
	}
}

// TestACrashAtAnyCallOfARenameAndAnotherEditLeaveNoDuplicate declares a name for a target group that serves, ends the
// process before each call to AWS and each write of a binding in turn, and edits the name once more before the next
// process starts.
func TestACrashAtAnyCallOfARenameAndAnotherEditLeaveNoDuplicate(t *testing.T) {
	t.Parallel()
	rename := func(l *lab.Lab) { l.Apply(lab.Configuration("web", "targetGroupName: webfront")) }
	for name, edit := range map[string]func(*lab.Lab){
		"the name is not declared": func(l *lab.Lab) { l.Discard(lab.Configuration("web", "targetGroupName: webfront")) },
		"another name is declared": func(l *lab.Lab) { l.Apply(lab.Configuration("web", "targetGroupName: shopfront")) },
		"another with another protocol": func(l *lab.Lab) {
			l.Apply(lab.Configuration("web", "targetGroupName: shopfront, protocol: HTTPS"))
		},
		"the Gateway goes": func(l *lab.Lab) {
			l.Discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nHTTPRoute shop/api {}")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call, ended := 0, true; ended; call += sample.Count(4, 1) {
				l := gatewayCrashLab(t, false)
				rename(l)
				ended = endAtWrite(l, call, 6, gatewayCrashKeys...)
				edit(l)
				l.Restart()
				gatewayWait(l)
				warned := l.Troubles(0)
				// whose target group may be gone
				maps.DeleteFunc(warned, func(object string, _ []string) bool {
					return strings.HasPrefix(object, "TargetGroupBinding ")
				})
				if len(warned) > 0 {
					t.Errorf("a crash at call %d warns: %v", call, warned)
				}
				ids := map[string]bool{}
				for _, tg := range l.Sim.Resources().TargetGroups {
					if id := tg.Tags[naming.ResourceTag(stack.GatewayALB)]; ids[id] || tg.Tags[naming.ReplacesTag] != "" {
						t.Errorf("a crash at call %d leaves %s: %v", call, tg.Name, tg.Tags)
					} else {
						ids[id] = true
					}
				}
				if bindings := l.AllBindings(); len(bindings) != len(ids) {
					t.Errorf("a crash at call %d leaves %d bindings of %d target groups", call, len(bindings), len(ids))
				}
			}
		})
	}
}
