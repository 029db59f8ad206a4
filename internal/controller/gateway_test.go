package controller

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// gatewayKey is the stack of Gateway shop/NAME.
func gatewayKey(o stack.Owner, name string) stack.Key {
	return stack.Key{Owner: o, ID: stack.ID{Namespace: "shop", Name: name}}
}

// labGateway is a Gateway of the class of a controller with a listener, and the class.
func labGateway(name, controller string, port gatewayv1.PortNumber, protocol gatewayv1.ProtocolType) (*gatewayv1.Gateway, *gatewayv1.GatewayClass) {
	g := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-gateway", Generation: 1},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: gatewayv1.ObjectName(controller),
			Listeners: []gatewayv1.Listener{{Name: "a", Port: port, Protocol: protocol}}},
	}
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: controller, Generation: 1, UID: "uid-class"},
		Spec: gatewayv1.GatewayClassSpec{ControllerName: gatewayv1.GatewayController("gateway.k8s.aws/" + controller)}}
	return g, class
}

// labRoute is a route of Gateway shop/web to Service web, with a rule for each path prefix.
func labRoute(name string, paths ...string) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Generation: 1}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "web"}}
	for _, path := range paths {
		r.Spec.Rules = append(r.Spec.Rules, gatewayv1.HTTPRouteRule{
			Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: &path}}},
			BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{Name: "web", Port: ptr.To[gatewayv1.PortNumber](80)}}}},
		})
	}
	return r
}

// labIP is the configuration of Service web with ip targets.
func labIP() *configv1.TargetGroupConfiguration {
	return &configv1.TargetGroupConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ip"}, Spec: configv1.TargetGroupConfigurationSpec{
		TargetReference:      &configv1.TargetReference{Name: "web"},
		DefaultConfiguration: configv1.TargetGroupProps{TargetType: ptr.To(configv1.TargetType("ip"))},
	}}
}

// condition is a condition of Gateway shop/web as "status reason message".
func (l *lab) condition(kind string) string {
	l.Helper()
	g := &gatewayv1.Gateway{}
	if !l.get(g, "web") {
		return "gone"
	}
	c := meta.FindStatusCondition(g.Status.Conditions, kind)
	if c == nil {
		return "none"
	}
	return strings.TrimSpace(string(c.Status) + " " + c.Reason + " " + c.Message)
}

func TestAGatewayGetsItsLoadBalancerAndShowsItOnceItServes(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l, key := newLab(t, account.Profile{}, class, g), gatewayKey(stack.GatewayALB, "web")
	mark := l.mark()
	l.settle(key)
	if lbs := l.sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "application" {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.events, "\n"))
	}
	if got := len(l.writes(mark)); got > 9 {
		t.Errorf("%d writes: %v", got, l.writes(mark))
	}
	if got := l.condition("Accepted"); got != "True Accepted" {
		t.Error("Accepted:", got)
	}
	if got := l.condition("Programmed"); !strings.HasPrefix(got, "True Programmed arn:aws:elasticloadbalancing:") {
		t.Error("Programmed:", got)
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if len(g.Status.Addresses) != 1 || !strings.HasSuffix(g.Status.Addresses[0].Value, ".amazonaws.com") || len(g.Status.Listeners) != 1 {
		t.Errorf("status %+v", g.Status)
	}
	if got := g.Annotations["gateway.k8s.aws/rule-construction"]; got != "plain-hosts" || len(g.Finalizers) != 1 {
		t.Errorf("construction %q, finalizers %v", got, g.Finalizers)
	}
	mark = l.mark()
	g.Labels = map[string]string{"touched": "yes"}
	l.must(l.client.Update(t.Context(), g))
	version := g.ResourceVersion
	l.settle(key)
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if n := l.reads(mark); len(n) > 0 || len(l.writes(mark)) > 0 || g.ResourceVersion != version {
		t.Errorf("a touch costs %v and %v; version %s, then %s", n, l.writes(mark), version, g.ResourceVersion)
	}

	l.must(l.client.Delete(t.Context(), class)) // in any order
	l.must(l.client.Delete(t.Context(), g))
	l.settle(key)
	if left := slices.DeleteFunc(l.left(), func(r string) bool { return strings.Contains(r, "k8s-traffic-") }); len(left) > 0 || l.get(&gatewayv1.Gateway{}, "web") {
		t.Errorf("left: %v", left)
	}
}

func TestANetworkGatewayBelongsToTheOtherOwner(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "auto", 53, gatewayv1.UDPProtocolType)
	l := newLab(t, account.Profile{}, class, g)
	l.settle(gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web"))
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if len(g.Finalizers) != 1 || g.Finalizers[0] != "gateway.k8s.aws/nlb" {
		t.Errorf("finalizers %v", g.Finalizers)
	}
	if lbs := l.sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "network" {
		t.Errorf("load balancers %+v\n%s", lbs, strings.Join(l.events, "\n"))
	}
}

func TestAGatewayWithoutALoadBalancerIsReported(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 53, gatewayv1.UDPProtocolType)
	l := newLab(t, account.Profile{}, class, g)
	l.settle(gatewayKey(stack.GatewayALB, "web"), gatewayKey(stack.GatewayNLB, "web"))
	if got := l.condition("Accepted"); !strings.HasPrefix(got, "False ListenersNotValid") || len(l.left()) > 0 {
		t.Error("Accepted:", got, l.left())
	}
}

func TestWhatGatewaysRelyOnStaysWhileItIsNamed(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l := newLab(t, account.Profile{}, class, g)
	r := gatewaystatus.New(objects.GatewayClass, settings.GatewayConfig(l.config), l.client, nil, l.statuses)
	pass := func() {
		t.Helper()
		for range 2 {
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "alb"}})
			l.must(err)
			l.clock.Advance(1e9)
			l.runQueues(t.Context())
		}
	}
	pass()
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(class), class))
	if c := meta.FindStatusCondition(class.Status.Conditions, "Accepted"); c == nil || c.Status != metav1.ConditionTrue || len(class.Status.SupportedFeatures) == 0 {
		t.Errorf("status %+v", class.Status)
	}
	l.must(l.client.Delete(t.Context(), class))
	pass()
	if l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(class), class)); len(class.Finalizers) != 1 {
		t.Errorf("finalizers %v while a Gateway names it", class.Finalizers)
	}
	l.must(l.client.Delete(t.Context(), g))
	pass()
	if err := l.client.Get(t.Context(), client.ObjectKeyFromObject(class), class); client.IgnoreNotFound(err) != nil || err == nil {
		t.Error("it stays although nothing names it:", err)
	}
}

// TestATargetGroupWithTheNameOfTheExistingControllerIsKept has a Service with a named target port, for which v3.5.0 of the existing controller
// gives another name than later versions. The target group gets that name by a configuration, which then goes.
func TestATargetGroupWithTheNameOfTheExistingControllerIsKept(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	svc := labService("web")
	svc.Spec.Ports[0].TargetPort = intstr.FromString("http")
	route := labRoute("front", "/")
	former := naming.GatewayTargetGroup{
		Cluster: "demo-cluster", Gateway: stack.ID{Namespace: "shop", Name: "web"}, RouteKind: "HTTPRoute", RouteNamespace: "shop", RouteName: "front", BackendNamespace: "shop", BackendName: "web",
		TargetPort: "http", Port: 1, TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1",
	}
	named := labIP()
	named.Spec.DefaultConfiguration.TargetGroupName = ptr.To(former.FormerName())
	l, key := newLab(t, account.Profile{}, class, g, svc, route, named), gatewayKey(stack.GatewayALB, "web")
	l.settle(key)
	groups := func() string {
		var out []string
		for _, tg := range l.sim.Resources().TargetGroups {
			out = append(out, tg.Name+" "+tg.ARN)
		}
		return strings.Join(out, ", ")
	}
	before := groups()
	if !strings.HasPrefix(before, former.FormerName()+" ") || strings.Contains(before, ",") || former.FormerName() == former.Name() {
		t.Fatalf("target groups %s\n%s", before, strings.Join(l.events, "\n"))
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(named), named))
	named.Spec.DefaultConfiguration.TargetGroupName = nil
	l.must(l.client.Update(t.Context(), named))
	l.restart()
	mark := l.mark()
	l.settle(key)
	if got := groups(); got != before || len(l.writes(mark)) > 0 {
		t.Errorf("target groups %s, before %s; writes %v", got, before, l.writes(mark))
	}
}

func TestBindingsOfAGatewayGetTheLabelsAndAnnotationsOfItsInfrastructure(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{
		Labels:      map[gatewayv1.LabelKey]gatewayv1.LabelValue{"team": "shop"},
		Annotations: map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue{"example.com/cost": "7"},
	}
	l, key := newLab(t, account.Profile{}, class, g, labService("web"), labRoute("front", "/"), labIP()), gatewayKey(stack.GatewayALB, "web")
	binding := func() v1beta1.TargetGroupBinding {
		t.Helper()
		var list v1beta1.TargetGroupBindingList
		l.must(l.client.List(t.Context(), &list))
		if len(list.Items) != 1 {
			t.Fatalf("bindings %v\n%s", list.Items, strings.Join(l.events, "\n"))
		}
		return list.Items[0]
	}
	l.settle(key)
	if b := binding(); b.Labels["team"] != "shop" || b.Annotations["example.com/cost"] != "7" || b.Labels["gateway.k8s.aws.alb/stack-name"] != "web" {
		t.Errorf("made: labels %v, annotations %v", b.Labels, b.Annotations)
	}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Spec.Infrastructure.Labels["team"], g.Spec.Infrastructure.Annotations["example.com/cost"] = "web", "9"
	g.Generation++
	l.must(l.client.Update(t.Context(), g))
	l.settle(key)
	if b := binding(); b.Labels["team"] != "web" || b.Annotations["example.com/cost"] != "9" || b.Labels["gateway.k8s.aws.alb/stack-name"] != "web" {
		t.Errorf("edited: labels %v, annotations %v", b.Labels, b.Annotations)
	}
}
