package controller

import (
	"strings"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	toWeb = "shop/web:shop-web:HTTPRoute-shop-web:8080"
	toAPI = "shop/web:shop-api:HTTPRoute-shop-api:8080"
)

func TestABadRouteCostsItsRulesOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ bad, parents, answer string }{
		"a filter that an ALB has not": {`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], ` +
			`filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}], backendRefs: [{name: api, port: 80}]}]}}`,
			"web: Accepted False UnsupportedValue, ResolvedRefs", toWeb},
		"a Service that does not exist": {`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: none, port: 80}]}]}}`,
			"web: Accepted, ResolvedRefs False BackendNotFound", "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, webGateway+"\n"+tc.bad)
			l.settleWeb()
			l.wantAnswers(map[string]string{"/": toWeb, "/api": tc.answer})
			l.wantParents(httpRoute("api"), tc.parents)
			l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
			l.apply(`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]}]}}`)
			l.settleWeb()
			l.wantAnswers(map[string]string{"/": toWeb, "/api": toAPI})
			l.wantParents(httpRoute("api"), "web: Accepted, ResolvedRefs")
			if got := l.condition("Programmed"); !strings.HasPrefix(got, "True Programmed arn:") {
				t.Error("Programmed:", got)
			}
		})
	}
}

func TestAWithdrawnReferenceGrantStopsTrafficAtTheNextPass(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway+`
Namespace /pay {}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, namespace: pay, port: 80}]}]}}`)
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": toWeb, "/api": "shop/web:shop-api:HTTPRoute-pay-api:8080"})
	l.wantParents(httpRoute("api"), "web: Accepted, ResolvedRefs")
	l.discard(`ReferenceGrant pay/shop {}`)
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": toWeb, "/api": "500"})
	l.wantParents(httpRoute("api"), "web: Accepted, ResolvedRefs False RefNotPermitted")
}

func TestABackendInAnotherNamespaceGetsItsTargetsFromThere(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway+`
Namespace /pay {}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, namespace: pay, port: 80}]}]}}`)
	for _, o := range labPods("a", "10.0.128.50") {
		o.SetNamespace("pay")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Labels[discoveryv1.LabelServiceName] = "api"
			s.Endpoints[0].TargetRef.Namespace = "pay"
		}
		l.create(o)
	}
	l.create(labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.settleWeb()
	l.wantAnswers(map[string]string{"/": toWeb, "/api": "shop/web:shop-api:HTTPRoute-pay-api:8080"})
	registered := 0
	for _, g := range l.sim.Resources().TargetGroups {
		registered += len(g.Targets)
	}
	if registered != 1 {
		t.Errorf("%d targets\n%s", registered, strings.Join(l.events, "\n"))
	}
	mark := l.mark()
	l.restart()
	l.settleWeb()
	if writes := l.writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
	l.discard(`HTTPRoute shop/api {}`)
	l.settleWeb()
	if left := l.allBindings(); len(left) != 1 || len(l.sim.Resources().TargetGroups) != 1 {
		t.Errorf("left: %v, %v", left, l.sim.Resources().TargetGroups)
	}
}

func TestAClassThatChangesToTheOtherFamilyMovesTheGateway(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway)
	l.settleWeb()
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	l.apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	_, err := l.of(gatewayKey(stack.GatewayNLB, "web")).Reconcile(t.Context(), gatewayKey(stack.GatewayNLB, "web"))
	l.must(err)
	l.clock.Advance(time.Second)
	l.runQueues(t.Context())
	if got := l.condition("Programmed"); got != "False Pending The application load balancer that the Gateway had (finalizer gateway.k8s.aws/alb) is deleted first." {
		t.Error("Programmed:", got)
	}
	l.settleWeb()
	if warned := l.troubles(0); len(warned) > 0 {
		t.Error(warned)
	}
	lbs := l.sim.Resources().LoadBalancers
	if len(lbs) != 1 || lbs[0].Type != "network" {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.events, "\n"))
	}
	l.wantAnswers(map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	g := &gatewayv1.Gateway{}
	if l.get(g, "web"); len(g.Finalizers) != 1 || g.Finalizers[0] != "gateway.k8s.aws/nlb" {
		t.Errorf("finalizers %v", g.Finalizers)
	}
	if got := l.condition("Programmed"); got != "True Programmed "+lbs[0].ARN {
		t.Error("Programmed:", got)
	}
	l.wantParents(httpRoute("web"), "web: Accepted False NotAllowedByListeners, ResolvedRefs")
	l.wantParents(&gatewayv1.TCPRoute{ObjectMeta: httpRoute("web").ObjectMeta}, "web: Accepted, ResolvedRefs")
}

func TestAGatewayLeavesNothingInWhateverOrderItsObjectsAreDeleted(t *testing.T) {
	t.Parallel()
	const configured = `
LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}
ListenerRuleConfiguration shop/web {spec: {tags: {team: shop}}}`
	all := []string{"Gateway shop/web {}", "HTTPRoute shop/web {}", "GatewayClass /alb {}", "LoadBalancerConfiguration shop/web {}", "Service shop/web {}"}
	for first := range all {
		t.Run(all[first], func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, strings.Replace(webGateway, "gatewayClassName: alb,", "gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}},", 1)+configured)
			l.settleWeb()
			l.wantAnswers(map[string]string{"/": toWeb})
			for i := range all {
				l.discard(all[(first+i)%len(all)])
				l.settleWeb()
			}
			if left := l.leftOfStacks(); len(left) > 0 || l.get(&gatewayv1.Gateway{}, "web") {
				t.Errorf("left: %v\n%s", left, strings.Join(l.events, "\n"))
			}
		})
	}
}

func TestRoutesShowNothingOfAGatewayThatIsGone(t *testing.T) {
	t.Parallel()
	elsewhere := `GatewayClass /other {spec: {controllerName: example.com/other}}`
	for name, leave := range map[string]func(l *lab){
		"deleted": func(l *lab) { l.discard(`Gateway shop/web {}`) },
		"of the class of another controller": func(l *lab) {
			l.apply(`Gateway shop/web {spec: {gatewayClassName: other, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newGatewayLab(t, strings.Replace(webGateway, "parentRefs: [{name: web}]", "parentRefs: [{name: web}, {name: beside}]", 1)+`
Gateway shop/beside {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
`+elsewhere)
			route := httpRoute("web")
			l.get(route, "web")
			route.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: gatewayv1.ParentReference{Name: "web"}, ControllerName: "example.com/other"}}
			l.must(l.client.Status().Update(t.Context(), route))
			both := append(l.webKeys(), gatewayKey("gateway.k8s.aws.alb", "beside"))
			l.settle(both...)
			l.wantParents(httpRoute("web"), "beside: Accepted, ResolvedRefs; web: ; web: Accepted, ResolvedRefs")
			leave(l)
			l.settle(both...)
			l.wantParents(httpRoute("web"), "beside: Accepted, ResolvedRefs; web: ")
			l.apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}`)
			l.settle(both...)
			version := func() string { l.get(route, "web"); return route.ResourceVersion }
			before := version()
			l.settle(both...)
			if after := version(); after != before {
				t.Errorf("version %s, then %s", before, after)
			}
			l.wantParents(httpRoute("web"), "beside: Accepted, ResolvedRefs; web: ; web: Accepted False NotAllowedByListeners, ResolvedRefs")
		})
	}
}

func TestTheStatusOfAGatewayThatIsGoneIsNotWritten(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, webGateway)
	l.settleWeb()
	l.discard(`Gateway shop/web {}`)
	decided := 0
	for _, s := range l.gateways {
		next := s.Decided
		s.Decided = func(key stack.Key, changes []gateway.Change) {
			decided += len(changes)
			next(key, changes)
		}
	}
	l.settleWeb()
	if l.get(&gatewayv1.Gateway{}, "web") || decided > 0 {
		t.Errorf("%d statuses are decided", decided)
	}
}

func TestANewGatewayWaitsAMomentForItsFirstRoute(t *testing.T) {
	t.Parallel()
	gatewayOnly, route, _ := strings.Cut(webGateway, "HTTPRoute ")
	l := newGatewayLab(t, gatewayOnly)
	key := gatewayKey(stack.GatewayALB, "web")
	pass := func() time.Duration {
		t.Helper()
		res, err := l.of(key).Reconcile(l.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return res.RequeueAfter
	}
	mark := l.mark()
	wait := pass()
	if made := l.writes(mark); wait <= 0 || wait > time.Second || len(made) > 0 {
		t.Fatalf("without a route: again after %v, writes %v", wait, made)
	}
	l.apply("HTTPRoute " + route)
	if pass(); len(l.writes(mark)) < 5 {
		t.Errorf("with a route: writes %v", l.writes(mark))
	}

	l = newGatewayLab(t, gatewayOnly)
	mark = l.mark()
	l.clock.Advance(pass())
	if pass(); len(l.writes(mark)) == 0 {
		t.Error("a Gateway to which no route came is not made")
	}
}
