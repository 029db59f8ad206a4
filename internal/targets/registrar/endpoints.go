// Package registrar registers and deregisters targets. It resolves the endpoints of a TargetGroupBinding, compares
// them with the registered targets, and makes the calls for the difference, batched per target group. These calls
// never wait for work on load balancers. The resolution of endpoints is pure. The registry of target groups uses no
// Kubernetes client.
package registrar

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Target is one member of a target group.
type Target struct {
	ID   string // pod address or instance id
	Port int32
	Zone string // availability zone to send; empty = AWS derives it
	// ServerID is the id of QUIC connections, in QUIC and TCP_QUIC target groups.
	ServerID string `json:",omitempty"`
}

// Address is the identity of a target in its group for AWS: "id:port".
func (t Target) Address() string { return awsop.Target(t).Address() }

// Key is the identity of a target in its group: "id:port", or "id:port:serverid".
func (t Target) Key() string { return awsop.Target(t).Key() }

// KeySet is a set of keys of targets.
func KeySet(keys []string) map[string]bool {
	out := make(map[string]bool, len(keys))
	for _, k := range keys {
		out[k] = true
	}
	return out
}

// Endpoint is a target with the Kubernetes objects behind it.
type Endpoint struct {
	Target
	Namespace, Pod string // of ip targets; without Pod, the address does not belong to a pod
	Node           string
}

// Cluster reads the pods and nodes of endpoints.
type Cluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool)
	Node(ctx context.Context, name string) (*corev1.Node, bool)
}

// PortOf finds the Service port that a reference names: a number is compared with port, a string with the port's name.
func PortOf(svc *corev1.Service, ref intstr.IntOrString) (corev1.ServicePort, bool) {
	for _, p := range svc.Spec.Ports {
		if ref.Type == intstr.String && p.Name == ref.StrVal || ref.Type == intstr.Int && p.Port == ref.IntVal {
			return p, true
		}
	}
	return corev1.ServicePort{}, false
}

// Candidate is an endpoint of a Service, and whether it may be a target.
type Candidate struct {
	Endpoint
	// Ready is Unknown for an endpoint on a node that does not report.
	Ready corev1.ConditionStatus
	// Why says why the endpoint is no target; empty = it may be one.
	Why string
	// Lacks: Why says what the node lacks, and is reported.
	Lacks bool
	// Refused: the pod that the endpoint names does not show the address, which is reported.
	Refused bool
}

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

// Behind are the endpoints behind a Service port, for one address family.
type Behind struct {
	Port   corev1.ServicePort
	Slices []*discoveryv1.EndpointSlice
	IPv6   bool
}

// MostEndpoints is how many endpoints of a Service port are looked at: far more than a target group takes. The API
// server admits EndpointSlices of 1,000 addresses and 20,000 ports.
const MostEndpoints = 20_000

// Count is how many endpoints there are, each counted once for each port of its slice that belongs to the Service port.
func (b Behind) Count() (n int) {
	for _, s := range b.Slices {
		if s.AddressType == familyOf(b.IPv6) {
			n += len(s.Endpoints) * len(slicePorts(s, b.Port.Name))
		}
	}
	return n
}

// scratch has reusable lists for gathering and sorting endpoints: most passes find the endpoints of the pass before.
var scratch = sync.Pool{New: func() any { return new([]Endpoint) }}

// Serving returns the endpoints of pods that function Serving chooses among the candidates, and the refused
// candidates. The result shares unchanged parts with before, the former list; if nothing changed, it is before.
func (b Behind) Serving(ctx context.Context, c Cluster, failOpen bool, before Endpoints) (serving Endpoints,
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
	return Serving(PodlessCandidates(port, slicesOf, ipv6), false)
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
	for _, s := range slicesOf {
		if s.AddressType != familyOf(ipv6) {
			continue
		}
		for _, number := range slicePorts(s, port.Name) {
			for i := range s.Endpoints {
				if len(s.Endpoints[i].Addresses) > 0 {
					f(s, &s.Endpoints[i], number)
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

// slicePorts returns the port numbers of a slice that belong to a Service port. A Service port without name matches
// all.
func slicePorts(s *discoveryv1.EndpointSlice, name string) []int32 {
	var out []int32
	for _, p := range s.Ports {
		if name != "" && (p.Name == nil || *p.Name != name) || p.Port == nil {
			continue
		}
		out = append(out, *p.Port)
	}
	return out
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
		out.Why, out.Refused = "its pod is in another namespace", true
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

// unready returns why an endpoint on a node that is not ready is no target.
func unready(node corev1.ConditionStatus) string {
	if node == corev1.ConditionUnknown {
		return "its node does not report"
	}
	return "its node is not ready"
}

// NodeReady returns the status of the Ready condition of a node.
func NodeReady(n *corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return corev1.ConditionFalse
}

// Serving returns the ready endpoints, each once, sorted by key. With failOpen, if none is ready, it returns those of
// unknown readiness.
func Serving(all []Candidate, failOpen bool) []Endpoint {
	in := ofStatus(all, corev1.ConditionTrue)
	if len(in) == 0 && failOpen {
		in = ofStatus(all, corev1.ConditionUnknown)
	}
	return sortOnce(in)
}

// sortOnce sorts a list by key in place, and leaves each key once.
func sortOnce(in []Endpoint) []Endpoint {
	if inOrder(in) {
		return in
	}
	sorting.By(in, func(a, b Endpoint) int { return compareTargets(&a.Target, &b.Target) })
	return slices.CompactFunc(in, func(a, b Endpoint) bool { return compareTargets(&a.Target, &b.Target) == 0 })
}

func ofStatus(all []Candidate, ready corev1.ConditionStatus) []Endpoint {
	n := 0
	for i := range all {
		if all[i].Ready == ready {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]Endpoint, 0, n)
	for i := range all {
		if all[i].Ready == ready {
			out = append(out, all[i].Endpoint)
		}
	}
	return out
}

// Refused returns the candidates with Refused set.
func Refused(all []Candidate) []Candidate {
	return slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return !c.Refused })
}

// defaultNodes are the nodes that serve instance targets, unless they are excluded by label.
var defaultNodes = mustParse(
	"!node-role.kubernetes.io/master,!node.kubernetes.io/exclude-from-external-load-balancers," +
		"!alpha.service-controller.kubernetes.io/exclude-balancer,eks.amazonaws.com/compute-type notin (fargate,hybrid)")

func mustParse(s string) labels.Selector {
	sel, err := labels.Parse(s)
	if err != nil {
		panic(err) // a constant of this package
	}
	return sel
}

// Skipped is a node that is left out because it lacks something, which is reported. Other nodes are registered.
type Skipped struct{ Node, Why string }

// NodeEndpoints returns the instances that serve a node port, sorted by key: ready nodes that the default and the given
// selector match, and that no autoscaler will remove soon. With failOpen, if none is ready, it returns those of unknown
// readiness.
func NodeEndpoints(nodes []*corev1.Node, selector *metav1.LabelSelector, nodePort int32, failOpen bool) ([]Endpoint,
	[]Skipped, error) {
	all, err := NodeCandidates(nodes, selector, nodePort)
	var skipped []Skipped
	for _, c := range all {
		if c.Lacks {
			skipped = append(skipped, Skipped{c.Node, c.Why})
		}
	}
	return Serving(all, failOpen), skipped, err
}

// NodeCandidates returns all nodes, as endpoints of a node port.
func NodeCandidates(nodes []*corev1.Node, selector *metav1.LabelSelector, nodePort int32) ([]Candidate, error) {
	chosen := labels.Everything()
	if selector != nil {
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return nil, err
		}
		chosen = s
	}
	var out []Candidate
	for _, n := range nodes {
		l := labels.Set(n.Labels)
		c := Candidate{Endpoint: Endpoint{Target: Target{Port: nodePort}, Node: n.Name}, Ready: corev1.ConditionFalse}
		id, lacks := InstanceID(n)
		c.ID = id
		switch ready := NodeReady(n); {
		case !defaultNodes.Matches(l):
			c.Why = "its labels exclude it from load balancers"
		case !chosen.Matches(l):
			c.Why = "spec.nodeSelector does not select it"
		case leaving(n):
			c.Why = "an autoscaler is about to remove it"
		case lacks != "":
			c.Why, c.Lacks = lacks, true
		case ready != corev1.ConditionTrue:
			c.Ready, c.Why = ready, unready(ready)
		default:
			c.Ready = ready
		}
		out = append(out, c)
	}
	return out, nil
}

// leaving reports whether the cluster autoscaler or Karpenter will remove a node soon.
func leaving(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == "ToBeDeletedByClusterAutoscaler" || t.Key == "karpenter.sh/disrupted" &&
			t.Effect == corev1.TaintEffectNoSchedule
	})
}

// NodeStays reports whether a node serves according to its own object: it is not being deleted, cordoned, shut down,
// about to be removed or excluded from load balancers. Its readiness does not count, because all nodes become unready
// at the same time if the control plane loses contact with them.
func NodeStays(n *corev1.Node) bool {
	return !n.Spec.Unschedulable && !PodsLeave(n, true) && defaultNodes.Matches(labels.Set(n.Labels))
}

// InstanceID returns the EC2 instance of a node, the last part of its provider id; why says what is wrong with it.
func InstanceID(n *corev1.Node) (id, why string) {
	p := n.Spec.ProviderID
	if p == "" {
		return "", "providerID is not specified for node: " + n.Name
	}
	id = p[strings.LastIndex(p, "/")+1:]
	if !strings.HasPrefix(id, "i-") {
		return "", fmt.Sprintf("providerID %s is invalid for EC2 instances, node: %s", p, n.Name)
	}
	return id, ""
}
