package cache

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// core is a Cache of keys and answers of any type, so that it is compiled once for all Caches.
type core struct {
	cfg Config[any, any]

	mu      sync.Mutex
	entries map[any]*entry
	loads   atomic.Uint64 // grows while mu is held
}

// entry is what is known of one key.
type entry struct {
	value  any
	found  bool
	read   time.Time // zero: never, or forgotten
	misses int       // reads in a row without answer
	// changed is set by Update while a read is under way, whose answer then is not taken over.
	changed bool
	flight  *flight // the read under way; nil: none
	// failure ended the newest read, unless it has succeeded; the next one may begin at retry.
	failure error
	retry   time.Time
}

// flight is one read. answers and err may be looked at when done is closed. late is guarded by the cache's lock: a
// caller that was served an older answer has waited for Wait.
type flight struct {
	done    chan struct{}
	answers map[any]any
	err     error
	late    bool
}

func newCore(cfg Config[any, any]) *core {
	if cfg.Passing == nil {
		cfg.Passing = func(error) bool { return false }
	}
	return &core{cfg: cfg, entries: map[any]*entry{}}
}

func (c *core) get(ctx context.Context, age, stale time.Duration, keys []any) (map[any]any, error) {
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
	out := map[any]any{}
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
func (c *core) servesAfter(keys []any, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Passing(err) && !slices.ContainsFunc(keys, func(k any) bool {
		e := c.entries[k]
		return e == nil || !e.found && e.misses == 0
	})
}

// await waits at most Wait for reads of answers that serve on.
func (c *core) await(ctx context.Context, flights []*flight) error {
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

func (c *core) peek(k any) (v any, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.value, e.found
	}
	return nil, false
}

func (c *core) fresh(k any) (v any, found, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil || !c.rests(e, c.cfg.Lifetime) {
		return nil, false, false
	}
	return e.value, e.found, true
}

func (c *core) failure(k any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil {
		return e.failure
	}
	return nil
}

func (c *core) put(k, v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at(k)
	*e = entry{value: v, found: true, read: c.cfg.Now()}
	c.loads.Add(1)
}

func (c *core) update(k any, change func(any) any) {
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

// forget forgets all keys if it is given none.
func (c *core) forget(keys []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := func(e *entry) {
		e.read, e.misses, e.failure, e.retry, e.flight = time.Time{}, 0, nil, time.Time{}, nil
	}
	if len(keys) == 0 {
		for _, e := range c.entries {
			again(e)
		}
	}
	for _, k := range keys {
		if e := c.entries[k]; e != nil {
			again(e)
		}
	}
}

func (c *core) delete(keys []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if e := c.entries[k]; e != nil && e.found {
			delete(c.entries, k)
		}
	}
}

// Loads counts the answers that were taken over. What Get returns after Loads is no older than the last of them.
func (c *core) Loads() uint64 { return c.loads.Load() }

// Len is how many keys anything is known of.
func (c *core) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// at is the entry of a key, made on first use. The lock is held.
func (c *core) at(k any) *entry {
	e := c.entries[k]
	if e == nil {
		e = &entry{}
		c.entries[k] = e
	}
	return e
}

// rests reports whether a key is not to be read. The lock is held.
func (c *core) rests(e *entry, life time.Duration) bool {
	age := c.cfg.Now().Sub(e.read)
	if e.found {
		return age <= life
	}
	return e.misses > 0 && age < c.cfg.Absence.Pause(e.misses)
}

// prune drops what is too old to serve, absences that were not asked for again, and, beyond maxEntries, what was read
// longest ago. The lock is held.
func (c *core) prune(but map[any]bool) {
	now := c.cfg.Now()
	maps.DeleteFunc(c.entries, func(k any, e *entry) bool {
		if e.flight != nil || but[k] || now.Before(e.retry) {
			return false
		}
		age := now.Sub(e.read)
		return e.found && age > c.cfg.Lifetime+max(c.cfg.Stale, Stale) || !e.found && age > c.cfg.Absence.Pause(e.misses)+
			c.cfg.Absence.Longest
	})
	for len(c.entries) >= maxEntries {
		var oldest any
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

// NoteStale returns a context, and whether any cache answered under it with what is past its lifetime and is read again
// meanwhile. A caller that acts on such an answer looks again soon.
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
