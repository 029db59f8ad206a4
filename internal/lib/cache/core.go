package cache

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// core is a Cache of keys and answers of any type, so that it is compiled once for all Caches.
type core struct {
	cfg  Config
	read func(context.Context, []any) (map[any]any, error)

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
	// changed is set by Change while a read is under way, whose answer then is not taken over.
	changed bool
	flight  *flight // the read under way; nil: none
	// failure ended the newest read, unless it has succeeded; the next one may begin at retry.
	failure error
	retry   time.Time
}

// flight is one read. answers and err may be looked at when done is closed. late is guarded by the cache's lock: a
// caller that was served an older answer has waited for Wait.
type flight struct {
	keys    []any
	done    chan struct{}
	answers map[any]any
	err     error
	late    bool
}

func newCore(cfg Config, read func(context.Context, []any) (map[any]any, error)) *core {
	if cfg.Passing == nil {
		cfg.Passing = func(error) bool { return false }
	}
	return &core{cfg: cfg, read: read, entries: map[any]*entry{}}
}

func (c *core) get(ctx context.Context, age, stale time.Duration, keys []any) (map[any]any, error) {
	out, failed, err := c.each(ctx, age, stale, keys)
	for _, k := range keys {
		err = cmp.Or(err, failed[k])
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// each is get with an error for each key.
func (c *core) each(ctx context.Context, age, stale time.Duration, keys []any) (out map[any]any, failed map[any]error,
	err error) {
	must, behind, err := c.begin(ctx, age, stale, keys)
	if err != nil {
		return nil, nil, err
	}
	unread := map[any]error{} // also keys of other callers
	for _, f := range must {
		select {
		case <-f.done:
			for _, k := range f.keys {
				if f.err != nil && !c.servesAfter(k, f.err) {
					unread[k] = f.err
				}
			}
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	if err := c.await(ctx, behind); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out, failed = map[any]any{}, map[any]error{}
	for _, k := range keys {
		v, found, err := c.answer(ctx, k, age, must)
		switch err = cmp.Or(unread[k], err); {
		case err != nil:
			failed[k] = err
		case found:
			out[k] = v
		}
	}
	return out, failed, nil
}

// answer is the answer to a key after some reads. The lock is held.
func (c *core) answer(ctx context.Context, k any, age time.Duration, read []*flight) (v any, found bool, err error) {
	for _, f := range read { // what has just been read counts even if it was forgotten meanwhile
		if v, ok := f.answers[k]; ok {
			return v, true, nil
		}
	}
	e := c.entries[k]
	if e == nil || !e.found {
		return nil, false, nil
	}
	if c.cfg.Now().Sub(e.read) > age {
		if e.failure != nil && c.cfg.Now().Before(e.retry) && !c.cfg.Passing(e.failure) {
			return nil, false, e.failure
		}
		MarkStale(ctx)
	}
	return e.value, true, nil
}

// servesAfter reports whether what is known of a key, an absence included, serves on although reading failed.
func (c *core) servesAfter(k any, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	return c.cfg.Passing(err) && e != nil && (e.found || e.misses > 0)
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

func (c *core) change(k, to any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil {
		return
	}
	e.changed = e.flight != nil
	if e.found {
		e.value = to
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

func (c *core) drop(keys []any) {
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

// Len returns how many keys anything is known of.
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
