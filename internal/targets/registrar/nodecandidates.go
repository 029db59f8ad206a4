package registrar

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

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
	return ChooseServing(all, failOpen), skipped, err
}

// mostSelectorParts is how many labels, expressions and values a node selector may have.
const mostSelectorParts = 1_000

// NodeCandidates returns all nodes, as endpoints of a node port.
func NodeCandidates(nodes []*corev1.Node, selector *metav1.LabelSelector, nodePort int32) ([]Candidate, error) {
	chosen := labels.Everything()
	if n := objects.SelectorParts(selector); n > mostSelectorParts {
		return nil, fmt.Errorf("%d labels, expressions and values select nodes, and at most %d may", n, mostSelectorParts)
	}
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

// ShuttingDown is a part of the kubelet's message that its node is not ready because the machine shuts down, which
// ends the pods.
const ShuttingDown = "node is shutting down"

// stoppedTaint is the taint that cloud providers add to the node of a stopped instance.
const stoppedTaint = "node.cloudprovider.kubernetes.io/shutdown"

// PodsLeave reports whether the pods of a node will soon end with it: the node is being deleted, shut down or
// stopped, or an autoscaler will remove it. excluded adds nodes with the label that excludes them from load
// balancers.
func PodsLeave(n *corev1.Node, excluded bool) bool {
	if n.DeletionTimestamp != nil || leaving(n) {
		return true
	}
	if _, labelled := n.Labels[corev1.LabelNodeExcludeBalancers]; labelled && excluded {
		return true
	}
	stopped := func(t corev1.Taint) bool { return t.Key == stoppedTaint }
	down := func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue && strings.Contains(c.Message, ShuttingDown)
	}
	return slices.ContainsFunc(n.Spec.Taints, stopped) || slices.ContainsFunc(n.Status.Conditions, down)
}

// Staying returns the endpoints of pods without those on nodes that PodsLeave reports, so that the latter drain
// before their pods end. If they are more than half of all endpoints, none is left out: the others could not serve
// their requests, and the pods serve until their deletion begins.
func Staying(ctx context.Context, c Cluster, endpoints Endpoints, excluded bool) Endpoints {
	leaves, some := map[string]bool{}, false
	for _, e := range endpoints.All() {
		name := e.Node
		if _, known := leaves[name]; known || name == "" {
			continue
		}
		n, ok := c.Node(ctx, name)
		leaves[name] = ok && PodsLeave(n, excluded)
		some = some || leaves[name]
	}
	if !some {
		return endpoints
	}
	out := endpoints.Without(func(e Endpoint) bool { return leaves[e.Node] })
	if 2*out.Len() < endpoints.Len() {
		return endpoints
	}
	return out
}
