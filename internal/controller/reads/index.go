// Package reads reads Kubernetes objects for controllers. It reads from the caches, and from the API server if absence
// must be proven. An index records what each unit of work has read, so that an event finds the units that it concerns.
// The package does not know stacks or bindings.
package reads

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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

// units is a set of units. Most objects are read by one unit, and a map for each object would take most of the memory
// of an index.
type units[U comparable] struct {
	few  []U
	many map[U]bool // nil = all are in few
}

// mostFew is the largest size of a set without a map.
const mostFew = 8

// with returns the set with u. It replaces the former set.
func (s units[U]) with(u U) units[U] {
	switch {
	case s.many != nil:
		s.many[u] = true
	case slices.Contains(s.few, u):
	case len(s.few) < mostFew:
		s.few = append(s.few, u)
	default:
		s.many = map[U]bool{u: true}
		for _, x := range s.few {
			s.many[x] = true
		}
		s.few = nil
	}
	return s
}

// without returns the set without u. It replaces the former set.
func (s units[U]) without(u U) units[U] {
	delete(s.many, u)
	if i := slices.Index(s.few, u); i >= 0 {
		s.few = slices.Delete(s.few, i, i+1)
	}
	return s
}

func (s units[U]) len() int { return len(s.few) + len(s.many) }

// all iterates over the set, unordered.
func (s units[U]) all() iter.Seq[U] {
	if s.many != nil {
		return maps.Keys(s.many)
	}
	return slices.Values(s.few)
}

// ByStack is the cache index of bindings by the stacks that their labels name.
const ByStack = "metadata.labels.stack"

// stackLabels are the keys of the labels by which each kind of stacks marks its bindings, sorted.
var stackLabels = sync.OnceValue(func() (sets [][]string) {
	for _, k := range owner.Kinds {
		for _, of := range []stack.ID{{Name: "group"}, {Namespace: "namespace", Name: "name"}} {
			sets = append(sets, slices.Sorted(maps.Keys(naming.Labels(stack.Key{Owner: k.Owner, ID: of}))))
		}
	}
	return sets
})

// StackOf returns the keys of a binding in the index ByStack: the labels of each stack that it may belong to.
func StackOf(o client.Object) (keys []string) {
	labels := o.GetLabels()
	for _, of := range stackLabels() {
		lacks := slices.ContainsFunc(of, func(key string) bool {
			_, has := labels[key]
			return !has
		})
		if !lacks {
			keys = append(keys, joined(of, labels))
		}
	}
	return keys
}

// Indexed returns the value of labels of a stack in the index ByStack.
func Indexed(labels map[string]string) string {
	return joined(slices.Sorted(maps.Keys(labels)), labels)
}

func joined(keys []string, labels map[string]string) string {
	out := make([]string, len(keys))
	for n, key := range keys {
		out[n] = key + "=" + labels[key]
	}
	return strings.Join(out, ",")
}
