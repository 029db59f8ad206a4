package reads

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// mostDeparted is how many objects a Departed keeps at least.
const mostDeparted = 1024

// Departed has the objects whose deletion an informer has shown. If a cache lacks such an object, its absence is
// proven: a new object of its name queues a reconcile by its own event. It is safe for concurrent use. A nil
// Departed has no objects.
type Departed struct {
	mu            sync.Mutex
	newest, older map[objects.Ref]bool
}

// Note records that an object was deleted.
func (d *Departed) Note(kind objects.Kind, o client.Object) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.newest) >= mostDeparted {
		d.older, d.newest = d.newest, nil
	}
	if d.newest == nil {
		d.newest = map[objects.Ref]bool{}
	}
	d.newest[objects.Ref{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}] = true
}

// Only returns a Departed that has one object only; nil = no informer has shown its deletion.
func (d *Departed) Only(kind objects.Kind, key client.ObjectKey) *Departed {
	if !d.Has(kind, key) {
		return nil
	}
	return &Departed{newest: map[objects.Ref]bool{{Kind: kind, Namespace: key.Namespace, Name: key.Name}: true}}
}

// Has reports whether an informer has shown the deletion of an object, as far as Departed remembers.
func (d *Departed) Has(kind objects.Kind, key client.ObjectKey) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := objects.Ref{Kind: kind, Namespace: key.Namespace, Name: key.Name}
	return d.newest[id] || d.older[id]
}
