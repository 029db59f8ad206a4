// Package reads reads Kubernetes objects for controllers. It reads from the caches, and from the API server if absence
// must be proven. An index records what each unit of work has read, so that an event finds the units that it concerns.
// The package does not know stacks or bindings.
package reads

import (
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Index records which unit of work read which objects, so that an event about an object reaches exactly the units whose
// result depends on it. It makes rules about references between kinds of objects unnecessary.
type Index[U comparable] struct {
	mu      sync.Mutex
	reads   map[U][]objects.Read
	readers map[objects.Read]units[U] // by what they read

	// recent is a ring of the latest events, at most mostRecent. Through it, an event between the reads of a unit and its
	// Update is not lost.
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

// Update replaces the reads of a unit. stale is true if one of these objects changed since begun: the unit must be
// reconciled again.
func (x *Index[U]) Update(u U, begun uint64, reads []objects.Read) (stale bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if before, ok := x.reads[u]; !ok || !slices.Equal(before, reads) { // most passes read the same as the pass before
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
		for r := range x.recent[s%mostRecent].Reads {
			if slices.Contains(reads, r) {
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

// Affected records an event about an object, and returns the units that read the object, or a list that contains or
// contained it. Its cost does not depend on the number of units: it looks up one entry for each form of read and each
// object that the change names.
func (x *Index[U]) Affected(c objects.Change) []U {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.recent) < mostRecent {
		x.recent = append(x.recent, c)
	} else {
		x.recent[x.seq%mostRecent] = c
	}
	x.seq++
	var found []U
	sets := 0
	for r := range c.Reads {
		if of := x.readers[r]; of.len() > 0 {
			found = slices.AppendSeq(found, of.all())
			sets++
		}
	}
	if sets < 2 { // nobody is there twice
		return found
	}
	seen := make(map[U]bool, len(found))
	return slices.DeleteFunc(found, func(u U) bool {
		again := seen[u]
		seen[u] = true
		return again
	})
}

// Units returns the units that have read something, unordered.
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

// Len returns the number of units.
func (x *Index[U]) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.reads)
}
