package registrar

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// PodCandidates returns all endpoints of pods behind a Service port, for one address family.
func PodCandidates(ctx context.Context, c Cluster, port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice,
	ipv6 bool) (out []Candidate) {
	eachEndpoint(port, slicesOf, ipv6, func(s *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, number int32) {
		if ofPod(e) {
			out = append(out, podCandidate(ctx, c, s, e, number))
		}
	})
	return out
}

// ServicePortEndpoints are the endpoints behind a Service port, for one address family.
type ServicePortEndpoints struct {
	Port   corev1.ServicePort
	Slices []*discoveryv1.EndpointSlice
	IPv6   bool
}

// MostEndpoints is how many endpoints of a Service port are looked at: far more than a target group takes. The API
// server admits EndpointSlices of 1,000 addresses and 20,000 ports.
const MostEndpoints = 20_000

// Count returns how many endpoints there are, each counted once for each port of its slice that belongs to the Service
// port.
func (b ServicePortEndpoints) Count() (n int) {
	for s := range b.ports() {
		n += len(s.Endpoints)
	}
	return n
}

// Missing returns the endpoints whose addresses no slice has, not even as not ready. It changes the list.
func (b ServicePortEndpoints) Missing(of []Endpoint) []Endpoint {
	if len(of) == 0 {
		return nil
	}
	has := map[string]bool{}
	eachEndpoint(b.Port, b.Slices, b.IPv6, func(_ *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, _ int32) {
		has[e.Addresses[0]] = true
	})
	return slices.DeleteFunc(of, func(e Endpoint) bool { return has[e.ID] })
}

// HasAny reports whether a slice has the address and port of any of these targets.
func (b ServicePortEndpoints) HasAny(of []Target) (has bool) {
	keys := map[Target]bool{}
	for _, t := range of {
		keys[Target{ID: t.ID, Port: t.Port}] = true
	}
	eachEndpoint(b.Port, b.Slices, b.IPv6, func(_ *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, number int32) {
		has = has || keys[Target{ID: e.Addresses[0], Port: number}]
	})
	return has
}

// scratch has reusable lists for gathering and sorting endpoints: most passes find the endpoints of the pass before.
var scratch = sync.Pool{New: func() any { return new([]Endpoint) }}

// Serving returns the endpoints of pods that ChooseServing chooses among the candidates, and the refused
// candidates. The result shares unchanged parts with before, the former list; if nothing changed, it is before.
func (b ServicePortEndpoints) Serving(ctx context.Context, c Cluster, failOpen bool,
	before Endpoints) (serving Endpoints,
	refused []Candidate) {
	gathered, _ := scratch.Get().(*[]Endpoint)
	in, unknown := (*gathered)[:0], []Endpoint(nil)
	eachEndpoint(b.Port, b.Slices, b.IPv6, func(s *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, number int32) {
		if !ofPod(e) {
			return
		}
		switch x := podCandidate(ctx, c, s, e, number); {
		case x.Refused:
			refused = append(refused, x)
		case x.Ready == corev1.ConditionTrue:
			in = append(in, x.Endpoint)
		case x.Ready == corev1.ConditionUnknown && failOpen:
			unknown = append(unknown, x.Endpoint)
		}
	})
	used := in
	if len(in) == 0 {
		in = unknown
	}
	serving = before.revised(sortOnce(in))
	clear(used) // the pool must not keep names of pods
	*gathered = used
	scratch.Put(gathered)
	return serving, refused
}

// PodlessEndpoints returns the ready addresses behind a Service port that belong to no Pod, such as machines in
// EndpointSlices written by hand or mirrored from Endpoints; sorted by key.
func PodlessEndpoints(port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice, ipv6 bool) []Endpoint {
	return ChooseServing(PodlessCandidates(port, slicesOf, ipv6), false)
}

// PodlessCandidates returns all addresses behind a Service port, for one address family, that belong to no Pod.
func PodlessCandidates(port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice, ipv6 bool) (out []Candidate) {
	eachEndpoint(port, slicesOf, ipv6, func(s *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, number int32) {
		if ofPod(e) {
			return
		}
		x := Candidate{Endpoint: Endpoint{Target: Target{ID: e.Addresses[0], Port: number}, Namespace: s.Namespace},
			Ready: corev1.ConditionTrue}
		if e.NodeName != nil {
			x.Node = *e.NodeName
		}
		if e.Conditions.Ready != nil && !*e.Conditions.Ready {
			x.Ready, x.Why = corev1.ConditionFalse, "its EndpointSlice says that it is not ready"
		}
		out = append(out, x)
	})
	return out
}

// eachEndpoint calls f with each endpoint of a family that has an address, and with each port number of its slice that
// belongs to the Service port.
func eachEndpoint(port corev1.ServicePort, slicesOf []*discoveryv1.EndpointSlice, ipv6 bool,
	f func(s *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, number int32)) {
	for s, number := range (ServicePortEndpoints{Port: port, Slices: slicesOf, IPv6: ipv6}).ports() {
		for i := range s.Endpoints {
			if len(s.Endpoints[i].Addresses) > 0 {
				f(s, &s.Endpoints[i], number)
			}
		}
	}
}

// ports iterates over the slices of the family, and over the port numbers of each that belong to the Service port. A
// Service port without name matches all.
func (b ServicePortEndpoints) ports() iter.Seq2[*discoveryv1.EndpointSlice, int32] {
	return func(yield func(*discoveryv1.EndpointSlice, int32) bool) {
		for _, s := range b.Slices {
			for _, p := range s.Ports {
				named := b.Port.Name == "" || p.Name != nil && *p.Name == b.Port.Name
				if s.AddressType == familyOf(b.IPv6) && named && p.Port != nil && !yield(s, *p.Port) {
					return
				}
			}
		}
	}
}

func ofPod(e *discoveryv1.Endpoint) bool { return e.TargetRef != nil && e.TargetRef.Kind == "Pod" }

func familyOf(ipv6 bool) discoveryv1.AddressType {
	if ipv6 {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}

// podCandidate returns the candidate for an endpoint of a pod.
func podCandidate(ctx context.Context, c Cluster, s *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint,
	port int32) Candidate {
	out := Candidate{Ready: corev1.ConditionFalse, Endpoint: Endpoint{
		Target:    Target{ID: e.Addresses[0], Port: port},
		Namespace: cmp.Or(e.TargetRef.Namespace, s.Namespace),
		Pod:       e.TargetRef.Name,
	}}
	if e.NodeName != nil {
		out.Node = *e.NodeName
	}
	if out.Namespace != s.Namespace { // a hand-written EndpointSlice must not reach pods of others
		out.Why, out.Refused = OtherNamespace, true
		return out
	}
	if e.Conditions.Terminating != nil && *e.Conditions.Terminating {
		out.Why = podTerminates
		return out
	}
	ready := e.Conditions.Ready == nil || *e.Conditions.Ready
	pod, ok := c.Pod(ctx, out.Namespace, out.Pod)
	if !ok {
		pod = nil
	}
	switch {
	case ok && terminates(pod, e): // the slice will show it soon
		out.Why = podTerminates
	case ready:
	case !ok:
		out.Why = podMissing
	case readiness.Of(pod, corev1.ContainersReady).Status != corev1.ConditionTrue:
		out.Why = "the containers of its pod are not ready"
	}
	if out.Why != "" {
		return out
	}
	var refused bool
	if pod, out.Why, refused = claimedPod(ctx, c, out.Namespace, e, pod); out.Why != "" {
		out.Refused = refused && s.Labels[discoveryv1.LabelManagedBy] != sliceController
		return out
	}
	if out.Node = cmp.Or(pod.Spec.NodeName, out.Node); ready {
		out.Ready = corev1.ConditionTrue
		return out
	}
	node, ok := c.Node(ctx, out.Node)
	if !ok {
		out.Why = "its node does not exist"
		return out
	}
	if out.Ready = NodeReady(node); out.Ready != corev1.ConditionTrue {
		out.Why = unready(out.Ready)
	}
	return out
}
