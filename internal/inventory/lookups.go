package inventory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// lookups caches answers by key that are read in bulk. A key is read once for all who ask for it at the same time, no lock is held
// over a read, and a caller waits for the keys that it asked for only, as long as its context lasts. A key without answer is read
// again after a pause that doubles with each read, up to longestAbsence. It is safe for concurrent use; see newLookups.
type lookups[K comparable, V any] struct {
	now  func() time.Time
	life time.Duration // of an answer
	bulk int           // keys in one read, at most
	// read answers keys; those without answer are missing from what it returns.
	read func(context.Context, []K) (map[K]V, error)

	mu      sync.Mutex
	entries map[K]*lookup[V]
}

// lookup is what is known of one key.
type lookup[V any] struct {
	value  V
	found  bool
	read   time.Time // zero: never
	misses int       // reads without answer since the last one that gave one
	flight *flight   // the read that is under way; nil: none
}

// flight is one read. err may be looked at when done is closed.
type flight struct {
	done chan struct{}
	err  error
}

const (
	// firstAbsence and longestAbsence are how long a key without answer is left alone.
	firstAbsence, longestAbsence = 10 * time.Second, 5 * time.Minute
)

func newLookups[K comparable, V any](now func() time.Time, life time.Duration, bulk int, read func(context.Context, []K) (map[K]V, error)) *lookups[K, V] {
	return &lookups[K, V]{now: now, life: life, bulk: bulk, read: read, entries: map[K]*lookup[V]{}}
}

// get returns the answers to keys, reading those that it must; a key without answer is missing from the result.
func (l *lookups[K, V]) get(ctx context.Context, keys ...K) (map[K]V, error) {
	for _, f := range l.begin(ctx, keys) {
		select {
		case <-f.done:
			if f.err != nil {
				return nil, f.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[K]V{}
	for _, k := range keys {
		if e := l.entries[k]; e != nil && e.found {
			out[k] = e.value
		}
	}
	return out, nil
}

// begin starts the reads that keys need, and returns them with those that are under way. A key without answer whose pause is
// over is read along with them, so that many of them cost few reads.
func (l *lookups[K, V]) begin(ctx context.Context, keys []K) []*flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait []*flight
	var due []K
	asked := map[K]bool{}
	for _, k := range keys {
		if asked[k] {
			continue
		}
		asked[k] = true
		e := l.entries[k]
		switch {
		case e != nil && e.flight != nil:
			wait = append(wait, e.flight)
		case e == nil || !l.rests(e):
			due = append(due, k)
		}
	}
	if len(due) == 0 {
		return wait
	}
	l.prune(asked)
	for k, e := range l.entries {
		if len(due)%l.bulk == 0 {
			break
		}
		if e.flight == nil && e.misses > 0 && !l.rests(e) && !asked[k] {
			due = append(due, k)
		}
	}
	for some := range slices.Chunk(due, l.bulk) {
		wait = append(wait, l.start(ctx, some))
	}
	return wait
}

// rests reports whether a key is not to be read. The lock is held.
func (l *lookups[K, V]) rests(e *lookup[V]) bool {
	age := l.now().Sub(e.read)
	if e.found {
		return age <= l.life
	}
	return e.misses > 0 && age < absence(e.misses)
}

// absence is how long a key is left alone after so many reads without answer.
func absence(misses int) time.Duration {
	return min(firstAbsence<<min(misses-1, 10), longestAbsence)
}

// prune drops what is too old to be believed, and absences that were not asked for again. The lock is held.
func (l *lookups[K, V]) prune(but map[K]bool) {
	maps.DeleteFunc(l.entries, func(k K, e *lookup[V]) bool {
		if e.flight != nil || but[k] {
			return false
		}
		age := l.now().Sub(e.read)
		return e.found && age > l.life || !e.found && age > absence(e.misses)+longestAbsence
	})
}

// start reads keys in the background, for longer than a caller that gives up. The lock is held.
func (l *lookups[K, V]) start(ctx context.Context, keys []K) *flight {
	f := &flight{done: make(chan struct{})}
	for _, k := range keys {
		e := l.entries[k]
		if e == nil {
			e = &lookup[V]{}
			l.entries[k] = e
		}
		e.flight = f
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		answers, err := l.read(ctx, keys)
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, k := range keys {
			l.ended(k, answers, err)
		}
		f.err = err
		close(f.done)
	}()
	return f
}

// ended takes over the end of a read. The lock is held.
func (l *lookups[K, V]) ended(k K, answers map[K]V, err error) {
	e := l.entries[k]
	e.flight = nil
	if err != nil {
		if e.read.IsZero() {
			delete(l.entries, k)
		}
		return
	}
	e.value, e.found = answers[k]
	e.read = l.now()
	if e.misses++; e.found {
		e.misses = 0
	}
}

// put takes over an answer that was read for another reason.
func (l *lookups[K, V]) put(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[k]
	if e == nil {
		e = &lookup[V]{}
		l.entries[k] = e
	}
	e.value, e.found, e.read, e.misses = v, true, l.now(), 0
}

// drop forgets answers, not absences.
func (l *lookups[K, V]) drop(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if e := l.entries[k]; e != nil && e.found && e.flight == nil {
			delete(l.entries, k)
		}
	}
}
