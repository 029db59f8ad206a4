package registrar

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// An EndpointSlice is the word of whoever may write it. Which pod has an address is in the status of the pod, which
// only its kubelet writes.

// Confirmer is a Cluster that may be behind, and can ask the API server.
type Confirmer interface {
	// ConfirmedPod returns a pod that the cluster does not show at an address, as the API server has it, if it exists.
	// Where that is not known, ok is false, and the caller of the resolution learns that from the Confirmer.
	ConfirmedPod(ctx context.Context, namespace, name, address string) (pod *corev1.Pod, ok bool)
}

// sliceController is the manager of the EndpointSlices that Kubernetes makes of pods. They name what was a pod a moment
// ago, which nobody has to be told.
const sliceController = "endpointslice-controller.k8s.io"

// Ended reports whether all containers of a pod have ended for good. Its status keeps the addresses, which other pods
// may have meanwhile.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// HasAddress reports whether an address is one of a pod's. A pod in the network of its node has the addresses of the
// node.
func HasAddress(pod *corev1.Pod, address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4In6() || Ended(pod) {
		return false
	}
	is := func(ip string) bool {
		b, err := netip.ParseAddr(ip)
		return err == nil && a == b
	}
	s := &pod.Status
	return is(s.PodIP) || slices.ContainsFunc(s.PodIPs, func(p corev1.PodIP) bool { return is(p.IP) }) ||
		pod.Spec.HostNetwork &&
			(is(s.HostIP) || slices.ContainsFunc(s.HostIPs, func(h corev1.HostIP) bool { return is(h.IP) }))
}

// Holds reports whether a pod that is not asked to end has an address.
func Holds(pod *corev1.Pod, address string) bool {
	return pod.DeletionTimestamp == nil && HasAddress(pod, address)
}

// Why an endpoint of a pod is no target.
const (
	podMissing    = "its pod does not exist"
	podTerminates = "its pod terminates"
)

// claimedPod is the pod that an endpoint names, if the address of the endpoint is the pod's. Where the cached one, nil
// if there is none, does not show that, the API server is asked. Of another endpoint, why says what is wrong, and
// refused that it is no matter of time.
func claimedPod(ctx context.Context, c Cluster, namespace string, e *discoveryv1.Endpoint, cached *corev1.Pod) (
	pod *corev1.Pod, why string, refused bool) {
	pod, ok := cached, cached != nil
	if !ok || !Holds(pod, e.Addresses[0]) {
		if live, may := c.(Confirmer); may {
			pod, ok = live.ConfirmedPod(ctx, namespace, e.TargetRef.Name, e.Addresses[0])
		}
	}
	switch {
	case !ok:
		return nil, podMissing, true
	case pod.DeletionTimestamp != nil: // whatever UID the EndpointSlice says
		return pod, podTerminates, false
	case Ended(pod):
		return pod, "its pod has ended", false
	case !HasAddress(pod, e.Addresses[0]):
		return pod, "its address is none of its pod's", true
	}
	return pod, "", false
}

// terminates reports whether the pod of an endpoint is asked to end. One of that name with another UID may have a
// successor.
func terminates(pod *corev1.Pod, e *discoveryv1.Endpoint) bool {
	return pod.DeletionTimestamp != nil && (e.TargetRef.UID == "" || pod.UID == e.TargetRef.UID)
}

// reserved are the ranges in which no machine of a VPC has an address of its own: those of the machine that sends (RFC
// 6890), of services that AWS offers to each instance (instance metadata, DNS, time, credentials), and those that stand
// for an IPv4 address.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("fd00:ec2::/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Reserved reports whether no endpoint without a Pod may have this address, whatever is allowed. That holds for text
// that is not an address, for loopback, multicast and link-local addresses (such as 169.254.169.254, the instance
// metadata), and for IPv6 forms of IPv4 addresses.
func Reserved(address string) bool {
	a, err := netip.ParseAddr(address)
	return err != nil || a.Zone() != "" || a.Is4In6() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() ||
		a.IsUnspecified() ||
		slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// NodeAt returns the name of the node that has an address, if one has.
func NodeAt(nodes []*corev1.Node, address string) (name string, ok bool) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "", false
	}
	for _, n := range nodes {
		if slices.ContainsFunc(n.Status.Addresses, func(x corev1.NodeAddress) bool {
			b, err := netip.ParseAddr(x.Address)
			return err == nil && a.Unmap() == b.Unmap()
		}) {
			return n.Name, true
		}
	}
	return "", false
}
