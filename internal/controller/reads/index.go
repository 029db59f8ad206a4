// Package reads is how controllers read Kubernetes objects: from the caches, with a look at the API server where absence must be proven, and
// with an index of what each unit of work has read, by which events find the units. It knows no stacks and no bindings.
// It may import objects, kube, proof, backoff and controller-runtime.
package reads

import (
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/objects"
)

// Index keeps which unit of work read which objects, so that an event about an object reaches exactly the units whose result depends on it.
// It takes the place of rules about which kinds of objects refer to which.
type Index[U comparable] struct {
	mu     sync.Mutex
	reads  map[U][]objects.Read
	byName map[objects.Read]map[U]bool // reads of one object
	lists  map[objects.Read]map[U]bool // reads of lists

	// recent is a ring of the latest events. By it an event that comes after a unit has read, and before Update, is not lost.
	recent [256]objects.Read
	seq    uint64
}

// NewIndex makes an empty index.
func NewIndex[U comparable]() *Index[U] {
	return &Index[U]{reads: map[U][]objects.Read{}, byName: map[objects.Read]map[U]bool{}, lists: map[objects.Read]map[U]bool{}}
}

// Begin marks the moment before a unit starts to read.
func (x *Index[U]) Begin() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seq
}

// Update replaces the reads of a unit. stale reports that one of them changed since begun, so that the unit is to be reconciled again.
func (x *Index[U]) Update(u U, begun uint64, reads []objects.Read) (stale bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(u)
	x.reads[u] = reads
	for _, r := range reads {
		m := x.byName
		if r.Name == "" {
			m = x.lists
		}
		if m[r] == nil {
			m[r] = map[U]bool{}
		}
		m[r][u] = true
	}
	if x.seq-begun > uint64(len(x.recent)) {
		return true
	}
	for s := begun; s < x.seq; s++ {
		e := x.recent[s%uint64(len(x.recent))]
		for _, r := range reads {
			if r.Matches(e.Kind, e.Namespace, e.Name) {
				return true
			}
		}
	}
	return false
}

// IsRead reports whether any unit has read an object.
func (x *Index[U]) IsRead(r objects.Read) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.byName[r]) > 0
}

// Forget drops a unit.
func (x *Index[U]) Forget(u U) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(u)
}

func (x *Index[U]) drop(u U) {
	for _, r := range x.reads[u] {
		for _, m := range []map[objects.Read]map[U]bool{x.byName, x.lists} {
			delete(m[r], u)
			if len(m[r]) == 0 {
				delete(m, r)
			}
		}
	}
	delete(x.reads, u)
}

// Affected records an event about an object and returns the units that read it, or a list that it is or was part of.
func (x *Index[U]) Affected(kind objects.Kind, namespace, name string) []U {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.recent[x.seq%uint64(len(x.recent))] = objects.Read{Kind: kind, Namespace: namespace, Name: name}
	x.seq++
	found := map[U]bool{}
	for u := range x.byName[objects.Read{Kind: kind, Namespace: namespace, Name: name}] {
		found[u] = true
	}
	for _, ns := range []string{namespace, ""} {
		for u := range x.lists[objects.Read{Kind: kind, Namespace: ns}] {
			found[u] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

// Units are those with reads, unordered.
func (x *Index[U]) Units() []U {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Keys(x.reads))
}

// Len is the number of units.
func (x *Index[U]) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.reads)
}
