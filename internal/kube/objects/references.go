package objects

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// References returns the objects that an object names, by which Naming finds it; each once, with its namespace. An
// Ingress without a class names the class "", as default classes do. Kinds that Naming is not called for have none. A
// route also names the parents of its status, so that a Gateway which it was detached from finds it until its entry
// there is removed. References to kinds that nothing reads are left out.
func References(o metav1.Object) []Ref {
	n := names{namespace: o.GetNamespace()}
	switch o := o.(type) {
	case *networkingv1.Ingress:
		n.group(o, annotation.GroupName)
		n.found = append(n.found, Ref{Kind: IngressClass, Name: ptr.Deref(o.Spec.IngressClassName, "")})
		n.services(o)
		n.longName(o)
	case *corev1.Service:
		n.group(o, annotation.ServiceGroupName)
		n.longName(o)
	case *gatewayv1beta1.ReferenceGrant:
		n.grant(o)
	case *networkingv1.IngressClass:
		if o.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			n.found = append(n.found, Ref{Kind: IngressClass})
		}
		if p := o.Spec.Parameters; p != nil {
			n.found = append(n.found, Ref{Kind: IngressClassParams, Name: p.Name})
		}
	case *v1beta1.IngressClassParams:
		if g := o.Spec.Group; g != nil {
			n.found = append(n.found, Ref{Kind: Group, Name: g.Name})
		}
	case *v1beta1.TargetGroupBinding:
		n.ref(BackendRef(o.Namespace, o.Spec.ServiceRef.Name))
		n.found = append(n.found, TargetGroupRefs(&o.Spec)...)
	default:
		n.ofGateways(o)
		n.ofRoute(o)
	}
	return n.found
}

// ofGateways adds what an object of the Gateway API names that is no route.
func (n *names) ofGateways(o metav1.Object) {
	switch o := o.(type) {
	case *gatewayv1.GatewayClass:
		if r := o.Spec.ParametersRef; r != nil && r.Namespace != nil {
			n.add(string(r.Group), string(r.Kind), string(*r.Namespace), r.Name)
		}
	case *gatewayv1.Gateway:
		n.gateway(o)
		n.longName(o)
	case *gatewayv1.ListenerSet:
		p := o.Spec.ParentRef
		n.add(defaulted(p.Group, gatewayv1.GroupName), defaulted(p.Kind, gatewayv1.Kind(Gateway)), defaulted(p.Namespace, ""),
			string(p.Name))
		for i := range o.Spec.Listeners {
			n.certificates(o.Spec.Listeners[i].TLS)
		}
	case *gatewayv1.BackendTLSPolicy:
		for _, r := range o.Spec.TargetRefs {
			n.add(string(r.Group), string(r.Kind), "", string(r.Name))
		}
	case *lbcgatewayv1.LoadBalancerConfiguration:
		if d := o.Spec.DefaultTargetGroupConfiguration; d != nil {
			n.add(lbcgatewayv1.GroupVersion.Group, string(TargetGroupConfiguration), "", d.Name)
		}
	case *lbcgatewayv1.TargetGroupConfiguration:
		if t := o.Spec.TargetReference; t != nil { // its group is not checked
			n.ref(Ref{Kind: Kind(cmp.Or(ptr.Deref(t.Kind, ""), string(Service))), Name: t.Name})
		}
	}
}

// ofRoute adds what a route names.
func (n *names) ofRoute(o metav1.Object) {
	switch o := o.(type) {
	case *gatewayv1.HTTPRoute:
		n.parents(&o.Spec.CommonRouteSpec, &o.Status.RouteStatus)
		for i := range o.Spec.Rules {
			for j := range o.Spec.Rules[i].BackendRefs {
				n.backend(&o.Spec.Rules[i].BackendRefs[j].BackendRef)
			}
			for j := range o.Spec.Rules[i].Filters {
				n.extension(o.Spec.Rules[i].Filters[j].ExtensionRef)
			}
		}
	case *gatewayv1.GRPCRoute:
		n.parents(&o.Spec.CommonRouteSpec, &o.Status.RouteStatus)
		for i := range o.Spec.Rules {
			for j := range o.Spec.Rules[i].BackendRefs {
				n.backend(&o.Spec.Rules[i].BackendRefs[j].BackendRef)
			}
			for j := range o.Spec.Rules[i].Filters {
				n.extension(o.Spec.Rules[i].Filters[j].ExtensionRef)
			}
		}
	case *gatewayv1.TCPRoute:
		n.parents(&o.Spec.CommonRouteSpec, &o.Status.RouteStatus)
		for i := range o.Spec.Rules {
			n.backends(o.Spec.Rules[i].BackendRefs)
		}
	case *gatewayv1.UDPRoute:
		n.parents(&o.Spec.CommonRouteSpec, &o.Status.RouteStatus)
		for i := range o.Spec.Rules {
			n.backends(o.Spec.Rules[i].BackendRefs)
		}
	case *gatewayv1.TLSRoute:
		n.parents(&o.Spec.CommonRouteSpec, &o.Status.RouteStatus)
		for i := range o.Spec.Rules {
			n.backends(o.Spec.Rules[i].BackendRefs)
		}
	}
}

// named are the kinds that other objects name, by group and kind as written in references.
var named = map[[2]string]Kind{
	{"", "Service"}: Service, {"", "Secret"}: Secret, {"", "ConfigMap"}: ConfigMap,
	{gatewayv1.GroupName, "GatewayClass"}: GatewayClass, {gatewayv1.GroupName, "Gateway"}: Gateway,
	{gatewayv1.GroupName, "ListenerSet"}:                           ListenerSet,
	{lbcgatewayv1.GroupVersion.Group, "LoadBalancerConfiguration"}: LoadBalancerConfiguration,
	{lbcgatewayv1.GroupVersion.Group, "TargetGroupConfiguration"}:  TargetGroupConfiguration,
	{lbcgatewayv1.GroupVersion.Group, "ListenerRuleConfiguration"}: ListenerRuleConfiguration,
}

// names collects the references of an object of a namespace.
type names struct {
	namespace string
	found     []Ref
	seen      map[Ref]bool // of found, beyond the first few
}

// add adds a reference; an empty namespace is that of the object.
func (n *names) add(group, kind, namespace, name string) {
	if k, ok := named[[2]string{group, kind}]; ok {
		n.ref(Ref{Kind: k, Namespace: namespace, Name: name})
	}
}

func (n *names) ref(r Ref) {
	if r.Kind != GatewayClass {
		r.Namespace = cmp.Or(r.Namespace, n.namespace)
	}
	if r.Name != "" {
		n.once(r)
	}
}

// once adds a reference unless it is there.
func (n *names) once(r Ref) {
	const few = 16 // are compared one by one; a ListenerSet may name thousands of Secrets
	if n.seen[r] || slices.Contains(n.found[:min(len(n.found), few)], r) {
		return
	}
	if len(n.found) >= few {
		if n.seen == nil {
			n.seen = map[Ref]bool{}
		}
		n.seen[r] = true
	}
	n.found = append(n.found, r)
}

// group adds the group of an object, and its finalizers, which show groups that it was in.
func (n *names) group(o metav1.Object, key annotation.Key) {
	if name := o.GetAnnotations()[string(key)]; name != "" {
		n.found = append(n.found, Ref{Kind: Group, Name: name})
	}
	for _, f := range o.GetFinalizers() {
		n.found = append(n.found, Ref{Kind: Finalizer, Name: f})
	}
}

func (n *names) gateway(o *gatewayv1.Gateway) {
	n.add(gatewayv1.GroupName, string(GatewayClass), "", string(o.Spec.GatewayClassName))
	if i := o.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		n.add(string(i.ParametersRef.Group), string(i.ParametersRef.Kind), "", i.ParametersRef.Name)
	}
	for i := range o.Spec.Listeners {
		n.certificates(o.Spec.Listeners[i].TLS)
	}
	if o.Spec.TLS == nil || o.Spec.TLS.Frontend == nil {
		return
	}
	n.authorities(o.Spec.TLS.Frontend.Default.Validation)
	for i := range o.Spec.TLS.Frontend.PerPort {
		n.authorities(o.Spec.TLS.Frontend.PerPort[i].TLS.Validation)
	}
}

func (n *names) certificates(t *gatewayv1.ListenerTLSConfig) {
	if t == nil {
		return
	}
	for _, r := range t.CertificateRefs {
		n.add(defaulted(r.Group, ""), defaulted(r.Kind, gatewayv1.Kind(Secret)), defaulted(r.Namespace, ""), string(r.Name))
	}
}

func (n *names) authorities(v *gatewayv1.FrontendTLSValidation) {
	if v == nil {
		return
	}
	for _, r := range v.CACertificateRefs {
		n.add(string(r.Group), string(r.Kind), defaulted(r.Namespace, ""), string(r.Name))
	}
}

func (n *names) parents(spec *gatewayv1.CommonRouteSpec, status *gatewayv1.RouteStatus) {
	for i := range spec.ParentRefs {
		n.parent(&spec.ParentRefs[i])
	}
	for i := range status.Parents {
		n.parent(&status.Parents[i].ParentRef)
	}
}

// parent adds a parent, whose group is not checked, as the existing controller does not.
func (n *names) parent(p *gatewayv1.ParentReference) {
	n.add(gatewayv1.GroupName, defaulted(p.Kind, gatewayv1.Kind(Gateway)), defaulted(p.Namespace, ""), string(p.Name))
}

func (n *names) backends(refs []gatewayv1.BackendRef) {
	for i := range refs {
		n.backend(&refs[i])
	}
}

// backend adds a Service or Gateway, whose group is not checked, as the existing controller does not.
func (n *names) backend(b *gatewayv1.BackendRef) {
	if k := Kind(defaulted(b.Kind, gatewayv1.Kind(Service))); k == Service || k == Gateway {
		n.ref(Ref{Kind: k, Namespace: defaulted(b.Namespace, ""), Name: string(b.Name)})
	}
}

func (n *names) extension(r *gatewayv1.LocalObjectReference) {
	if r != nil {
		n.add(string(r.Group), string(r.Kind), "", string(r.Name))
	}
}

// defaulted is the value of an optional field as text.
func defaulted[T ~string](v *T, none T) string { return string(ptr.Deref(v, none)) }
