// Package reads is how controllers read Kubernetes objects: from the caches, with a look at the API server where
// absence must be proven, and with an index of what each unit of work has read, by which events find the units. It
// knows no stacks and no bindings.
package reads

import (
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Index keeps which unit of work read which objects, so that an event about an object reaches exactly the units whose
// result depends on it. It takes the place of rules about which kinds of objects refer to which.
type Index[U comparable] struct {
	mu      sync.Mutex
	reads   map[U][]objects.Read
	readers map[objects.Read]units[U] // by what they read

	// recent is a ring of the latest events, of mostRecent at last. By it an event that comes after a unit has read, and
	// before Update, is not lost.
	recent []objects.Change
	seq    uint64
}

// mostRecent is how many events are remembered.
const mostRecent = 256

// NewIndex makes an empty index.
func NewIndex[U comparable]() *Index[U] {
	return &Index[U]{reads: map[U][]objects.Read{}, readers: map[objects.Read]units[U]{}}
}

// Begin marks the moment before a unit starts to read.
func (x *Index[U]) Begin() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seq
}

// Update replaces the reads of a unit. stale reports that one of them changed since begun, so that the unit is to be
// reconciled again.
func (x *Index[U]) Update(u U, begun uint64, reads []objects.Read) (stale bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if before, ok := x.reads[u]; !ok || !slices.Equal(before, reads) { // most passes read what the one before has read
		x.drop(u)
		x.reads[u] = reads
		for _, r := range reads {
			x.readers[r] = x.readers[r].with(u)
		}
	}
	if x.seq-begun > mostRecent {
		return true
	}
	for s := begun; s < x.seq; s++ {
		e := x.recent[s%mostRecent]
		for _, r := range reads {
			if r.Matches(e) {
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
	_, ok := x.readers[r]
	return ok
}

// Forget drops a unit.
func (x *Index[U]) Forget(u U) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(u)
}

func (x *Index[U]) drop(u U) {
	for _, r := range x.reads[u] {
		if left := x.readers[r].without(u); left.len() > 0 {
			x.readers[r] = left
		} else {
			delete(x.readers, r)
		}
	}
	delete(x.reads, u)
}

// Affected records an event about an object and returns the units that read it, or a list that it is or was part of. It
// looks up one entry for each form of read and each object that is named, however many units there are.
func (x *Index[U]) Affected(c objects.Change) []U {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.recent) < mostRecent {
		x.recent = append(x.recent, c)
	} else {
		x.recent[x.seq%mostRecent] = c
	}
	x.seq++
	found := map[U]bool{}
	for _, r := range c.Reads() {
		for u := range x.readers[r].all() {
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

// Has reports whether a unit has read anything.
func (x *Index[U]) Has(u U) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, has := x.reads[u]
	return has
}

// Len is the number of units.
func (x *Index[U]) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.reads)
}
