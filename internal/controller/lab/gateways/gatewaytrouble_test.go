package gateways

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/optionalkinds"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestGatewayListenerServesCertificateOfItsSecret(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "listeners: [", "listeners: [{name: https, port: 443, "+
		"protocol: HTTPS, tls: {certificateRefs: [{name: tls}]}}, ", 1))
	l.Core = fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tls",
		ResourceVersion: "1"}, Type: corev1.SecretTypeTLS, Data: lab.TLSPairs()[0]})
	l.Restart()
	l.SettleWeb()
	lbs := l.Sim.Resources().LoadBalancers
	if len(lbs) != 1 || len(lbs[0].Listeners) != 2 || len(lbs[0].Listeners[1].Certificates) != 1 {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
	g := &gatewayv1.Gateway{}
	if l.Get(g, "web"); len(g.Status.Listeners) != 2 || lab.Shown(g.Status.Listeners[0].Conditions) !=
		"Accepted, Programmed, ResolvedRefs" {
		t.Errorf("listeners %+v", g.Status.Listeners)
	}
	l.Discard(`Gateway shop/web {}`)
	l.SettleWeb()
	if left := l.LeftOfStacks(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestIngressesNeedNoPermissionInACMWhereGatewaysAreServed(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.Key("web"))
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil)))
	l.Settle(lab.Key("web"))
	if n := slices.DeleteFunc(l.Reads(mark), func(action string) bool {
		return !strings.Contains(action, "Certificate") || strings.Contains(action, "Listener")
	}); len(n) > 0 {
		t.Errorf("reads %v", n)
	}
}

func TestAGatewayShowsWhyAWSRefusesIt(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "quota", Action: "CreateLoadBalancer", Code: "TooManyLoadBalancers",
		Message: "limit"})
	l.Must(err)
	for range 5 {
		_, _ = l.Round(l.WebKeys()...)
		l.Clock.Advance(1e9)
	}
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "False ") {
		t.Error("Programmed:", got)
	}
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	l.Sim.Gate.RemoveFault("quota")
	l.Clock.Advance(600e9)
	l.SettleWeb()
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "True Programmed arn:") {
		t.Error("Programmed:", got)
	}
}

func TestARestartWritesNothingOfAGatewayThatIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	g, route := &gatewayv1.Gateway{}, lab.HTTPRoute("web")
	versions := func() string {
		l.Get(g, "web")
		l.Get(route, "web")
		return g.ResourceVersion + " " + route.ResourceVersion
	}
	before, mark := versions(), l.Mark()
	l.Restart()
	l.SettleWeb()
	if after := versions(); after != before || len(l.Writes(mark)) > 0 {
		t.Errorf("versions %s, then %s; %v", before, after, l.Writes(mark))
	}
}

func TestADefinitionThatGoesTakesNothingAway(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway)
	l.SettleWeb()
	watching, ok := l.Client.(client.WithWatch)
	if !ok {
		t.Fatal("the client does not watch")
	}
	gone := &optionalkinds.RemovedError{Kind: schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1",
		Kind: "HTTPRoute"}}
	removed := interceptor.NewClient(watching, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch,
		list client.ObjectList, opts ...client.ListOption) error {
		if _, ok := list.(*gatewayv1.HTTPRouteList); ok {
			return gone
		}
		return c.List(ctx, list, opts...)
	}})
	for _, s := range l.Gateways {
		s.Client = removed
	}
	before, mark := l.Parents(lab.HTTPRoute("web")), l.Mark()
	for range 3 {
		if _, err := l.Round(l.WebKeys()...); !errors.As(err, &gone) {
			t.Error("passes end with", err)
		}
		l.Clock.Advance(60e9)
	}
	if writes := l.Writes(mark); len(writes) > 0 || l.Parents(lab.HTTPRoute("web")) != before {
		t.Errorf("%v; parents %s", writes, l.Parents(lab.HTTPRoute("web")))
	}
	wantAnswers(l, map[string]string{"/": toWeb})
}

func TestALoadBalancerOfAGatewayIsTheTargetOfAnother(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web, port: 80}]}]}}`)
	keys := append(l.WebKeys(), lab.GatewayKey(stack.GatewayNLB, "net"))
	l.Settle(keys...)
	l.Settle(keys...)
	var target string
	r := l.Sim.Resources()
	for _, tg := range r.TargetGroups {
		if tg.TargetType == "alb" && len(tg.Targets) == 1 {
			target = tg.Targets[0].ID
		}
	}
	if !slices.ContainsFunc(r.LoadBalancers, func(lb simclient.LoadBalancer) bool {
		return lb.ARN == target &&
			lb.Type == "application"
	}) {
		t.Errorf("target %q of %+v\n%s", target, r.TargetGroups, strings.Join(l.Events, "\n"))
	}
}

// TestAnInvalidConfigurationKeepsWhatServes has a mistake in each configuration that a network load balancer and the
// ALB behind it depend on.
func TestAnInvalidConfigurationKeepsWhatServes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ mistake, route string }{
		"of target groups": {
			`TargetGroupConfiguration shop/tcp {spec: {targetReference: {name: api}, defaultConfiguration: {targetType: ip, protocol: HTTP}}}`, "net: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs"},
		"of the load balancer behind": {`LoadBalancerConfiguration shop/own {spec: {sourceRanges: [everywhere]}}`,
			"net: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs False BackendNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "gatewayClassName: alb,",
				"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: "+
					"LoadBalancerConfiguration, name: own}},", 1)+`
LoadBalancerConfiguration shop/own {}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: a, port: 80, protocol: TCP}, {name: b, port: 81, protocol: TCP}]}}
TargetGroupConfiguration shop/tcp {spec: {targetReference: {name: api}, defaultConfiguration: {targetType: ip}}}
TCPRoute shop/net {spec: {parentRefs: [{name: net, port: 80}], rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: web, port: 80}]}]}}
TCPRoute shop/api {spec: {parentRefs: [{name: net, port: 81}], rules: [{backendRefs: [{name: api, port: 80}]}]}}`)
			keys := append(l.WebKeys(), lab.GatewayKey(stack.GatewayNLB, "net"))
			l.Settle(keys...)
			l.Settle(keys...)
			mark := l.Mark()
			l.Apply(tc.mistake)
			for range 6 {
				_, _ = l.Round(keys...)
				l.Clock.Advance(60e9)
			}
			if writes := l.Writes(mark); len(writes) > 0 {
				t.Errorf("%v\n%s", writes, strings.Join(l.Events, "\n"))
			}
			r := &gatewayv1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "net"}}
			if name == "of target groups" {
				r.Name = "api"
			}
			l.WantParents(r, tc.route)
		})
	}
}

func TestDanglingGatewayReferenceIsReportedOnGatewayOnly(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, strings.Replace(lab.WebGateway, "gatewayClassName: alb,",
		"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, "+
			"name: nowhere}},", 1))
	l.SettleWeb()
	l.WantParents(&gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}},
		"web: Accepted, ResolvedRefs")
	events := strings.Join(l.Events, "\n")
	if !strings.Contains(events, "spec.infrastructure.parametersRef names LoadBalancerConfiguration shop/nowhere, which "+
		"does not exist") || strings.Contains(events, string(diag.GroupWaits)) {
		t.Error(events)
	}
}

func TestConfigurationsStayWhileGatewaysNameThem(t *testing.T) {
	t.Parallel()
	for kind, tc := range map[objects.Kind]struct{ object, user string }{
		objects.LoadBalancerConfiguration: {"LoadBalancerConfiguration shop/web {}", "Gateway shop/web {}"},
		objects.TargetGroupConfiguration:  {"TargetGroupConfiguration shop/web {}", "HTTPRoute shop/web {}"},
		objects.ListenerRuleConfiguration: {"ListenerRuleConfiguration shop/web {}", "HTTPRoute shop/web {}"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(lab.WebGateway, "gatewayClassName: alb,",
				"gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: "+
					"LoadBalancerConfiguration, name: web}},", 1)
			text = strings.Replace(text, "backendRefs: [", "filters: [{type: ExtensionRef, extensionRef: {group: "+
				"gateway.k8s.aws, kind: ListenerRuleConfiguration, name: web}}], backendRefs: [", 1)
			l := lab.NewGateway(t, text+`
LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}
ListenerRuleConfiguration shop/web {spec: {tags: {team: shop}}}`)
			r := gatewaystatus.New(kind, settings.GatewayConfig(l.Config), l.Client, nil, l.Statuses)
			o := lab.GatewayObjects(t, tc.object)[0]
			pass := func() (exists bool) {
				t.Helper()
				for range 2 {
					_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
					l.Must(err)
					l.SettleWeb()
				}
				return l.Get(o, "web")
			}
			if pass(); len(o.GetFinalizers()) != 1 {
				t.Errorf("finalizers %v", o.GetFinalizers())
			}
			l.Discard(tc.object)
			if !pass() {
				t.Error("it is gone while an object names it")
			}
			wantAnswers(l, map[string]string{"/": toWeb})
			l.Discard(tc.user)
			if pass() {
				t.Error("it stays although nothing names it: finalizers", o.GetFinalizers())
			}
		})
	}
}
