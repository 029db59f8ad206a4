package objects

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
)

// Kind is a kind of object that can be read.
type Kind string

// The kinds.
const (
	Ingress            Kind = "Ingress"
	IngressClass       Kind = "IngressClass"
	IngressClassParams Kind = "IngressClassParams"
	Service            Kind = "Service"
	Namespace          Kind = "Namespace"
	Secret             Kind = "Secret"
	ConfigMap          Kind = "ConfigMap"
	TargetGroupBinding Kind = "TargetGroupBinding"
	Pod                Kind = "Pod"
	Node               Kind = "Node"
	EndpointSlice      Kind = "EndpointSlice"
	// PodOfService is the kind of the pod that stands for those behind a Service, under the name of the Service: see
	// Representative.
	PodOfService Kind = "PodOfService"

	// Group and Finalizer are no objects. Ingresses and Services name the group that they declare, and have finalizers of
	// groups that they are or were in.
	Group     Kind = "Group"
	Finalizer Kind = "Finalizer"
	// Backend is no object either. Ingresses and TargetGroupBindings name their Services by it; routes name theirs as
	// Services, which alone makes a TargetGroupConfiguration effective.
	Backend Kind = "Backend"
	// TargetGroup is no object either. TargetGroupBindings name their target group by its ARN and by its name.
	TargetGroup Kind = "TargetGroup"
	// LongName is no object either. Ingresses, Services and Gateways whose names are too long for a label name the hash of
	// their name.
	LongName Kind = "LongName"

	GatewayClass   Kind = "GatewayClass"
	Gateway        Kind = "Gateway"
	ListenerSet    Kind = "ListenerSet"
	HTTPRoute      Kind = "HTTPRoute"
	GRPCRoute      Kind = "GRPCRoute"
	TCPRoute       Kind = "TCPRoute"
	UDPRoute       Kind = "UDPRoute"
	TLSRoute       Kind = "TLSRoute"
	ReferenceGrant Kind = "ReferenceGrant"

	BackendTLSPolicy Kind = "BackendTLSPolicy"

	LoadBalancerConfiguration Kind = "LoadBalancerConfiguration"
	TargetGroupConfiguration  Kind = "TargetGroupConfiguration"
	ListenerRuleConfiguration Kind = "ListenerRuleConfiguration"

	GlobalAccelerator Kind = "GlobalAccelerator"
)

// RouteKinds are the kinds of routes.
var RouteKinds = []Kind{HTTPRoute, GRPCRoute, TCPRoute, UDPRoute, TLSRoute}

// groups are the API groups of the kinds that ReferenceGrants may name.
var groups = map[Kind]string{
	GlobalAccelerator: agav1beta1.GroupVersion.Group, Ingress: networkingv1.GroupName,
	Service: corev1.GroupName, Secret: corev1.GroupName, ConfigMap: corev1.GroupName,
	Gateway: gatewayv1.GroupName, ListenerSet: gatewayv1.GroupName,
	HTTPRoute: gatewayv1.GroupName, GRPCRoute: gatewayv1.GroupName, TCPRoute: gatewayv1.GroupName,
	UDPRoute: gatewayv1.GroupName, TLSRoute: gatewayv1.GroupName,
}

// GroupOf returns the API group of a kind that ReferenceGrants may name; "-" for kinds that they may not.
func GroupOf(k Kind) string {
	if group, ok := groups[k]; ok {
		return group
	}
	return "-"
}

// KindOf returns the kind of an object by its Go type, since typed objects from a client have no kind set.
func KindOf(object any) (Kind, bool) {
	switch object.(type) {
	case *networkingv1.Ingress:
		return Ingress, true
	case *networkingv1.IngressClass:
		return IngressClass, true
	case *v1beta1.IngressClassParams:
		return IngressClassParams, true
	case *corev1.Service:
		return Service, true
	case *corev1.Namespace:
		return Namespace, true
	case *corev1.Secret:
		return Secret, true
	case *corev1.ConfigMap:
		return ConfigMap, true
	case *v1beta1.TargetGroupBinding:
		return TargetGroupBinding, true
	case *corev1.Pod:
		return Pod, true
	case *corev1.Node:
		return Node, true
	case *discoveryv1.EndpointSlice:
		return EndpointSlice, true
	case *agav1beta1.GlobalAccelerator:
		return GlobalAccelerator, true
	}
	return kindOfGateways(object)
}

// kindOfGateways is KindOf for the Gateway API and its extensions.
func kindOfGateways(object any) (Kind, bool) {
	switch object.(type) {
	case *gatewayv1.GatewayClass:
		return GatewayClass, true
	case *gatewayv1.Gateway:
		return Gateway, true
	case *gatewayv1.ListenerSet:
		return ListenerSet, true
	case *gatewayv1.HTTPRoute:
		return HTTPRoute, true
	case *gatewayv1.GRPCRoute:
		return GRPCRoute, true
	case *gatewayv1.TCPRoute:
		return TCPRoute, true
	case *gatewayv1.UDPRoute:
		return UDPRoute, true
	case *gatewayv1.TLSRoute:
		return TLSRoute, true
	case *gatewayv1beta1.ReferenceGrant:
		return ReferenceGrant, true
	case *gatewayv1.BackendTLSPolicy:
		return BackendTLSPolicy, true
	case *lbcgatewayv1.LoadBalancerConfiguration:
		return LoadBalancerConfiguration, true
	case *lbcgatewayv1.TargetGroupConfiguration:
		return TargetGroupConfiguration, true
	case *lbcgatewayv1.ListenerRuleConfiguration:
		return ListenerRuleConfiguration, true
	}
	return "", false
}
