package gateways

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func wantAnswers(l *lab.Lab, want map[string]string) {
	l.Helper()
	for path, to := range want {
		if got := l.Answers(path); got != to {
			l.Errorf("%s is answered by %q, want %q\n%s", path, got, to, strings.Join(l.Events, "\n"))
		}
	}
}

func TestAnHTTPRouteGetsItsRulesAndTargets(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": "shop/web:shop-web:HTTPRoute-shop-web:8080"})
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	r := l.Sim.Resources()
	if len(r.TargetGroups) != 1 || len(r.TargetGroups[0].Targets) != 1 || r.TargetGroups[0].TargetType != "ip" {
		t.Errorf("target groups %+v", r.TargetGroups)
	}
	g := &gatewayv1.Gateway{}
	if l.Get(g, "web"); len(g.Status.Listeners) != 1 || g.Status.Listeners[0].AttachedRoutes != 1 ||
		lab.Shown(g.Status.Listeners[0].Conditions) != "Accepted, Programmed, ResolvedRefs" {
		t.Errorf("listeners %+v", g.Status.Listeners)
	}
	mark := l.Mark()
	route := lab.HTTPRoute("web")
	l.Get(route, "web")
	route.Labels = map[string]string{"touched": "yes"}
	l.Must(l.Client.Update(t.Context(), route))
	versions := func() string {
		l.Get(g, "web")
		l.Get(route, "web")
		return g.ResourceVersion + " " + route.ResourceVersion
	}
	before := versions()
	l.SettleWeb()
	if reads, writes := l.Reads(mark), l.Writes(mark); len(reads)+len(writes) > 0 || versions() != before {
		t.Errorf("a touch costs %v and %v; versions %s, then %s", reads, writes, before, versions())
	}
}

func TestAGatewayWithARouteIsMadeInThreeReadsAndNineWrites(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.ReplaceAll(lab.WebGateway, "shop/web", "shop/first"))
	l.Settle(lab.GatewayKey(stack.GatewayALB, "first"))
	mark := l.Mark()
	l.Apply(strings.TrimPrefix(lab.WebGateway, lab.GatewayClasses))
	l.SettleWeb()
	if reads, writes := l.Reads(mark), l.Writes(mark); len(reads) > 3 || len(writes) > 9 ||
		len(l.Sim.Resources().LoadBalancers) != 2 {
		t.Errorf("%d reads %v and %d writes %v", len(reads), reads, len(writes), writes)
	}
}

func TestATCPRouteGetsItsNetworkLoadBalancer(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": "shop/web:shop-web:TCPRoute-shop-web:8080"})
	l.WantParents(&gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		"web: Accepted, ResolvedRefs")
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "network" {
		t.Errorf("load balancers %+v", lbs)
	}
	l.Discard(`Gateway shop/web {}`)
	l.SettleWeb()
	if left := l.LeftOfStacks(); len(left) > 0 || l.Get(&gatewayv1.Gateway{}, "web") {
		t.Errorf("left: %v", left)
	}
}

func TestAListenerSetAddsItsListenersAndRoutes(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "gatewayClassName: alb,",
		"gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}},", 1)+`
ListenerSet shop/more {spec: {parentRef: {name: web}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
HTTPRoute shop/more {spec: {parentRefs: [{kind: ListenerSet, name: more}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
	l.SettleWeb()
	lbs := l.Sim.Resources().LoadBalancers
	if len(lbs) != 1 || len(lbs[0].Listeners) != 2 {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
	s := &gatewayv1.ListenerSet{}
	if l.Get(s, "more"); lab.Shown(s.Status.Conditions) != "Accepted, Programmed" || len(s.Status.Listeners) != 1 ||
		s.Status.Listeners[0].AttachedRoutes != 1 ||
		lab.Shown(s.Status.Listeners[0].Conditions) != "Accepted, Programmed, ResolvedRefs" {
		t.Errorf("status %+v", s.Status)
	}
	g := &gatewayv1.Gateway{}
	if l.Get(g, "web"); g.Status.AttachedListenerSets == nil || *g.Status.AttachedListenerSets != 1 {
		t.Errorf("status %+v", g.Status)
	}
	l.WantParents(lab.HTTPRoute("more"), "more: Accepted, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.Discard(`ListenerSet shop/more {}`)
	l.SettleWeb()
	if lbs = l.Sim.Resources().LoadBalancers; len(lbs) != 1 || len(lbs[0].Listeners) != 1 {
		t.Errorf("load balancers %+v", lbs)
	}
}
