package chaos

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// uncontrolled returns the objects that users and Kubernetes made, as they would be in a cluster where no controller
// has run.
func uncontrolled(l *lab.Lab) []client.Object {
	l.Helper()
	var out []client.Object
	for _, list := range []client.ObjectList{
		&networkingv1.IngressClassList{}, &networkingv1.IngressList{}, &corev1.ServiceList{},
		&discoveryv1.EndpointSliceList{}, &corev1.PodList{}, &corev1.NodeList{},
	} {
		l.Must(l.Client.List(l.Context(), list))
		switch list := list.(type) {
		case *networkingv1.IngressClassList:
			out = appendAll(out, list.Items)
		case *networkingv1.IngressList:
			for i := range list.Items {
				list.Items[i].Status = networkingv1.IngressStatus{}
			}
			out = appendAll(out, list.Items)
		case *corev1.ServiceList:
			for i := range list.Items {
				list.Items[i].Status = corev1.ServiceStatus{}
			}
			out = appendAll(out, list.Items)
		case *discoveryv1.EndpointSliceList:
			out = appendAll(out, list.Items)
		case *corev1.PodList:
			out = appendAll(out, list.Items)
		case *corev1.NodeList:
			out = appendAll(out, list.Items)
		}
	}
	for _, o := range out {
		o.SetResourceVersion("")
		o.SetFinalizers(nil)
	}
	return out
}

func appendAll[T any, P interface {
	*T
	client.Object
}](out []client.Object, items []T) []client.Object {
	for i := range items {
		out = append(out, P(&items[i]))
	}
	return out
}
