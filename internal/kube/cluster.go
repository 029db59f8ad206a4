package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster answers for the pods and nodes of endpoints (targets.Cluster), from the informer caches if Reader reads those.
type Cluster struct {
	Reader client.Reader
}

// Pod is a pod, if it exists.
func (c Cluster) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool) {
	p := &corev1.Pod{}
	return p, c.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p) == nil
}

// Node is a node, if it exists.
func (c Cluster) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	n := &corev1.Node{}
	return n, c.Reader.Get(ctx, client.ObjectKey{Name: name}, n) == nil
}
