package bindingpass

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// resolved are the endpoints that the last pass over each binding resolved. Most passes resolve the same, and then use
// the same list: of a Service with a thousand pods it has a hundred kilobytes. The zero value is usable. Nobody changes
// the lists.
type resolved struct {
	mu sync.Mutex
	of map[types.NamespacedName][]registrar.Endpoint
}

func (r *resolved) last(binding types.NamespacedName) []registrar.Endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[binding]
}

func (r *resolved) keep(binding types.NamespacedName, endpoints []registrar.Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[types.NamespacedName][]registrar.Endpoint{}
	}
	r.of[binding] = endpoints
}

func (r *resolved) forget(binding types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, binding)
}

// cluster are the pods and nodes of the caches.
func (b *Reconciler) cluster() readable.Cluster {
	return readable.Cluster{Reader: b.Client, Shared: b.Shared}
}
