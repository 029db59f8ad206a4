package inventory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cloud"
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

	// stale is how long beyond its life an answer serves on while it is read again, and moment how long a caller waits for the new one;
	// stale 0: it does not serve on.
	stale, moment time.Duration

	mu      sync.Mutex
	entries map[K]*lookup[K, V]
}

// lookup is what is known of one key.
type lookup[K comparable, V any] struct {
	value  V
	found  bool
	read   time.Time     // zero: never, or not to be believed
	misses int           // reads without answer since the last one that gave one
	flight *flight[K, V] // the read that is under way; nil: none
	// retry is when an answer that serves on although reading it failed is read again; refused, of a failure that does not pass by itself,
	// is the answer until then.
	retry   time.Time
	refused error
}

// flight is one read. What it gave may be looked at when done is closed; late, under the lock, tells that it has outlasted the wait of
// somebody whom an older answer served.
type flight[K comparable, V any] struct {
	done    chan struct{}
	answers map[K]V
	err     error
	late    bool
}

const (
	// firstAbsence and longestAbsence are how long a key without answer is left alone.
	firstAbsence, longestAbsence = 10 * time.Second, 5 * time.Minute
)

var absencePauses = backoff.Policy{First: firstAbsence, Longest: longestAbsence}

func newLookups[K comparable, V any](now func() time.Time, life time.Duration, bulk int, read func(context.Context, []K) (map[K]V, error)) *lookups[K, V] {
	return &lookups[K, V]{now: now, life: life, bulk: bulk, read: read, entries: map[K]*lookup[K, V]{}}
}

// servingOn has answers that are past their life serve on.
func (l *lookups[K, V]) servingOn(stale, moment time.Duration) *lookups[K, V] {
	l.stale, l.moment = stale, moment
	return l
}

// get returns the answers to keys, reading those that it must; a key without answer is missing from the result. Answers that serve on are
// waited for only a moment, and not at all while a read is under way that has outlasted that, or has just failed.
func (l *lookups[K, V]) get(ctx context.Context, keys ...K) (map[K]V, error) {
	must, behind := l.begin(ctx, keys)
	for _, f := range must {
		select {
		case <-f.done:
			if f.err != nil && !l.servesOn(keys, f.err) {
				return nil, f.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := l.hurry(ctx, behind); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[K]V{}
	for _, k := range keys {
		for _, f := range must { // what has just been read counts even if it was forgotten meanwhile
			if v, ok := f.answers[k]; ok {
				out[k] = v
			}
		}
		if _, ok := out[k]; ok {
			continue
		}
		e := l.entries[k]
		if e == nil || !e.found {
			continue
		}
		old := l.stale > 0 && l.now().Sub(e.read) > l.life
		if old && e.refused != nil && l.now().Before(e.retry) {
			return nil, e.refused
		}
		if old {
			noteStale(ctx)
		}
		out[k] = e.value
	}
	return out, nil
}

// servesOn reports whether what is known of all keys, absences included, serves on although reading failed.
func (l *lookups[K, V]) servesOn(keys []K, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stale > 0 && cloud.Passing(err) && !slices.ContainsFunc(keys, func(k K) bool {
		e := l.entries[k]
		return e == nil || !e.found && e.misses == 0
	})
}

// hurry waits a moment for reads of answers that serve on.
func (l *lookups[K, V]) hurry(ctx context.Context, flights []*flight[K, V]) error {
	if len(flights) == 0 {
		return nil
	}
	timer := time.NewTimer(l.moment)
	defer timer.Stop()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, f := range flights {
				f.late = true
			}
			return nil
		}
	}
	return nil
}

// begin starts the reads that keys need, and returns them with those that are under way: those that must be waited for, and those of
// answers that serve on. A key without answer whose pause is over is read along with them, so that many of them cost few reads.
func (l *lookups[K, V]) begin(ctx context.Context, keys []K) (must, behind []*flight[K, V]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var due, old []K
	asked := map[K]bool{}
	for _, k := range keys {
		if asked[k] {
			continue
		}
		asked[k] = true
		e := l.entries[k]
		serves := e != nil && e.found && l.stale > 0 && l.now().Sub(e.read) <= l.life+l.stale
		switch {
		case e != nil && l.rests(e):
		case e != nil && e.flight != nil && serves:
			if !e.flight.late {
				behind = append(behind, e.flight)
			}
		case e != nil && e.flight != nil:
			must = append(must, e.flight)
		case serves && l.now().Before(e.retry):
		case serves:
			old = append(old, k)
		default:
			due = append(due, k)
		}
	}
	if len(due)+len(old) > 0 {
		l.prune(asked)
	}
	for some := range slices.Chunk(old, l.bulk) {
		behind = append(behind, l.start(ctx, some))
	}
	if len(due) == 0 {
		return must, behind
	}
	for k, e := range l.entries {
		if len(due)%l.bulk == 0 {
			break
		}
		if e.flight == nil && e.misses > 0 && !l.rests(e) && !asked[k] {
			due = append(due, k)
		}
	}
	for some := range slices.Chunk(due, l.bulk) {
		must = append(must, l.start(ctx, some))
	}
	return must, behind
}

// rests reports whether a key is not to be read. The lock is held.
func (l *lookups[K, V]) rests(e *lookup[K, V]) bool {
	age := l.now().Sub(e.read)
	if e.found {
		return age <= l.life
	}
	return e.misses > 0 && age < absence(e.misses)
}

// absence is how long a key is left alone after so many reads without answer.
func absence(misses int) time.Duration { return absencePauses.Pause(misses) }

// prune drops what is too old to be believed, and absences that were not asked for again. The lock is held.
func (l *lookups[K, V]) prune(but map[K]bool) {
	maps.DeleteFunc(l.entries, func(k K, e *lookup[K, V]) bool {
		if e.flight != nil || but[k] {
			return false
		}
		age := l.now().Sub(e.read)
		return e.found && age > l.life+l.stale || !e.found && age > absence(e.misses)+longestAbsence
	})
}

// start reads keys in the background, for longer than a caller that gives up. The lock is held.
func (l *lookups[K, V]) start(ctx context.Context, keys []K) *flight[K, V] {
	f := &flight[K, V]{done: make(chan struct{})}
	for _, k := range keys {
		e := l.entries[k]
		if e == nil {
			e = &lookup[K, V]{}
			l.entries[k] = e
		}
		e.flight = f
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		f.answers, f.err = l.read(ctx, keys)
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, k := range keys {
			l.ended(k, f)
		}
		close(f.done)
	}()
	return f
}

// ended takes over the end of a read. The lock is held.
func (l *lookups[K, V]) ended(k K, f *flight[K, V]) {
	e := l.entries[k]
	if e == nil || e.flight != f { // forgotten meanwhile
		return
	}
	e.flight, e.retry, e.refused = nil, time.Time{}, nil
	if f.err != nil {
		e.retry = l.now().Add(staleRetry)
		if !cloud.Passing(f.err) {
			e.refused = f.err
		}
		if e.read.IsZero() && !e.found {
			delete(l.entries, k)
		}
		return
	}
	e.value, e.found = f.answers[k]
	e.read = l.now()
	if e.misses++; e.found {
		e.misses = 0
	}
}
