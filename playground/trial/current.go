package trial

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/playground/verify"
)

// current are the applied objects that have load balancers, and their routes, as the cluster has them.
type current struct {
	ingresses  []*networkingv1.Ingress
	services   []*corev1.Service
	gateways   []*gatewayv1.Gateway
	httpRoutes []*gatewayv1.HTTPRoute
	routes     []*verify.Route // of all kinds
}

func (t *Trial) current(ctx context.Context) (*current, error) {
	now := &current{}
	for _, o := range t.objects {
		if err := t.read(ctx, o, now); err != nil {
			return nil, err
		}
	}
	return now, nil
}

func (t *Trial) read(ctx context.Context, o *unstructured.Unstructured, now *current) error {
	client := t.env.Cluster.Client
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	switch kind := o.GroupVersionKind().GroupKind(); kind.String() {
	case "Ingress.networking.k8s.io":
		i, err := client.NetworkingV1().Ingresses(namespace).Get(ctx, o.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.ingresses = append(now.ingresses, i)
	case "Service":
		s, err := client.CoreV1().Services(namespace).Get(ctx, o.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if verify.HasLoadBalancer(s) {
			now.services = append(now.services, s)
		}
	case "Gateway.gateway.networking.k8s.io":
		g := &gatewayv1.Gateway{}
		if err := t.get(ctx, o, namespace, g); err != nil {
			return err
		}
		if g.Annotations["gateway.k8s.aws/dry-run"] != "true" {
			now.gateways = append(now.gateways, g)
		}
	case "HTTPRoute.gateway.networking.k8s.io", "GRPCRoute.gateway.networking.k8s.io",
		"TCPRoute.gateway.networking.k8s.io", "UDPRoute.gateway.networking.k8s.io",
		"TLSRoute.gateway.networking.k8s.io":
		r := &verify.Route{}
		if err := t.get(ctx, o, namespace, r); err != nil {
			return err
		}
		now.routes = append(now.routes, r)
		if kind.Kind == "HTTPRoute" {
			h := &gatewayv1.HTTPRoute{}
			if err := t.get(ctx, o, namespace, h); err != nil {
				return err
			}
			now.httpRoutes = append(now.httpRoutes, h)
		}
	}
	return nil
}

// get reads an object in the version in which it was applied, as a Go type.
func (t *Trial) get(ctx context.Context, o *unstructured.Unstructured, namespace string, into any) error {
	gvk := o.GroupVersionKind()
	resource := gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")
	x, err := t.dynamic.Resource(resource).Namespace(namespace).Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(x.Object, into)
}
