package stacks

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/status"
)

// withStatus is a copy of a member that shows the load balancer, and the one in front of it if there is one; changed is false if it does so already. An empty hostname takes
// the load balancer off a Service; of Ingresses that leave see withdraw.
func withStatus(member metav1.Object, hostname string, ports []int32, frontend string) (before, after client.Object, changed bool) {
	switch o := member.(type) {
	case *networkingv1.Ingress:
		want, changed := status.Ingress(o.Status.LoadBalancer, hostname, ports, frontend)
		if hostname == "" || !changed {
			return nil, nil, false
		}
		updated := o.DeepCopy()
		updated.Status.LoadBalancer = want
		return o, updated, true
	case *corev1.Service:
		want, changed := status.Service(o.Status.LoadBalancer, hostname, o.Spec.Ports)
		if hostname == "" {
			want, changed = corev1.LoadBalancerStatus{}, len(o.Status.LoadBalancer.Ingress) > 0
		}
		if !changed {
			return nil, nil, false
		}
		updated := o.DeepCopy()
		updated.Status.LoadBalancer = want
		return o, updated, true
	}
	return nil, nil, false
}

func objectsOf(members []metav1.Object) []diag.Object {
	out := make([]diag.Object, 0, len(members))
	for _, m := range members {
		out = append(out, objectOf(m))
	}
	return out
}

// objectOf names a member in diagnostics.
func objectOf(o metav1.Object) diag.Object {
	switch x := o.(type) {
	case *networkingv1.Ingress:
		return ingress.Object(x)
	case *corev1.Service:
		return service.Object(x)
	}
	return diag.Object{Namespace: o.GetNamespace(), Name: o.GetName()}
}
