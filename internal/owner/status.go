package owner

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// showOnIngress brings the status of a member of a group to an entry with the load balancer's name in lower case and all listener
// ports of the group, ascending; and one with the name of the network load balancer in front of it, if there is one.
func showOnIngress(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*networkingv1.Ingress)
	if !ok {
		return false
	}
	entry := networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(lb.Hostname)}
	for _, p := range slices.Compact(slices.Sorted(slices.Values(lb.Ports))) {
		entry.Ports = append(entry.Ports, networkingv1.IngressPortStatus{Port: p})
	}
	want := []networkingv1.IngressLoadBalancerIngress{entry}
	if lb.Frontend != "" {
		want = append(want, networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(lb.Frontend)})
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

// clearIngress empties the status of an Ingress that shows one of the names. One that shows another name has arrived elsewhere, and one that is
// being deleted keeps its status until it is gone.
func clearIngress(m metav1.Object, names []string) bool {
	o, ok := m.(*networkingv1.Ingress)
	if !ok || o.DeletionTimestamp != nil || !slices.ContainsFunc(o.Status.LoadBalancer.Ingress, func(e networkingv1.IngressLoadBalancerIngress) bool {
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

// showOnService brings the status of a Service to one entry with the load balancer's name in lower case and the Service's ports in order.
func showOnService(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*corev1.Service)
	if !ok {
		return false
	}
	entry := corev1.LoadBalancerIngress{Hostname: strings.ToLower(lb.Hostname)}
	for _, p := range o.Spec.Ports {
		entry.Ports = append(entry.Ports, corev1.PortStatus{Port: p.Port, Protocol: p.Protocol})
	}
	now := o.Status.LoadBalancer.Ingress
	if len(now) == 1 && now[0].IP == "" && now[0].Hostname == entry.Hostname && slices.EqualFunc(now[0].Ports, entry.Ports, func(a, b corev1.PortStatus) bool {
		return a.Port == b.Port && a.Protocol == b.Protocol
	}) {
		return false
	}
	o.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{entry}
	return true
}

// releaseService empties the status of a Service.
func releaseService(m metav1.Object) bool {
	o, ok := m.(*corev1.Service)
	if !ok || len(o.Status.LoadBalancer.Ingress) == 0 {
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
