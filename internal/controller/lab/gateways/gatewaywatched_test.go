package gateways

import (
	"context"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// elsewhere has, around Gateway shop/web, the configuration of its class, and a route, a ListenerSet and a backend with
// its grant in other namespaces.
const elsewhere = `
LoadBalancerConfiguration kube-system/public {spec: {scheme: internet-facing, defaultTargetGroupConfiguration: {name: ip}}}
TargetGroupConfiguration kube-system/ip {spec: {defaultConfiguration: {targetType: ip}}}
Service pay/pay {spec: {ports: [{port: 80, targetPort: 8080}]}}
ReferenceGrant pay/all {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
HTTPRoute pay/theirs {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{matches: [{path: {type: PathPrefix, value: /theirs}}], backendRefs: [{name: pay, port: 80}]}]}}
ListenerSet pay/theirs {spec: {parentRef: {name: web, namespace: shop}, listeners: [{name: more, port: 81, protocol: HTTP}]}}
HTTPRoute shop/to-pay {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /pay}}], backendRefs: [{name: pay, namespace: pay, port: 80}]}]}}
HTTPRoute shop/away {spec: {parentRefs: [{name: web, namespace: infra}], rules: [{backendRefs: [{name: web, port: 80}]}]}}
Gateway infra/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}`

// widelyOpen is WebGateway with a class that has a configuration, and a Gateway that admits all namespaces.
var widelyOpen = strings.NewReplacer(
	"controllerName: gateway.k8s.aws/alb",
	"controllerName: gateway.k8s.aws/alb, parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, "+
		"namespace: kube-system, name: public}",
	"protocol: HTTP}", "protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}",
	"gatewayClassName: alb,", "gatewayClassName: alb, allowedListeners: {namespaces: {from: All}},",
).Replace(lab.WebGateway)

// TestGatewayOfWatchedNamespaceIsServedDespiteReferences has --watch-namespace=shop.
func TestGatewayOfWatchedNamespaceIsServedDespiteReferences(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, widelyOpen+elsewhere)
	all := l.Client
	away := lab.HTTPRoute("away")
	l.Get(away, "away")
	away.Status.Parents = []gatewayv1.RouteParentStatus{
		{ParentRef: away.Spec.ParentRefs[0], ControllerName: "gateway.k8s.aws/alb", Conditions: []metav1.Condition{
			{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted"}}}}
	l.Must(all.Status().Update(t.Context(), away))
	l.Restrict("shop", all)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb, "/pay": "503", "/theirs": toWeb})
	lbs := l.Sim.Resources().LoadBalancers
	if len(lbs) != 1 || lbs[0].Scheme != "internet-facing" || len(lbs[0].Listeners) != 1 {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "True Programmed") {
		t.Error("Programmed:", got)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("to-pay"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs False "+
		"BackendNotFound")
	l.WantParents(lab.HTTPRoute("away"), "web: Accepted") // of a Gateway that may exist
	events := strings.Join(l.Events, "\n")
	for _, want := range []string{
		"routes of other namespaces than shop are not served: the controller runs with --watch-namespace=shop " +
			"(spec.listeners[0].allowedRoutes.namespaces.from)",
		"ListenerSets of other namespaces than shop are not served",
		"[" + string(diag.UnwatchedNamespaces) + "]",
		"Service pay/pay cannot be read: namespace pay is not watched (--watch-namespace=shop)",
	} {
		if !strings.Contains(events, want) {
			t.Errorf("no event says %q:\n%s", want, events)
		}
	}

	c := &configv1.LoadBalancerConfiguration{}
	l.Must(all.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "public"}, c))
	c.Spec.Tags = map[string]string{"team": "infra"}
	l.Must(all.Update(t.Context(), c))
	l.Restricted.Reread(t.Context())
	if !slices.Contains(l.Woken, l.WebKeys()[0]) {
		t.Fatalf("woken %v", l.Woken)
	}
	l.Settle()
	if tags := l.Sim.Resources().LoadBalancers[0].Tags; tags["team"] != "infra" {
		t.Errorf("tags %v after an edit of the configuration of the class", tags)
	}
	mark, woken := l.Mark(), len(l.Woken)
	l.Restricted.Reread(t.Context())
	l.SettleWeb()
	if writes := l.Writes(mark); len(writes) > 0 || len(l.Woken) > woken {
		t.Errorf("another look writes %v, and wakes %v", writes, l.Woken)
	}
}

// TestWhatARouteServesInAnUnwatchedNamespaceStays has a controller that saw all namespaces, and then one of these.
func TestWhatARouteServesInAnUnwatchedNamespaceStays(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, widelyOpen+elsewhere)
	l.Checkpointed = true
	l.Restart()
	l.SettleWeb()
	const toPay = "shop/web:shop-to-pay:HTTPRoute-pay-pay:8080"
	wantAnswers(l, map[string]string{"/": toWeb, "/pay": toPay})
	l.Crash()
	l.Restrict("shop", l.Client)
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb, "/pay": toPay})
}

// TestUnreadableConfigurationFailsItsGateways denies a controller of one watched namespace the
// configuration of its GatewayClass.
func TestUnreadableConfigurationFailsItsGateways(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, widelyOpen+elsewhere)
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	l.Restrict("shop", interceptor.NewClient(watching, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch,
		key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if key.Namespace == "kube-system" {
			return lab.ErrForbidden
		}
		return c.Get(ctx, key, o, opts...)
	}}))
	l.SettleWeb()
	for _, kind := range []string{"Accepted", "Programmed"} {
		if got := l.Condition(kind); !strings.HasPrefix(got, "False Invalid") ||
			!strings.Contains(got, "LoadBalancerConfiguration kube-system/public, which cannot be read: namespace kube-system "+
				"is not watched (--watch-namespace=shop), and the API server refuses the object") {
			t.Errorf("%s: %s", kind, got)
		}
	}
	r := gatewaystatus.New(objects.GatewayClass, settings.GatewayConfig(l.Config), l.Client, nil, l.Statuses)
	for range 2 {
		_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "alb"}})
		l.Must(err)
		l.Clock.Advance(1e9)
		l.RunQueues(t.Context())
	}
	class := &gatewayv1.GatewayClass{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "alb"}, class))
	if len(class.Status.Conditions) != 1 || class.Status.Conditions[0].Status != metav1.ConditionFalse ||
		class.Status.Conditions[0].Reason != "InvalidParameters" {
		t.Errorf("conditions of the class %+v", class.Status.Conditions)
	}
}
