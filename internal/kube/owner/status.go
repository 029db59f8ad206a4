package owner

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// showOnIngress brings the status of a member of a group to an entry with the load balancer's name in lower case and
// all listener ports of the group, ascending; and one with the name of the network load balancer in front of it, if
// there is one. Entries for further load balancers follow.
func showOnIngress(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*networkingv1.Ingress)
	if !ok {
		return false
	}
	var want []networkingv1.IngressLoadBalancerIngress
	for _, lb := range append([]LoadBalancer{lb}, lb.Beside...) {
		entry := networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(lb.Hostname)}
		for _, p := range slices.Compact(slices.Sorted(slices.Values(lb.Ports))) {
			entry.Ports = append(entry.Ports, networkingv1.IngressPortStatus{Port: p})
		}
		want = append(want, entry)
		if lb.Frontend != "" {
			want = append(want, networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(lb.Frontend)})
		}
	}
	if slices.EqualFunc(o.Status.LoadBalancer.Ingress, want, func(a, b networkingv1.IngressLoadBalancerIngress) bool {
		return a.IP == b.IP && a.Hostname == b.Hostname && slices.Equal(portsOf(a), portsOf(b))
	}) {
		return false
	}
	o.Status.LoadBalancer.Ingress = want
	return true
}

func portsOf(e networkingv1.IngressLoadBalancerIngress) []int32 {
	var out []int32
	for _, p := range e.Ports {
		out = append(out, p.Port)
	}
	slices.Sort(out)
	return out
}

// clearIngress empties the status of an Ingress that shows one of the names. One that shows another name has arrived
// elsewhere, and one that is being deleted keeps its status until it is gone.
func clearIngress(m metav1.Object, names []string) bool {
	o, ok := m.(*networkingv1.Ingress)
	if !ok || o.DeletionTimestamp != nil || !slices.ContainsFunc(o.Status.LoadBalancer.Ingress,
		func(e networkingv1.IngressLoadBalancerIngress) bool {
			return slices.Contains(names, e.Hostname)
		}) {
		return false
	}
	o.Status.LoadBalancer = networkingv1.IngressLoadBalancerStatus{}
	return true
}

func ingressHostnames(m metav1.Object) (out []string) {
	if o, ok := m.(*networkingv1.Ingress); ok {
		for _, e := range o.Status.LoadBalancer.Ingress {
			out = append(out, e.Hostname)
		}
	}
	return out
}

// portTaken is the error of a port in the status of a Service that another Service of its group has.
const portTaken = "service.k8s.aws/PortTaken"

// showOnService brings the status of a Service to one entry with the load balancer's name in lower case and the
// Service's ports in order. The API server refuses it on Services of other types than LoadBalancer.
func showOnService(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*corev1.Service)
	if !ok || o.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return false
	}
	entry := corev1.LoadBalancerIngress{Hostname: strings.ToLower(lb.Hostname)}
	for _, p := range o.Spec.Ports {
		shown := corev1.PortStatus{Port: p.Port, Protocol: p.Protocol}
		if slices.Contains(lb.OthersPorts, p.Port) {
			shown.Error = ptr.To(portTaken)
		}
		entry.Ports = append(entry.Ports, shown)
	}
	now := o.Status.LoadBalancer.Ingress
	if len(now) == 1 && now[0].IP == "" && now[0].Hostname == entry.Hostname && slices.EqualFunc(now[0].Ports, entry.Ports,
		func(a, b corev1.PortStatus) bool {
			return a.Port == b.Port && a.Protocol == b.Protocol && ptr.Equal(a.Error, b.Error)
		}) {
		return false
	}
	o.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{entry}
	return true
}

// unshownOnService is why the status of a Service cannot show a load balancer.
func unshownOnService(m metav1.Object) string {
	o, ok := m.(*corev1.Service)
	if !ok || o.Spec.Type == corev1.ServiceTypeLoadBalancer {
		return ""
	}
	return "the API server allows it only for type LoadBalancer, and this Service is of type " +
		string(cmp.Or(o.Spec.Type, corev1.ServiceTypeClusterIP))
}

// releaseService empties the status of a Service, unless it carries the finalizer of another stack, whose load balancer
// it shows or is about to: it joined a group, or left one. Those that watch a Service which is deleted see the empty
// status last, as with the existing controller.
func releaseService(m metav1.Object) bool {
	o, ok := m.(*corev1.Service)
	carried := 0
	for _, f := range m.GetFinalizers() {
		if f == serviceFinalizer || strings.HasPrefix(f, serviceGroupFinalizer) {
			carried++
		}
	}
	if !ok || carried > 1 || len(o.Status.LoadBalancer.Ingress) == 0 {
		return false
	}
	o.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	return true
}

func serviceHostnames(m metav1.Object) (out []string) {
	if o, ok := m.(*corev1.Service); ok {
		for _, e := range o.Status.LoadBalancer.Ingress {
			out = append(out, e.Hostname)
		}
	}
	return out
}
