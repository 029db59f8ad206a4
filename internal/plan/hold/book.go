package hold

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Book has the holds that are in force, and which load balancers they concern. A nil Book holds nothing. It is safe for
// concurrent use.
type Book struct {
	now   func() time.Time
	known chan struct{} // is closed when the holds were read, or cannot be

	mu    sync.Mutex
	read  bool
	holds map[string]Hold // by key: each as it was last readable
	// earlier are the holds that former processes could read. Each counts only while its entry cannot be read.
	earlier map[string]Hold
	units   map[stack.Key]*unit
}

// unit is a load balancer by its objects, with the hold that its last pass found.
type unit struct {
	objects []diag.Object
	shown   Hold
}

// NewBook makes a Book of which nothing is known yet.
func NewBook(now func() time.Time) *Book {
	return &Book{now: now, known: make(chan struct{}), holds: map[string]Hold{}, earlier: map[string]Hold{},
		units: map[stack.Key]*unit{}}
}

// Await returns when the holds were read, or cannot be: before that, nothing may be written. It returns false if done
// is closed first.
func (b *Book) Await(done <-chan struct{}) bool {
	if b == nil {
		return true
	}
	select {
	case <-b.known:
		return true
	default:
	}
	select {
	case <-b.known:
		return true
	case <-done:
		return false
	}
}

// Set enters what the ConfigMap has; nil = there is none. An entry that was removed ends its hold. An entry that an
// edit made unreadable keeps its hold until the end that was readable last; without such an end the entry holds
// nothing.
func (b *Book) Set(data map[string]string) []Problem {
	holds, problems := Parse(data)
	b.mu.Lock()
	defer b.mu.Unlock()
	next := make(map[string]Hold, len(holds))
	for _, h := range holds {
		next[h.Scope.Key()] = h
	}
	for i, p := range problems {
		h, ok := b.holds[p.Key]
		if !ok {
			h, ok = b.earlier[p.Key]
		}
		if ok && h.Until.After(b.now()) {
			next[p.Key] = h
			problems[i].Text += "; what it held before stays held " + h.Text()
		} else {
			problems[i].Text += "; it holds nothing"
		}
	}
	b.holds, b.earlier = next, map[string]Hold{}
	b.setKnown()
	return problems
}

// Unreadable notes that the ConfigMap cannot be read: what former reads and processes found stays held until its end.
func (b *Book) Unreadable() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, h := range b.earlier {
		if _, ok := b.holds[key]; !ok {
			b.holds[key] = h
		}
	}
	b.earlier = map[string]Hold{}
	b.setKnown()
}

// setKnown ends the wait for the holds. b.mu is held.
func (b *Book) setKnown() {
	if !b.read {
		b.read = true
		close(b.known)
	}
}

// Restore enters the holds that a former process could read.
func (b *Book) Restore(holds []Kept) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range holds {
		if _, err := ParseKey(k.Key); err == nil {
			k.Hold.Scope, _ = ParseKey(k.Key)
			b.earlier[k.Key] = k.Hold
		}
	}
}

// Kept is a hold with its key, for the next process.
type Kept struct {
	Key  string `json:"key"`
	Hold Hold   `json:"hold"`
}

// InForce returns the holds that have not ended, sorted by key: before the first read those of the former process.
func (b *Book) InForce() (out []Kept) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known := maps.Clone(b.earlier)
	maps.Copy(known, b.holds)
	for _, key := range slices.Sorted(maps.Keys(known)) {
		if h := known[key]; h.Until.After(b.now()) {
			out = append(out, Kept{key, h})
		}
	}
	return out
}

// Of returns the hold that concerns a load balancer by its objects, the one that ends last; nil = none does.
func (b *Book) Of(objects ...diag.Object) *Hold {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(objects)
}

// of is Of. b.mu is held.
func (b *Book) of(objects []diag.Object) *Hold {
	var found *Hold
	now := b.now()
	for _, h := range b.holds {
		if !h.Until.After(now) || !h.concerns(objects) {
			continue
		}
		if found == nil || h.Until.After(found.Until) || h.Until.Equal(found.Until) && strings.Compare(h.Scope.Key(),
			found.Scope.Key()) < 0 {
			found = &h
		}
	}
	return found
}

// Note enters the objects of a load balancer, as a pass over it begins, and returns the hold that concerns it.
func (b *Book) Note(key stack.Key, objects []diag.Object) *Hold {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	u := &unit{objects: objects}
	b.units[key] = u
	h := b.of(objects)
	if h != nil {
		u.shown = *h
	}
	return h
}

// OfKey returns the hold that concerns a load balancer now, by the objects of its last pass, and without a pass, as of
// an orphan, by its name. Of what many share, as the rules of security groups, only a hold of everything counts.
func (b *Book) OfKey(key stack.Key) *Hold {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if u := b.units[key]; u != nil {
		return b.of(u.objects)
	}
	if key.ID.Namespace == "" {
		return b.of(nil)
	}
	return b.of([]diag.Object{{Kind: owner.Of(key.Owner).Kind, Namespace: key.ID.Namespace, Name: key.ID.Name}})
}

// Forget drops a load balancer of which nothing is left.
func (b *Book) Forget(key stack.Key) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.units, key)
}

// Held counts the load balancers that are held.
func (b *Book) Held() (n int) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.units {
		if b.of(u.objects) != nil {
			n++
		}
	}
	return n
}

// Changed returns the load balancers that another hold concerns, or none, than in their last pass.
func (b *Book) Changed() (out []stack.Key) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, u := range b.units {
		var now Hold
		if h := b.of(u.objects); h != nil {
			now = *h
		}
		if now != u.shown {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, stack.Key.Compare)
	return out
}

// OfBinding returns the hold that concerns a TargetGroupBinding: that of its stack, if it is of one, else one of
// everything or of its namespace.
func (b *Book) OfBinding(o diag.Object, of *stack.Key) *Hold {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if of != nil {
		if u := b.units[*of]; u != nil {
			return b.of(u.objects)
		}
	}
	return b.of([]diag.Object{o})
}
