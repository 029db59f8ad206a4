// Package readable has the list of the Kubernetes kinds that the controller and the command line read, and reads pods,
// nodes and EndpointSlices of informers without a copy (Shared). It watches and writes nothing.
package readable

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Scheme knows every kind that the controller reads or writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientgoscheme.AddToScheme(s), v1beta1.AddToScheme(s), v1alpha1.AddToScheme(s),
		gatewayv1.Install(s), gatewayv1beta1.Install(s), lbcgatewayv1.AddToScheme(s), agav1beta1.AddToScheme(s))
}

// A Kind is how a kind is read.
type Kind struct {
	Object client.Object
	List   client.ObjectList // nil = objects are only read one by one, from the API server
	// Optional is set for kinds of definitions that a cluster may lack, or get and lose at any time. Their informers list
	// and watch only while the API server serves them.
	Optional bool
	// Ineffective is set for optional kinds that are read in order to report that they have no effect. Without the right
	// to read them, that alone is missing.
	Ineffective bool

	// Grouped is set for kinds whose objects may be members of groups, or decide about them, by which they are found.
	Grouped bool
	// Required is set for optional kinds whose definitions each installation has, if not from its first moment on. The
	// deletion of their objects with a definition is shown as any other: finalizers hold it up.
	Required bool
}

// Kinds are the kinds that front ends may read, with their Go types. Secrets and ConfigMaps are never cached.
var Kinds = map[objects.Kind]Kind{
	objects.Ingress:      {Object: &networkingv1.Ingress{}, List: &networkingv1.IngressList{}, Grouped: true},
	objects.IngressClass: {Object: &networkingv1.IngressClass{}, List: &networkingv1.IngressClassList{}, Grouped: true},
	objects.IngressClassParams: {Object: &v1beta1.IngressClassParams{}, List: &v1beta1.IngressClassParamsList{},
		Optional: true, Required: true},
	objects.Service:   {Object: &corev1.Service{}, List: &corev1.ServiceList{}, Grouped: true},
	objects.Namespace: {Object: &corev1.Namespace{}, List: &corev1.NamespaceList{}},
	objects.TargetGroupBinding: {Object: &v1beta1.TargetGroupBinding{}, List: &v1beta1.TargetGroupBindingList{},
		Optional: true, Required: true},
	objects.ConfigMap: {Object: &corev1.ConfigMap{}},

	objects.GatewayClass: {Object: &gatewayv1.GatewayClass{}, List: &gatewayv1.GatewayClassList{},
		Optional: true},
	objects.Gateway: {Object: &gatewayv1.Gateway{}, List: &gatewayv1.GatewayList{}, Optional: true},
	objects.ListenerSet: {Object: &gatewayv1.ListenerSet{}, List: &gatewayv1.ListenerSetList{},
		Optional: true},
	objects.HTTPRoute: {Object: &gatewayv1.HTTPRoute{}, List: &gatewayv1.HTTPRouteList{}, Optional: true},
	objects.GRPCRoute: {Object: &gatewayv1.GRPCRoute{}, List: &gatewayv1.GRPCRouteList{}, Optional: true},
	objects.TCPRoute:  {Object: &gatewayv1.TCPRoute{}, List: &gatewayv1.TCPRouteList{}, Optional: true},
	objects.UDPRoute:  {Object: &gatewayv1.UDPRoute{}, List: &gatewayv1.UDPRouteList{}, Optional: true},
	objects.TLSRoute:  {Object: &gatewayv1.TLSRoute{}, List: &gatewayv1.TLSRouteList{}, Optional: true},
	objects.ReferenceGrant: {Object: &gatewayv1beta1.ReferenceGrant{},
		List: &gatewayv1beta1.ReferenceGrantList{}, Optional: true},
	objects.BackendTLSPolicy: {Object: &gatewayv1.BackendTLSPolicy{}, List: &gatewayv1.BackendTLSPolicyList{},
		Optional: true, Ineffective: true},
	objects.LoadBalancerConfiguration: {Object: &lbcgatewayv1.LoadBalancerConfiguration{},
		List: &lbcgatewayv1.LoadBalancerConfigurationList{}, Optional: true},
	objects.TargetGroupConfiguration: {Object: &lbcgatewayv1.TargetGroupConfiguration{},
		List: &lbcgatewayv1.TargetGroupConfigurationList{}, Optional: true},
	objects.ListenerRuleConfiguration: {Object: &lbcgatewayv1.ListenerRuleConfiguration{},
		List: &lbcgatewayv1.ListenerRuleConfigurationList{}, Optional: true},

	objects.GlobalAccelerator: {Object: &agav1beta1.GlobalAccelerator{}, List: &agav1beta1.GlobalAcceleratorList{},
		Optional: true},
}

// References is the index of informer caches by what objects name.
const References = "references"

// ReferenceValue returns a value of the index.
func ReferenceValue(to objects.Ref) string {
	return string(to.Kind) + "/" + to.Namespace + "/" + to.Name
}

// ProtectedBy returns the value of the index of objects that carry a finalizer of a kind of owners.
func ProtectedBy(of stack.Owner) string { return "protected/" + string(of) }

// ReferenceValues returns the values of an object in the index.
func ReferenceValues(o client.Object) []string {
	refs := objects.References(o)
	out := make([]string, 0, len(refs)+1)
	for _, r := range refs {
		out = append(out, ReferenceValue(r))
	}
	if len(o.GetFinalizers()) == 0 {
		return out
	}
	kind, _ := objects.KindOf(o)
	for _, k := range owner.Kinds {
		if k.Kind == string(kind) && len(naming.StacksOfFinalizers(k.Owner, o)) > 0 {
			out = append(out, ProtectedBy(k.Owner))
		}
	}
	return out
}

// List returns an empty list of a kind that front ends read.
func List(kind objects.Kind) client.ObjectList {
	l, _ := Kinds[kind].List.DeepCopyObject().(client.ObjectList)
	return l
}

// Cluster reads the pods and nodes of endpoints (it implements registrar.Cluster).
type Cluster struct {
	Reader client.Reader
	Shared *Shared // nil = each read makes a copy
}

// Pod returns a pod, if it exists. It is the one of the cache: nobody changes it.
func (c Cluster) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool) {
	if p, found, answers := c.Shared.Pod(namespace, name); answers {
		return p, found
	}
	p := &corev1.Pod{}
	return p, c.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p, client.UnsafeDisableDeepCopy) == nil
}

// Node returns a node, if it exists. It is the one of the cache: nobody changes it.
func (c Cluster) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	if n, found, answers := c.Shared.Node(name); answers {
		return n, found
	}
	n := &corev1.Node{}
	return n, c.Reader.Get(ctx, client.ObjectKey{Name: name}, n, client.UnsafeDisableDeepCopy) == nil
}
