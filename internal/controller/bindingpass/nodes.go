package bindingpass

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// nodeReads are the nodes that passes over bindings read, so that an event of a node finds the bindings that depend on
// it. The zero value is usable.
type nodeReads struct {
	mu sync.Mutex
	// of are the nodes of a binding; the value is true for a node that the latest pass read.
	of map[types.NamespacedName]map[string]bool
	by map[string]map[types.NamespacedName]bool // the bindings of a node
}

// begin begins the reads of a pass. What the pass before read stays until the next pass: an event that comes before
// this pass reads a node again wakes the binding.
func (r *nodeReads) begin(binding types.NamespacedName, of readable.Cluster) notingCluster {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node, latest := range r.of[binding] {
		if latest {
			r.of[binding][node] = false
		} else {
			r.drop(binding, node)
		}
	}
	return notingCluster{of, r, binding}
}

func (r *nodeReads) drop(binding types.NamespacedName, node string) {
	if delete(r.of[binding], node); len(r.of[binding]) == 0 {
		delete(r.of, binding)
	}
	if delete(r.by[node], binding); len(r.by[node]) == 0 {
		delete(r.by, node)
	}
}

func (r *nodeReads) note(binding types.NamespacedName, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of, r.by = map[types.NamespacedName]map[string]bool{}, map[string]map[types.NamespacedName]bool{}
	}
	if r.of[binding] == nil {
		r.of[binding] = map[string]bool{}
	}
	if r.by[node] == nil {
		r.by[node] = map[types.NamespacedName]bool{}
	}
	r.of[binding][node], r.by[node][binding] = true, true
}

func (r *nodeReads) forget(binding types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for node := range r.of[binding] {
		r.drop(binding, node)
	}
}

// bindings returns the bindings that have read a node, unordered.
func (r *nodeReads) bindings(node string) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.by[node]))
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
