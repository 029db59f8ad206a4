package gateways

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAGatewayGetsItsLoadBalancerAndShowsItOnceItServes(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l, key := lab.New(t, account.Profile{}, class, g), lab.GatewayKey(stack.GatewayALB, "web")
	mark := l.Mark()
	l.Settle(key)
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "application" {
		t.Fatalf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
	if got := len(l.Writes(mark)); got > 9 {
		t.Errorf("%d writes: %v", got, l.Writes(mark))
	}
	if got := l.Condition("Accepted"); got != "True Accepted" {
		t.Error("Accepted:", got)
	}
	if got := l.Condition("Programmed"); !strings.HasPrefix(got, "True Programmed arn:aws:elasticloadbalancing:") {
		t.Error("Programmed:", got)
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if len(g.Status.Addresses) != 1 || !strings.HasSuffix(g.Status.Addresses[0].Value, ".amazonaws.com") ||
		len(g.Status.Listeners) != 1 {
		t.Errorf("status %+v", g.Status)
	}
	if got := g.Annotations["gateway.k8s.aws/rule-construction"]; got != "plain-hosts" || len(g.Finalizers) != 1 {
		t.Errorf("construction %q, finalizers %v", got, g.Finalizers)
	}
	mark = l.Mark()
	g.Labels = map[string]string{"touched": "yes"}
	l.Must(l.Client.Update(t.Context(), g))
	version := g.ResourceVersion
	l.Settle(key)
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if n := l.Reads(mark); len(n) > 0 || len(l.Writes(mark)) > 0 || g.ResourceVersion != version {
		t.Errorf("a touch costs %v and %v; version %s, then %s", n, l.Writes(mark), version, g.ResourceVersion)
	}

	l.Must(l.Client.Delete(t.Context(), class)) // in any order
	l.Must(l.Client.Delete(t.Context(), g))
	l.Settle(key)
	if left := slices.DeleteFunc(l.Left(), func(r string) bool { return strings.Contains(r, "k8s-traffic-") }); len(left) >
		0 || l.Get(&gatewayv1.Gateway{}, "web") {
		t.Errorf("left: %v", left)
	}
}

func TestANetworkGatewayBelongsToTheOtherOwner(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "auto", 53, gatewayv1.UDPProtocolType)
	l := lab.New(t, account.Profile{}, class, g)
	l.Settle(lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayNLB, "web"))
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if len(g.Finalizers) != 1 || g.Finalizers[0] != "gateway.k8s.aws/nlb" {
		t.Errorf("finalizers %v", g.Finalizers)
	}
	if lbs := l.Sim.Resources().LoadBalancers; len(lbs) != 1 || lbs[0].Type != "network" {
		t.Errorf("load balancers %+v\n%s", lbs, strings.Join(l.Events, "\n"))
	}
}

func TestAGatewayWithoutALoadBalancerIsReported(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 53, gatewayv1.UDPProtocolType)
	l := lab.New(t, account.Profile{}, class, g)
	l.Settle(lab.GatewayKey(stack.GatewayALB, "web"), lab.GatewayKey(stack.GatewayNLB, "web"))
	if got := l.Condition("Accepted"); !strings.HasPrefix(got, "False ListenersNotValid") || len(l.Left()) > 0 {
		t.Error("Accepted:", got, l.Left())
	}
}

func TestWhatGatewaysRelyOnStaysWhileItIsNamed(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l := lab.New(t, account.Profile{}, class, g)
	r := gatewaystatus.New(objects.GatewayClass, settings.GatewayConfig(l.Config), l.Client, nil, l.Statuses)
	pass := func() {
		t.Helper()
		for range 2 {
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Name: "alb"}})
			l.Must(err)
			l.Clock.Advance(1e9)
			l.RunQueues(t.Context())
		}
	}
	pass()
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(class), class))
	if c := meta.FindStatusCondition(class.Status.Conditions, "Accepted"); c == nil || c.Status != metav1.ConditionTrue ||
		len(class.Status.SupportedFeatures) == 0 {
		t.Errorf("status %+v", class.Status)
	}
	l.Must(l.Client.Delete(t.Context(), class))
	pass()
	if l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(class), class)); len(class.Finalizers) != 1 {
		t.Errorf("finalizers %v while a Gateway names it", class.Finalizers)
	}
	l.Must(l.Client.Delete(t.Context(), g))
	pass()
	if err := l.Client.Get(t.Context(), client.ObjectKeyFromObject(class), class); client.IgnoreNotFound(err) != nil ||
		err == nil {
		t.Error("it stays although nothing names it:", err)
	}
}

// TestATargetGroupWithTheNameOfTheExistingControllerIsKept has a Service with a named target port, for which v3.5.0 of
// the existing controller gives another name than later versions. The target group gets that name by a configuration,
// which then goes.
func TestATargetGroupWithTheNameOfTheExistingControllerIsKept(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	svc := lab.Service("web")
	svc.Spec.Ports[0].TargetPort = intstr.FromString("http")
	route := lab.Route("front", "/")
	former := naming.GatewayTargetGroup{
		Cluster: "demo-cluster", Gateway: stack.ID{Namespace: "shop", Name: "web"}, RouteKind: "HTTPRoute",
		RouteNamespace: "shop", RouteName: "front", BackendNamespace: "shop", BackendName: "web",
		TargetPort: "http", Port: 1, TargetType: "ip", Protocol: "HTTP", ProtocolVersion: "HTTP1",
	}
	named := lab.IPTargets()
	named.Spec.DefaultConfiguration.TargetGroupName = ptr.To(former.FormerName())
	l, key := lab.New(t, account.Profile{}, class, g, svc, route, named), lab.GatewayKey(stack.GatewayALB, "web")
	l.Settle(key)
	groups := func() string {
		var out []string
		for _, tg := range l.Sim.Resources().TargetGroups {
			out = append(out, tg.Name+" "+tg.ARN)
		}
		return strings.Join(out, ", ")
	}
	before := groups()
	if !strings.HasPrefix(before, former.FormerName()+" ") || strings.Contains(before, ",") ||
		former.FormerName() == former.Name() {
		t.Fatalf("target groups %s\n%s", before, strings.Join(l.Events, "\n"))
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(named), named))
	named.Spec.DefaultConfiguration.TargetGroupName = nil
	l.Must(l.Client.Update(t.Context(), named))
	l.Restart()
	mark := l.Mark()
	l.Settle(key)
	if got := groups(); got != before || len(l.Writes(mark)) > 0 {
		t.Errorf("target groups %s, before %s; writes %v", got, before, l.Writes(mark))
	}
}

func TestBindingsGetLabelsAndAnnotationsOfInfrastructure(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{
		Labels:      map[gatewayv1.LabelKey]gatewayv1.LabelValue{"team": "shop"},
		Annotations: map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue{"example.com/cost": "7"},
	}
	l, key := lab.New(t, account.Profile{}, class, g, lab.Service("web"), lab.Route("front", "/"), lab.IPTargets()),
		lab.GatewayKey(stack.GatewayALB, "web")
	binding := func() v1beta1.TargetGroupBinding {
		t.Helper()
		var list v1beta1.TargetGroupBindingList
		l.Must(l.Client.List(t.Context(), &list))
		if len(list.Items) != 1 {
			t.Fatalf("bindings %v\n%s", list.Items, strings.Join(l.Events, "\n"))
		}
		return list.Items[0]
	}
	l.Settle(key)
	if b := binding(); b.Labels["team"] != "shop" || b.Annotations["example.com/cost"] != "7" ||
		b.Labels["gateway.k8s.aws.alb/stack-name"] != "web" {
		t.Errorf("made: labels %v, annotations %v", b.Labels, b.Annotations)
	}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	g.Spec.Infrastructure.Labels["team"], g.Spec.Infrastructure.Annotations["example.com/cost"] = "web", "9"
	g.Generation++
	l.Must(l.Client.Update(t.Context(), g))
	l.Settle(key)
	if b := binding(); b.Labels["team"] != "web" || b.Annotations["example.com/cost"] != "9" ||
		b.Labels["gateway.k8s.aws.alb/stack-name"] != "web" {
		t.Errorf("edited: labels %v, annotations %v", b.Labels, b.Annotations)
	}
}
