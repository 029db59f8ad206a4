package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster answers for the pods and nodes of endpoints (targets.Cluster), from the informer caches if Reader reads those.
type Cluster struct {
	Context context.Context //nolint:containedctx // lives as long as one pass
	Reader  client.Reader
}

// Pod is a pod, if it exists.
func (c Cluster) Pod(namespace, name string) (*corev1.Pod, bool) {
	p := &corev1.Pod{}
	return p, c.Reader.Get(c.Context, client.ObjectKey{Namespace: namespace, Name: name}, p) == nil
}

// Node is a node, if it exists.
func (c Cluster) Node(name string) (*corev1.Node, bool) {
	n := &corev1.Node{}
	return n, c.Reader.Get(c.Context, client.ObjectKey{Name: name}, n) == nil
}
