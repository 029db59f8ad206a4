package front

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func gatewayFrontEnd(f attachment.Family) Gateway {
	return Gateway{Config: gateway.Config{ALB: gateway.ControllerALB, NLB: gateway.ControllerNLB,
		Auto: gateway.ControllerAuto, ListenerSets: true}, Family: f}
}

// aGateway is the Gateway shop/web of an automatic class with a listener, and its class.
func aGateway(protocol gatewayv1.ProtocolType, finalizers ...string) (*gatewayv1.Gateway, []metav1.Object) {
	g := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u", Finalizers: finalizers},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: "auto", Listeners: []gatewayv1.Listener{
			{Name: "a", Port: 80, Protocol: protocol}}},
	}
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "auto"}, Spec: gatewayv1.GatewayClassSpec{
		ControllerName: gateway.ControllerAuto}}
	return g, []metav1.Object{g, class}
}

func TestAGatewayBelongsToTheFrontEndOfItsFamilyAndLeavesTheOther(t *testing.T) {
	t.Parallel()
	g, objs := aGateway("TCP", "gateway.k8s.aws/alb")
	v, id := objects.FromObjects(objs), stack.ID{Namespace: "shop", Name: "web"}
	alb, nlb := gatewayFrontEnd(attachment.Application), gatewayFrontEnd(attachment.Network)
	if _, ok, _ := alb.Declared(v, g); ok {
		t.Error("an NLB's Gateway declares an ALB")
	}
	if got, ok, _ := nlb.Declared(v, g); !ok || got != id {
		t.Error(got, ok)
	}
	w := alb.Load(v, id)
	if w.Declared || len(w.Leaving) != 1 || w.removal() != stack.NotDeclared || w.Decisions != nil {
		t.Errorf("%+v", w)
	}
	w = nlb.Load(v, id)
	if w.Declared || w.Decisions == nil {
		t.Errorf("it does not wait for the ALB: %+v", w)
	}
	g.Finalizers = nil
	w = nlb.Load(v, id)
	if !w.Declared || len(w.Members) != 1 || w.LoadBalancer.Key.String() != "gateway.k8s.aws.nlb:shop/web" ||
		w.Decisions == nil {
		t.Errorf("%+v", w)
	}
	if _, ok, _ := nlb.Declared(v, &gatewayv1.HTTPRoute{}); ok {
		t.Error("a route declares a load balancer")
	}
}

func TestAProtectedGatewayThatIsDeletedNamesWhereItIsProtected(t *testing.T) {
	t.Parallel()
	g, objs := aGateway("HTTP", "gateway.k8s.aws/alb")
	g.DeletionTimestamp = &metav1.Time{}
	g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
		Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "own"}}
	c := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "own"}}
	c.Spec.LoadBalancerAttributes = []configv1.Attribute{{Key: "deletion_protection.enabled", Value: "true"}}
	w := gatewayFrontEnd(attachment.Application).Load(objects.FromObjects(append(objs, c)),
		stack.ID{Namespace: "shop", Name: "web"})
	if got := w.Protected[stack.LoadBalancerIdentity]; !strings.Contains(got, "LoadBalancerConfiguration shop/own") ||
		!strings.Contains(got, "loadBalancerAttributes") {
		t.Errorf("%q", got)
	}
	if w.removal() != stack.ObjectsDeleted {
		t.Error(w.removal())
	}
}

// TestTagsOfAClassAreOfAnAdministrator has a tag by which other controllers select security groups in the configuration
// of a class, and in that of a Gateway.
func TestTagsOfAClassAreOfAnAdministrator(t *testing.T) {
	t.Parallel()
	const key = "karpenter.sh/discovery"
	for mode, ofClass := range map[configv1.MergingMode]bool{"": true, configv1.PreferGateway: true, "own": false} {
		g, objs := aGateway("HTTP")
		c := &configv1.LoadBalancerConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}}
		c.Spec.Tags = map[string]string{key: "demo"}
		if ofClass {
			class, _ := objs[1].(*gatewayv1.GatewayClass)
			class.Spec.ParametersRef = &gatewayv1.ParametersReference{Group: "gateway.k8s.aws",
				Kind: "LoadBalancerConfiguration", Name: "c", Namespace: ptr.To(gatewayv1.Namespace("shop"))}
			if mode != "" {
				c.Spec.MergingMode = &mode
			}
		} else {
			g.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{ParametersRef: &gatewayv1.LocalParametersReference{
				Group: "gateway.k8s.aws", Kind: "LoadBalancerConfiguration", Name: "c"}}
		}
		m := gatewayFrontEnd(attachment.Application).Load(objects.FromObjects(append(objs, c)),
			stack.ID{Namespace: "shop", Name: "web"}).LoadBalancer.Members[0]
		tag := m.Settings.Tags[key]
		if got := tag.Source.Object() == m.ClassConfiguration.Object(); !tag.Set || got != ofClass {
			t.Errorf("mergingMode %q: %+v of %v, class %v", mode, tag, tag.Source, m.ClassConfiguration)
		}
	}
}

func TestAnAdoptedGatewayKeepsTheRulesOfTheExistingController(t *testing.T) {
	t.Parallel()
	_, objs := aGateway("HTTP")
	f := gatewayFrontEnd(attachment.Application)
	for exists, want := range map[bool]string{false: "plain-hosts", true: "compatible"} {
		f.Exists = func(stack.Key) bool { return exists }
		w := f.Load(objects.FromObjects(objs), stack.ID{Namespace: "shop", Name: "web"})
		if got := w.Decisions.Annotations[gateway.ConstructionAnnotation]; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
