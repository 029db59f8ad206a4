package binding

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube"
)

// missingNodesReader answers endpoint resolution from the caches, and notes which nodes they do not have.
type missingNodesReader struct {
	kube.Cluster
	names []string
}

// Node implements targets.Cluster.
func (c *missingNodesReader) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	n, ok := c.Cluster.Node(ctx, name)
	if !ok && name != "" {
		c.names = append(c.names, name)
	}
	return n, ok
}

// nodeWaits are the bindings that left out endpoints because the cache did not have their nodes; by node. The zero value is usable.
type nodeWaits struct {
	mu sync.Mutex
	of map[types.NamespacedName][]string
}

// note replaces the nodes that a binding misses; none: it misses none.
func (w *nodeWaits) note(binding types.NamespacedName, nodes []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(nodes) == 0 {
		delete(w.of, binding)
		return
	}
	if w.of == nil {
		w.of = map[types.NamespacedName][]string{}
	}
	w.of[binding] = nodes
}

// missed reports whether a binding misses a node.
func (w *nodeWaits) missed(binding types.NamespacedName, node string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.of[binding], node)
}
