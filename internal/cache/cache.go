// Package cache holds answers by key: how long they are believed, how long a key without answer is left alone, and which answers serve on
// while they are read again. It reads by the function that it is given, once for all callers that need a key at the same time.
// It is independent of AWS and Kubernetes, and imports backoff and the standard library only.
package cache

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/internal/backoff"
)

const (
	// ReadTimeout bounds a read, however long its callers wait.
	ReadTimeout = time.Minute
	// Retry is the pause after a failed read while an older answer serves.
	Retry = 15 * time.Second
	// Stale is how long beyond its lifetime an answer usually serves on while it is read again.
	Stale = time.Hour
	// Wait is how long a caller usually waits, in real time, for the new answer where an older one serves: most services answer within it.
	Wait = 250 * time.Millisecond
	// maxEntries bounds the keys of one cache; the key that was read longest ago makes room for a new one.
	maxEntries = 1 << 16
)

// Config describes a cache.
type Config[K comparable, V any] struct {
	// Now is the clock of all lifetimes.
	Now func() time.Time
	// Read answers keys. A key without answer is missing from the result.
	Read func(context.Context, []K) (map[K]V, error)
	// Batch bounds the keys of one read; 0 = no bound.
	Batch int
	// Lifetime is how long an answer is believed.
	Lifetime time.Duration
	// Absence describes how long a key is left alone after reads in a row that gave no answer for it.
	Absence backoff.Policy
	// Stale is how long beyond its lifetime an answer serves on while it is read again; 0 = not at all. Absences do not serve on.
	Stale time.Duration
	// Wait is how long, in real time, Get waits for the new answer where a stale one serves.
	Wait time.Duration
	// Passing reports whether a failed read may succeed later without a change of input: then the older answer serves on, however old.
	// Nil = no failure does.
	Passing func(error) bool
	// FailureLifetime is how long a failure is the answer where no older one serves; nil = the next Get reads again.
	FailureLifetime func(error) time.Duration
}

// Cache holds answers by key. It is safe for concurrent use, and holds no lock over a read. A caller waits for the keys that it asked for
// only, as long as its context lasts.
//
//	what is known of a key             | what Get returns
//	an answer within its lifetime      | the answer
//	an answer past it, by Stale at most| the new answer if it comes within Wait, else the old one, while the read goes on. The old one at
//	                                   | once while a read is under way that took longer than that, and for Retry after a failed one
//	an older answer, or none           | what Read gives
//	a forgotten answer                 | what Read gives; the old answer if Read fails for a passing reason
//	an absence within its pause        | nothing
//	an absence past its pause          | what Read gives; nothing if Read fails for a passing reason
//	a failure within FailureLifetime   | the failure
//
// A failed read that does not pass is the answer until Retry is over, also where a stale answer would serve.
type Cache[K comparable, V any] struct {
	cfg Config[K, V]

	mu      sync.Mutex
	entries map[K]*entry[K, V]
}

// entry is what is known of one key.
type entry[K comparable, V any] struct {
	value  V
	found  bool
	read   time.Time // zero: never, or forgotten
	misses int       // reads in a row without answer
	// changed is set by Update while a read is under way, whose answer then is not taken over.
	changed bool
	flight  *flight[K, V] // the read under way; nil: none
	// failure ended the newest read, unless it has succeeded; the next one may begin at retry.
	failure error
	retry   time.Time
}

// flight is one read. answers and err may be looked at when done is closed. late is guarded by the cache's lock: a caller that was served
// an older answer has waited for Wait.
type flight[K comparable, V any] struct {
	done    chan struct{}
	answers map[K]V
	err     error
	late    bool
}

// New makes an empty cache.
func New[K comparable, V any](cfg Config[K, V]) *Cache[K, V] {
	if cfg.Passing == nil {
		cfg.Passing = func(error) bool { return false }
	}
	return &Cache[K, V]{cfg: cfg, entries: map[K]*entry[K, V]{}}
}

// Get returns the answers to keys; a key without answer is missing from the result, which belongs to the caller. What the answers hold is
// shared and must not be changed. An error is that of Read, or the cause of ctx's end.
func (c *Cache[K, V]) Get(ctx context.Context, keys ...K) (map[K]V, error) {
	return c.get(ctx, c.cfg.Lifetime, c.cfg.Stale, keys)
}

// Within is Get for answers that are no older than age, whatever their lifetime. Older ones do not serve, unless reading fails for a
// passing reason.
func (c *Cache[K, V]) Within(ctx context.Context, age time.Duration, keys ...K) (map[K]V, error) {
	return c.get(ctx, age, 0, keys)
}

func (c *Cache[K, V]) get(ctx context.Context, age, stale time.Duration, keys []K) (map[K]V, error) {
	must, behind, err := c.begin(ctx, age, stale, keys)
	if err != nil {
		return nil, err
	}
	for _, f := range must {
		select {
		case <-f.done:
			if f.err != nil && !c.servesAfter(keys, f.err) {
				return nil, f.err
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := c.await(ctx, behind); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
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
		e := c.entries[k]
		if e == nil || !e.found {
			continue
		}
		if c.cfg.Now().Sub(e.read) > age {
			if e.failure != nil && c.cfg.Now().Before(e.retry) && !c.cfg.Passing(e.failure) {
				return nil, e.failure
			}
			MarkStale(ctx)
		}
		out[k] = e.value
	}
	return out, nil
}

// servesAfter reports whether what is known of all keys, absences included, serves on although reading failed.
func (c *Cache[K, V]) servesAfter(keys []K, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Passing(err) && !slices.ContainsFunc(keys, func(k K) bool {
		e := c.entries[k]
		return e == nil || !e.found && e.misses == 0
	})
}

// await waits at most Wait for reads of answers that serve on.
func (c *Cache[K, V]) await(ctx context.Context, flights []*flight[K, V]) error {
	if len(flights) == 0 {
		return nil
	}
	timer := time.NewTimer(c.cfg.Wait)
	defer timer.Stop()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, f := range flights {
				f.late = true
			}
			return nil
		}
	}
	return nil
}

// Peek returns what is known of a key, however old; found is false if there is no answer. It reads nothing.
func (c *Cache[K, V]) Peek(k K) (v V, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.value, e.found
	}
	return v, false
}

// Failure is why the newest read of a key failed; nil if it did not.
func (c *Cache[K, V]) Failure(k K) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.failure
	}
	return nil
}

// Put takes over an answer that was learned otherwise, as by a write. A read under way does not replace it.
func (c *Cache[K, V]) Put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at(k)
	*e = entry[K, V]{value: v, found: true, read: c.cfg.Now()}
}

// Update changes an answer, if one is known; it is as old as before. A read under way does not replace it: when that is over, the next Get
// reads again.
func (c *Cache[K, V]) Update(k K, change func(V) V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil {
		return
	}
	e.changed = e.flight != nil
	if e.found {
		e.value = change(e.value)
	}
}

// Forget has the next Get read keys again, whether or not they are being read; no key stands for all. What was known serves only if that
// read fails for a passing reason.
func (c *Cache[K, V]) Forget(keys ...K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	forget := func(e *entry[K, V]) {
		e.read, e.misses, e.failure, e.retry, e.flight = time.Time{}, 0, nil, time.Time{}, nil
	}
	if len(keys) == 0 {
		for _, e := range c.entries {
			forget(e)
		}
	}
	for _, k := range keys {
		if e := c.entries[k]; e != nil {
			forget(e)
		}
	}
}

// Delete drops answers, also those that are being read again. Absences stay.
func (c *Cache[K, V]) Delete(keys ...K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if e := c.entries[k]; e != nil && e.found {
			delete(c.entries, k)
		}
	}
}

// Len is how many keys anything is known of.
func (c *Cache[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// at is the entry of a key, made on first use. The lock is held.
func (c *Cache[K, V]) at(k K) *entry[K, V] {
	e := c.entries[k]
	if e == nil {
		e = &entry[K, V]{}
		c.entries[k] = e
	}
	return e
}

// rests reports whether a key is not to be read. The lock is held.
func (c *Cache[K, V]) rests(e *entry[K, V], life time.Duration) bool {
	age := c.cfg.Now().Sub(e.read)
	if e.found {
		return age <= life
	}
	return e.misses > 0 && age < c.cfg.Absence.Pause(e.misses)
}

// prune drops what is too old to serve, absences that were not asked for again, and, beyond maxEntries, what was read longest ago. The
// lock is held.
func (c *Cache[K, V]) prune(but map[K]bool) {
	now := c.cfg.Now()
	maps.DeleteFunc(c.entries, func(k K, e *entry[K, V]) bool {
		if e.flight != nil || but[k] || now.Before(e.retry) {
			return false
		}
		age := now.Sub(e.read)
		return e.found && age > c.cfg.Lifetime+max(c.cfg.Stale, Stale) || !e.found && age > c.cfg.Absence.Pause(e.misses)+c.cfg.Absence.Longest
	})
	for len(c.entries) >= maxEntries {
		var oldest K
		var at time.Time
		some := false
		for k, e := range c.entries {
			if e.flight == nil && !but[k] && (!some || e.read.Before(at)) {
				oldest, at, some = k, e.read, true
			}
		}
		if !some {
			return
		}
		delete(c.entries, oldest)
	}
}

// staleKey is the context key of NoteStale.
type staleKey struct{}

// NoteStale returns a context, and whether any cache answered under it with what is past its lifetime and is read again meanwhile. A
// caller that acts on such an answer looks again soon.
func NoteStale(ctx context.Context) (context.Context, func() bool) {
	stale := new(atomic.Bool)
	return context.WithValue(ctx, staleKey{}, stale), stale.Load
}

// MarkStale notes for NoteStale that an answer past its lifetime serves.
func MarkStale(ctx context.Context) {
	if stale, ok := ctx.Value(staleKey{}).(*atomic.Bool); ok {
		stale.Store(true)
	}
}
