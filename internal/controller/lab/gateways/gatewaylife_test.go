package gateways

import (
	"strings"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
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
		"a filter that an ALB has not": {
			`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], ` +
				`filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}], backendRefs: [{name: api, port: 80}]}]}}`,
			"web: Accepted False UnsupportedValue, ResolvedRefs", "500"},
		"a Service that does not exist": {
			`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: none, port: 80}]}]}}`,
			"web: Accepted, ResolvedRefs False BackendNotFound", "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, lab.WebGateway+"\n"+tc.bad)
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": toWeb, "/api": tc.answer})
			l.WantParents(lab.HTTPRoute("api"), tc.parents)
			l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
			l.Apply(
				`HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]}]}}`)
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": toWeb, "/api": toAPI})
			l.WantParents(lab.HTTPRoute("api"), "web: Accepted, ResolvedRefs")
			if got := l.Condition("Programmed"); !strings.HasPrefix(got, "True Programmed arn:") {
				t.Error("Programmed:", got)
			}
		})
	}
}

func TestAWithdrawnReferenceGrantStopsTrafficAtTheNextPass(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
Namespace /pay {}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, namespace: pay, port: 80}]}]}}`)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb, "/api": "shop/web:shop-api:HTTPRoute-pay-api:8080"})
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, ResolvedRefs")
	l.Discard(`ReferenceGrant pay/shop {}`)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb, "/api": "500"})
	l.WantParents(lab.HTTPRoute("api"), "web: Accepted, ResolvedRefs False RefNotPermitted")
}

func TestABackendInAnotherNamespaceGetsItsTargetsFromThere(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
Namespace /pay {}
Service pay/api {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute shop/api {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, namespace: pay, port: 80}]}]}}`)
	for _, o := range lab.Pods("a", "10.0.128.50") {
		o.SetNamespace("pay")
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Labels[discoveryv1.LabelServiceName] = "api"
			s.Endpoints[0].TargetRef.Namespace = "pay"
		}
		l.Create(o)
	}
	l.Create(lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb, "/api": "shop/web:shop-api:HTTPRoute-pay-api:8080"})
	registered := 0
	for _, g := range l.Sim.Resources().TargetGroups {
		registered += len(g.Targets)
	}
	if registered != 1 {
		t.Errorf("%d targets\n%s", registered, strings.Join(l.Events, "\n"))
	}
	mark := l.Mark()
	l.Restart()
	l.SettleWeb()
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("a restart writes %v", writes)
	}
	l.Discard(`HTTPRoute shop/api {}`)
	l.SettleWeb()
	if left := l.AllBindings(); len(left) != 1 || len(l.Sim.Resources().TargetGroups) != 1 {
		t.Errorf("left: %v, %v", left, l.Sim.Resources().TargetGroups)
	}
}

func TestAClassThatChangesToTheOtherFamilyMovesTheGateway(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.Apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	_, err := l.ReconcilerOf(lab.GatewayKey(stack.GatewayNLB, "web")).Reconcile(t.Context(),
		lab.GatewayKey(stack.GatewayNLB, "web"))
	l.Must(err)
	l.Clock.Advance(time.Second)
	l.RunQueues(t.Context())
	if got := l.Condition("Programmed"); got != "False Pending The application load balancer that the Gateway had "+
		"(finalizer gateway.k8s.aws/alb) is deleted first." {
		t.Error("Programmed:", got)
	}
	l.SettleWeb()
	if warned := l.Troubles(0); len(warned) > 0 {
		t.Error(warned)
	}
	lbs := l.Sim.Resources().LoadBalancers
	if len(lbs) != 1 || lbs[0].Type != "network" {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
	wantAnswers(l, map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	g := &gatewayv1.Gateway{}
	if l.Get(g, "web"); len(g.Finalizers) != 1 || g.Finalizers[0] != "gateway.k8s.aws/nlb" {
		t.Errorf("finalizers %v", g.Finalizers)
	}
	if got := l.Condition("Programmed"); got != "True Programmed "+lbs[0].ARN {
		t.Error("Programmed:", got)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted False NotAllowedByListeners, ResolvedRefs")
	l.WantParents(&gatewayv1.TCPRoute{ObjectMeta: lab.HTTPRoute("web").ObjectMeta}, "web: Accepted, ResolvedRefs")
}

func TestAGatewayLeavesNothingInWhateverOrderItsObjectsAreDeleted(t *testing.T) {
	t.Parallel()
	const configured = `
LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}
ListenerRuleConfiguration shop/web {spec: {tags: {team: shop}}}`
	all := []string{"Gateway shop/web {}", "HTTPRoute shop/web {}", "GatewayClass /alb {}",
		"LoadBalancerConfiguration shop/web {}", "Service shop/web {}"}
	for first := range all {
		t.Run(all[first], func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "gatewayClassName: alb,",
				"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: "+
					"LoadBalancerConfiguration, name: web}},", 1)+configured)
			l.SettleWeb()
			wantAnswers(l, map[string]string{"/": toWeb})
			for i := range all {
				l.Discard(all[(first+i)%len(all)])
				l.SettleWeb()
			}
			if left := l.LeftOfStacks(); len(left) > 0 || l.Get(&gatewayv1.Gateway{}, "web") {
				t.Errorf("left: %v\n%s", left, strings.Join(l.Events, "\n"))
			}
		})
	}
}

func TestRoutesShowNothingOfAGatewayThatIsGone(t *testing.T) {
	t.Parallel()
	elsewhere := `GatewayClass /other {spec: {controllerName: example.com/other}}`
	for name, leave := range map[string]func(l *lab.Lab){
		"deleted": func(l *lab.Lab) { l.Discard(`Gateway shop/web {}`) },
		"of the class of another controller": func(l *lab.Lab) {
			l.Apply(`Gateway shop/web {spec: {gatewayClassName: other, listeners: [{name: http, port: 80, protocol: HTTP}]}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "parentRefs: [{name: web}]",
				"parentRefs: [{name: web}, {name: beside}]", 1)+`
Gateway shop/beside {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
`+elsewhere)
			route := lab.HTTPRoute("web")
			l.Get(route, "web")
			route.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: gatewayv1.ParentReference{Name: "web"},
				ControllerName: "example.com/other"}}
			l.Must(l.Client.Status().Update(t.Context(), route))
			both := append(l.WebKeys(), lab.GatewayKey("gateway.k8s.aws.alb", "beside"))
			l.Settle(both...)
			l.WantParents(lab.HTTPRoute("web"), "beside: Accepted, ResolvedRefs; web: ; web: Accepted, ResolvedRefs")
			leave(l)
			l.Settle(both...)
			l.WantParents(lab.HTTPRoute("web"), "beside: Accepted, ResolvedRefs; web: ")
			l.Apply(`Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}`)
			l.Settle(both...)
			version := func() string { l.Get(route, "web"); return route.ResourceVersion }
			before := version()
			l.Settle(both...)
			if after := version(); after != before {
				t.Errorf("version %s, then %s", before, after)
			}
			l.WantParents(lab.HTTPRoute("web"), "beside: Accepted, ResolvedRefs; web: ; web: Accepted False "+
				"NotAllowedByListeners, ResolvedRefs")
		})
	}
}

func TestTheStatusOfAGatewayThatIsGoneIsNotWritten(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	l.Discard(`Gateway shop/web {}`)
	decided := 0
	for _, s := range l.Gateways {
		next := s.Decided
		s.Decided = func(key stack.Key, changes []gateway.Change) {
			decided += len(changes)
			next(key, changes)
		}
	}
	l.SettleWeb()
	if l.Get(&gatewayv1.Gateway{}, "web") || decided > 0 {
		t.Errorf("%d statuses are decided", decided)
	}
}

func TestANewGatewayWaitsAMomentForItsFirstRoute(t *testing.T) {
	t.Parallel()
	gatewayOnly, route, _ := strings.Cut(lab.WebGateway, "HTTPRoute ")
	l := lab.NewGateway(t, gatewayOnly)
	key := lab.GatewayKey(stack.GatewayALB, "web")
	pass := func() time.Duration {
		t.Helper()
		res, err := l.ReconcilerOf(key).Reconcile(l.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return res.RequeueAfter
	}
	mark := l.Mark()
	wait := pass()
	if made := l.Writes(mark); wait <= 0 || wait > time.Second || len(made) > 0 {
		t.Fatalf("without a route: again after %v, writes %v", wait, made)
	}
	l.Apply("HTTPRoute " + route)
	if pass(); len(l.Writes(mark)) < 5 {
		t.Errorf("with a route: writes %v", l.Writes(mark))
	}

	l = lab.NewGateway(t, gatewayOnly)
	mark = l.Mark()
	l.Clock.Advance(pass())
	if pass(); len(l.Writes(mark)) == 0 {
		t.Error("a Gateway to which no route came is not made")
	}
}
