package bindingpass

import (
	"slices"
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
	of map[types.NamespacedName]registrar.Endpoints
	by map[types.NamespacedName][]types.NamespacedName // the bindings of each pod

	// ended are the pods that ended or got another address last, a ring. By it, the end of a pod that a pass has read, and
	// not kept yet, is not lost.
	ended [mostEnded]types.NamespacedName
	seq   uint64
}

// mostEnded is how many pods are remembered that ended.
const mostEnded = 256

// begin marks the moment before a pass reads pods.
func (r *resolved) begin() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq
}

func (r *resolved) last(binding types.NamespacedName) registrar.Endpoints {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[binding]
}

// keep keeps what a pass has resolved. stale reports that one of the pods may have ended since begun.
func (r *resolved) keep(binding types.NamespacedName, endpoints registrar.Endpoints, begun uint64) (stale bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of, r.by = map[types.NamespacedName]registrar.Endpoints{}, map[types.NamespacedName][]types.NamespacedName{}
	}
	before, one := r.of[binding], []types.NamespacedName{binding} // which all pods of one binding share
	r.of[binding] = endpoints
	registrar.Differ(before, endpoints, func(e registrar.Endpoint) {
		r.remove(types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}, binding)
	}, func(e registrar.Endpoint) {
		pod := types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}
		switch all := r.by[pod]; {
		case len(all) == 0:
			r.by[pod] = one
		case !slices.Contains(all, binding):
			r.by[pod] = append(slices.Clip(all), binding)
		}
	})
	if r.seq-begun > mostEnded {
		return true
	}
	for s := begun; s < r.seq; s++ {
		if slices.Contains(r.by[r.ended[s%mostEnded]], binding) {
			return true
		}
	}
	return false
}

// remove removes a binding from those of a pod. The lock is held.
func (r *resolved) remove(pod, binding types.NamespacedName) {
	all := r.by[pod]
	if len(all) == 1 && all[0] == binding {
		delete(r.by, pod)
		return
	}
	r.by[pod] = slices.DeleteFunc(slices.Clone(all), func(b types.NamespacedName) bool { return b == binding })
}

// end returns the bindings whose last pass has resolved a pod that ends, or gets another address.
func (r *resolved) end(pod types.NamespacedName) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[r.seq%mostEnded] = pod
	r.seq++
	return r.by[pod]
}

func (r *resolved) forget(binding types.NamespacedName) {
	r.keep(binding, registrar.Endpoints{}, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, binding)
}

// cluster are the pods and nodes of the caches.
func (b *Reconciler) cluster() readable.Cluster {
	return readable.Cluster{Reader: b.Client, Shared: b.Shared}
}
