package bindingpass

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/pairs"
)

// nodeReads are the nodes that passes over bindings read, so that an event of a node finds the bindings that depend on
// it. The zero value is usable.
type nodeReads struct {
	mu sync.Mutex
	// of are the nodes of each binding; the value is true for a node that the latest pass read.
	of pairs.Map[types.NamespacedName, string, bool]
}

// begin begins the reads of a pass. What the pass before read stays until the next pass: an event that comes before
// this pass reads a node again wakes the binding.
func (r *nodeReads) begin(binding types.NamespacedName, of readable.Cluster) notingCluster {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node, latest := range r.of.Of(binding) {
		if latest {
			r.of.Set(binding, node, false)
		} else {
			r.of.Delete(binding, node)
		}
	}
	return notingCluster{of, r, binding}
}

func (r *nodeReads) note(binding types.NamespacedName, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of.Set(binding, node, true)
}

func (r *nodeReads) forget(binding types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of.DeleteOf(binding)
}

// bindings returns the bindings that have read a node, unordered.
func (r *nodeReads) bindings(node string) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.of.By(node)))
}

// notingCluster answers from the caches, and notes the nodes that a pass reads.
type notingCluster struct {
	readable.Cluster
	reads   *nodeReads
	binding types.NamespacedName
}

// Node implements registrar.Cluster. The node is noted before it is read, so that no event comes between the two.
func (c notingCluster) Node(ctx context.Context, name string) (*corev1.Node, bool) {
	if name != "" {
		c.reads.note(c.binding, name)
	}
	return c.Cluster.Node(ctx, name)
}
