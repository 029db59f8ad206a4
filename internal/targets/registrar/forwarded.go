package registrar

import (
	"cmp"
	"context"
	"iter"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

// Forwarded is an endpoint to which nodes forward requests at the node port of a Service.
type Forwarded struct {
	Endpoint // Namespace and Pod are what its EndpointSlice says; without Pod, the address does not belong to a pod
	// Maintained: by its label, the EndpointSlice controller maintains the EndpointSlice. Whoever may write
	// EndpointSlices may write the label.
	Maintained bool
}

// EachForwarded iterates over the endpoints to which kube-proxy, or what takes its place, may forward requests at the
// node port of a Service port: the ready ones, and those that terminate and still serve, which it takes if none is
// ready. Addresses of both families count, and all of an endpoint. An endpoint counts once, however many ports its
// EndpointSlice has.
func EachForwarded(port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice) iter.Seq[Forwarded] {
	return func(yield func(Forwarded) bool) {
		for _, ipv6 := range []bool{false, true} {
			var last *discoveryv1.EndpointSlice
			for s, number := range (ServicePortEndpoints{Port: port, Slices: slicesOf, IPv6: ipv6}).ports() {
				if s == last {
					continue
				}
				last = s
				for x := range ForwardedOf(s, number) {
					if !yield(x) {
						return
					}
				}
			}
		}
	}
}

// ForwardedOf iterates over the endpoints of an EndpointSlice to which kube-proxy may forward requests, as if all had
// one port.
func ForwardedOf(s *discoveryv1.EndpointSlice, port int32) iter.Seq[Forwarded] {
	return func(yield func(Forwarded) bool) {
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			c := e.Conditions
			ending := ptr.Deref(c.Serving, true) && ptr.Deref(c.Terminating, false)
			if !ptr.Deref(c.Ready, true) && !ending {
				continue
			}
			x := Forwarded{Endpoint: Endpoint{Target: Target{Port: port}, Namespace: s.Namespace},
				Maintained: s.Labels[discoveryv1.LabelManagedBy] == sliceController}
			if ofPod(e) {
				x.Namespace, x.Pod = cmp.Or(e.TargetRef.Namespace, s.Namespace), e.TargetRef.Name
			}
			for _, address := range e.Addresses {
				if x.ID = address; !yield(x) {
					return
				}
			}
		}
	}
}

// NotAt returns why a pod is not shown to have the address of an endpoint; empty = it has the address, also if it
// terminates. If the cached pod does not show it, NotAt asks the API server.
func NotAt(ctx context.Context, c Cluster, e Endpoint) (why string) {
	pod, ok := c.Pod(ctx, e.Namespace, e.Pod)
	if !ok || !HasAddress(pod, e.ID) {
		if live, may := c.(Confirmer); may {
			pod, ok = live.ConfirmedPod(ctx, e.Namespace, e.Pod, e.ID)
		}
	}
	switch {
	case !ok:
		return podMissing
	case Ended(pod):
		return "its pod has ended"
	case !HasAddress(pod, e.ID):
		return "the pod does not have this address"
	}
	return ""
}

// OtherNamespace is why an endpoint that names a pod of another namespace is no endpoint of a Service.
const OtherNamespace = "its pod is in another namespace"
