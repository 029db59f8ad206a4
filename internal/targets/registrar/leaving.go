package registrar

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

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
