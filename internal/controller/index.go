package controller

import (
	"sync"

	"github.com/k8s-lbc/lbc/internal/objects"
)

// index remembers which unit of work read which objects, so that an event about an object reaches exactly the units whose
// result depends on it. There are no hand-written rules of what concerns whom.
type index[U comparable] struct {
	mu     sync.Mutex
	reads  map[U][]objects.Read
	byName map[objects.Read]map[U]bool // reads of one object
	lists  map[objects.Read]map[U]bool // reads of lists

	// recent is a ring of the latest events: an event that arrives after a unit has read and before its reads are known here
	// would otherwise be lost.
	recent [256]objects.Read
	seq    uint64
}

func newIndex[U comparable]() *index[U] {
	return &index[U]{reads: map[U][]objects.Read{}, byName: map[objects.Read]map[U]bool{}, lists: map[objects.Read]map[U]bool{}}
}

// begin marks the moment before a unit starts to read.
func (x *index[U]) begin() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seq
}

// update replaces what is known of a unit's reads. stale reports that one of them changed since begin, so that the unit has
// to be looked at again.
func (x *index[U]) update(u U, begun uint64, reads []objects.Read) (stale bool) {
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

// reading reports whether any unit has read an object.
func (x *index[U]) reading(r objects.Read) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.byName[r]) > 0
}

// forget drops a unit.
func (x *index[U]) forget(u U) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(u)
}

func (x *index[U]) drop(u U) {
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

// happened records an event about an object and returns the units that read it, or a list that it is or was part of.
func (x *index[U]) happened(kind objects.Kind, namespace, name string) []U {
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
	out := make([]U, 0, len(found))
	for u := range found {
		out = append(out, u)
	}
	return out
}

// units are those that are known, unordered.
func (x *index[U]) units() []U {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]U, 0, len(x.reads))
	for u := range x.reads {
		out = append(out, u)
	}
	return out
}
