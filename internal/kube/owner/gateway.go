package owner

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// isHostname reports whether an address is the name of a load balancer.
func isHostname(a gatewayv1.GatewayStatusAddress) bool {
	return a.Type != nil && *a.Type == gatewayv1.HostnameAddressType
}

// showOnGateway replaces the name of another load balancer. The first addresses of a Gateway are written with its
// conditions, of which they are a part for its users, and so are Elastic IP addresses.
func showOnGateway(m metav1.Object, lb LoadBalancer) bool {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok {
		return false
	}
	name, changed := strings.ToLower(cmp.Or(lb.Frontend, lb.Hostname)), false
	for i, a := range o.Status.Addresses {
		if isHostname(a) && a.Value != name {
			o.Status.Addresses[i].Value, changed = name, true
		}
	}
	return changed
}

// clearGateway removes the names of load balancers. One that is being deleted keeps them, as Ingresses do: it is gone
// with its finalizer.
func clearGateway(m metav1.Object, names []string) bool {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok || o.DeletionTimestamp != nil {
		return false
	}
	before := len(o.Status.Addresses)
	o.Status.Addresses = slices.DeleteFunc(o.Status.Addresses, func(a gatewayv1.GatewayStatusAddress) bool {
		return isHostname(a) && slices.Contains(names, strings.ToLower(a.Value))
	})
	return len(o.Status.Addresses) != before
}

func gatewayHostnames(m metav1.Object) (out []string) {
	o, ok := m.(*gatewayv1.Gateway)
	if !ok {
		return nil
	}
	for _, a := range o.Status.Addresses {
		if isHostname(a) {
			out = append(out, a.Value)
		}
	}
	return out
}
