package offline

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// workloads are the endpoints, pods and nodes of a view. It implements registrar.Cluster.
type workloads struct {
	view   *objects.View
	nodes  []*corev1.Node
	slices map[stack.ID][]*discoveryv1.EndpointSlice // by Service
}

func workloadsOf(v *objects.View) *workloads {
	w := &workloads{view: v, nodes: objects.List[*corev1.Node](v, objects.Node, ""),
		slices: map[stack.ID][]*discoveryv1.EndpointSlice{}}
	for _, s := range objects.List[*discoveryv1.EndpointSlice](v, objects.EndpointSlice, "") {
		of := stack.ID{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
		w.slices[of] = append(w.slices[of], s)
	}
	return w
}

// Pod implements registrar.Cluster.
func (w *workloads) Pod(_ context.Context, namespace, name string) (*corev1.Pod, bool) {
	return objects.Lookup[*corev1.Pod](w.view, objects.Pod, namespace, name)
}

// Node implements registrar.Cluster.
func (w *workloads) Node(_ context.Context, name string) (*corev1.Node, bool) {
	return objects.Lookup[*corev1.Node](w.view, objects.Node, "", name)
}

// zones are the zones of the nodes, by name.
func (w *workloads) zones() map[string]string {
	out := make(map[string]string, len(w.nodes))
	for _, n := range w.nodes {
		out[n.Name] = n.Labels[corev1.LabelTopologyZone]
	}
	return out
}
