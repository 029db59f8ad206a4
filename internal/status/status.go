// Package status makes the status of Ingresses, Services and LoadBalancer objects from the results of passes, and events from diagnostics.
// All of it but Reporter is pure; the caller writes to Kubernetes.
// It may import diag, stack, plan/elb, cloud (for error texts), api and Kubernetes API types.
package status

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
)

// Ingress is the status of every member of a group: an entry with the load balancer's name in lower case and all listener
// ports of the group, ascending; and one with the name of the network load balancer in front of it, if there is one. changed is
// false if the current status is equal.
func Ingress(current networkingv1.IngressLoadBalancerStatus, hostname string, ports []int32, frontend string) (want networkingv1.IngressLoadBalancerStatus, changed bool) {
	entry := networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(hostname)}
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		entry.Ports = append(entry.Ports, networkingv1.IngressPortStatus{Port: p})
	}
	want.Ingress = []networkingv1.IngressLoadBalancerIngress{entry}
	if frontend != "" {
		want.Ingress = append(want.Ingress, networkingv1.IngressLoadBalancerIngress{Hostname: strings.ToLower(frontend)})
	}
	return want, !slices.EqualFunc(current.Ingress, want.Ingress, func(a, b networkingv1.IngressLoadBalancerIngress) bool {
		return a.IP == b.IP && a.Hostname == b.Hostname && slices.Equal(portsOf(a), portsOf(b))
	})
}

func portsOf(e networkingv1.IngressLoadBalancerIngress) []int32 {
	var out []int32
	for _, p := range e.Ports {
		out = append(out, p.Port)
	}
	slices.Sort(out)
	return out
}

// Service is the status of a Service: one entry with the load balancer's name in lower case and the Service's ports in order.
func Service(current corev1.LoadBalancerStatus, hostname string, ports []corev1.ServicePort) (want corev1.LoadBalancerStatus, changed bool) {
	hostname = strings.ToLower(hostname)
	entry := corev1.LoadBalancerIngress{Hostname: hostname}
	for _, p := range ports {
		entry.Ports = append(entry.Ports, corev1.PortStatus{Port: p.Port, Protocol: p.Protocol})
	}
	want.Ingress = []corev1.LoadBalancerIngress{entry}
	if len(current.Ingress) != 1 || current.Ingress[0].IP != "" || current.Ingress[0].Hostname != hostname {
		return want, true
	}
	return want, !slices.EqualFunc(current.Ingress[0].Ports, entry.Ports, func(a, b corev1.PortStatus) bool {
		return a.Port == b.Port && a.Protocol == b.Protocol
	})
}

// APIRefusal is the diagnostic of a refused request to the API server that is tried again.
func APIRefusal(o diag.Object, code diag.Code, err error) diag.Diagnostic {
	return diag.New(o, "", code, cloud.SteadyText(err.Error()), "the request is tried again; if the error lasts, check the permissions of the controller's service account")
}
