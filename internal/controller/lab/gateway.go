package lab

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// GatewayKey is the stack of Gateway shop/NAME.
func GatewayKey(o stack.Owner, name string) stack.Key {
	return stack.Key{Owner: o, ID: stack.ID{Namespace: "shop", Name: name}}
}

// Gateway is a Gateway of the class of a controller with a listener, and the class.
func Gateway(name, controller string, port gatewayv1.PortNumber, protocol gatewayv1.ProtocolType) (*gatewayv1.Gateway,
	*gatewayv1.GatewayClass) {
	g := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-gateway", Generation: 1},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: gatewayv1.ObjectName(controller),
			Listeners: []gatewayv1.Listener{{Name: "a", Port: port, Protocol: protocol}}},
	}
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: controller, Generation: 1, UID: "uid-class"},
		Spec: gatewayv1.GatewayClassSpec{ControllerName: gatewayv1.GatewayController("gateway.k8s.aws/" + controller)}}
	return g, class
}

// Route is a route of Gateway shop/web to Service web, with a rule for each path prefix.
func Route(name string, paths ...string) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name),
		Generation: 1}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "web"}}
	for _, path := range paths {
		r.Spec.Rules = append(r.Spec.Rules, gatewayv1.HTTPRouteRule{
			Matches: []gatewayv1.HTTPRouteMatch{
				{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: &path}}},
			BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{Name: "web", Port: ptr.To[gatewayv1.PortNumber](80)}}}},
		})
	}
	return r
}

// IPTargets is the configuration of Service web with ip targets.
func IPTargets() *configv1.TargetGroupConfiguration {
	return &configv1.TargetGroupConfiguration{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ip"},
		Spec: configv1.TargetGroupConfigurationSpec{
			TargetReference:      &configv1.TargetReference{Name: "web"},
			DefaultConfiguration: configv1.TargetGroupProps{TargetType: ptr.To(configv1.TargetType("ip"))},
		}}
}

// Condition is a condition of Gateway shop/web as "status reason message".
func (l *Lab) Condition(kind string) string {
	l.Helper()
	g := &gatewayv1.Gateway{}
	if !l.Get(g, "web") {
		return "gone"
	}
	c := meta.FindStatusCondition(g.Status.Conditions, kind)
	if c == nil {
		return "none"
	}
	return strings.TrimSpace(string(c.Status) + " " + c.Reason + " " + c.Message)
}
