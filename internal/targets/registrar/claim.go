package registrar

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// Anybody with the right to write EndpointSlices can put any address into one. Which pod has an address is in the
// status of the pod, which only its kubelet writes.

// Confirmer is a Cluster whose caches may lag, and that can ask the API server.
type Confirmer interface {
	// ConfirmedPod reads a pod from the API server, because the caches do not show it at an address. ok is false if it
	// does not exist, or if that is not known: the Confirmer tells its owner about the latter.
	ConfirmedPod(ctx context.Context, namespace, name, address string) (pod *corev1.Pod, ok bool)
}

// sliceController is the manager of the EndpointSlices that Kubernetes makes from pods. If such a slice names a pod
// that has just ended, no finding is needed.
const sliceController = "endpointslice-controller.k8s.io"

// Ended reports whether all containers of a pod have ended for good. Its status keeps the addresses, which other pods
// may have by now.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Addresses are the addresses of a pod, each once.
func Addresses(pod *corev1.Pod) (all []string) {
	if pod.Status.PodIP != "" {
		all = append(all, pod.Status.PodIP)
	}
	for _, ip := range pod.Status.PodIPs {
		if ip.IP != pod.Status.PodIP {
			all = append(all, ip.IP)
		}
	}
	return all
}

// HasAddress reports whether a pod has an address. A pod in the network of its node has the addresses of the node.
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

// KeepsAddress reports whether a pod has an address and is not being deleted.
func KeepsAddress(pod *corev1.Pod, address string) bool {
	return pod.DeletionTimestamp == nil && HasAddress(pod, address)
}

// Reasons why an endpoint of a pod is no target.
const (
	podMissing    = "its pod does not exist"
	podTerminates = "its pod terminates"
)

// claimedPod returns the pod that an endpoint names, if the pod has the endpoint's address. If the cached pod (nil =
// there is none) does not show that, claimedPod asks the API server. Otherwise why says what is wrong, and refused is
// true if time does not cure it.
func claimedPod(ctx context.Context, c Cluster, namespace string, e *discoveryv1.Endpoint, cached *corev1.Pod) (
	pod *corev1.Pod, why string, refused bool) {
	pod, ok := cached, cached != nil
	if !ok || !KeepsAddress(pod, e.Addresses[0]) {
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
		return pod, "the pod does not have this address", true
	}
	return pod, "", false
}

// terminates reports whether the pod of an endpoint is being deleted. If the pod has another UID than the endpoint
// says, the endpoint may mean a successor.
func terminates(pod *corev1.Pod, e *discoveryv1.Endpoint) bool {
	return pod.DeletionTimestamp != nil && (e.TargetRef.UID == "" || pod.UID == e.TargetRef.UID)
}

// reserved are the ranges in which no machine of a VPC has its own address: those of the sending machine itself (RFC
// 6890), those of services that AWS offers to each instance (instance metadata, DNS, time, credentials), and those
// that represent an IPv4 address.
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

// NodesAt returns what finds the name of the node that has an address, if one has. It looks at the nodes when it is
// first asked: most bindings have no endpoint without a Pod.
func NodesAt(nodes []*corev1.Node) func(address string) (name string, ok bool) {
	byAddress := sync.OnceValue(func() map[netip.Addr]string {
		at := map[netip.Addr]string{}
		for _, n := range nodes {
			for _, x := range n.Status.Addresses {
				if a, err := netip.ParseAddr(x.Address); err == nil && at[a.Unmap()] == "" {
					at[a.Unmap()] = n.Name
				}
			}
		}
		return at
	})
	return func(address string) (name string, ok bool) {
		a, err := netip.ParseAddr(address)
		if err == nil {
			name, ok = byAddress()[a.Unmap()]
		}
		return name, ok
	}
}

// askedAtOnce is how many targets one call asks for by name.
const askedAtOnce = 100

// confirmed is AWS's answer about all targets of a group, with those that it lacks by mistake, as an empty answer does.
// AWS answers for each target that it is asked for by name, also for one that is not registered. Targets that are known
// to be registered and that AWS does not answer for stay known.
func (r *Registry) confirmed(ctx context.Context, g *group, health []Health) ([]Health, error) {
	for some := range slices.Chunk(g.lacking(health), askedAtOnce) {
		named, err := r.Health(ctx, g.Group, some...)
		if err != nil && awsclient.Classify(err).Code == awsclient.CodeInvalidTarget { // an instance is gone
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, t := range some {
			at := slices.IndexFunc(named, func(h Health) bool { return h.Address() == t.Address() })
			switch {
			case at < 0:
				health = append(health, Health{Target: t})
			case named[at].Key() == t.Key() && named[at].Reason != string(types.TargetHealthReasonEnumNotRegistered):
				health = append(health, named[at])
			}
		}
	}
	return health, nil
}

// lacking are the targets that are known to be registered and that an answer lacks, in order.
func (g *group) lacking(health []Health) (out []Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known {
		return nil
	}
	found := make(map[string]bool, len(health))
	for _, h := range health {
		found[h.Key()] = true
	}
	for key, m := range g.members {
		if !found[key] && !m.uncertain && !g.touched[key] && !g.moving(key) {
			out = append(out, m.Target)
		}
	}
	slices.SortFunc(out, cmpKeys)
	return out
}
