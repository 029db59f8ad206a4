package cache

import (
	"cmp"
	"context"
	"slices"
	"time"
)

func (c *core) refresh(ctx context.Context, k any) (done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[k]; e != nil && (e.flight != nil || c.rests(e, c.cfg.Lifetime) || c.cfg.Now().Before(e.retry)) {
		return nil
	}
	c.prune(map[any]bool{k: true})
	return c.start(ctx, []any{k}).done
}

// begin starts the reads that keys need, and returns them with those that are under way: those that must be waited for,
// and those of answers that serve on. A key without answer whose pause is over is read along with them, so that many of
// them cost few reads.
func (c *core) begin(ctx context.Context, age, stale time.Duration, keys []any) (must, behind []*flight,
	err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	var due, old []any
	asked := map[any]bool{}
	for _, k := range keys {
		if asked[k] {
			continue
		}
		asked[k] = true
		e := c.entries[k]
		serves := e != nil && e.found && stale > 0 && now.Sub(e.read) <= age+stale
		switch {
		case e != nil && c.rests(e, age):
		case e != nil && e.flight != nil && serves:
			if !e.flight.late {
				behind = append(behind, e.flight)
			}
		case e != nil && e.flight != nil:
			must = append(must, e.flight)
		case serves && now.Before(e.retry):
		case serves:
			old = append(old, k)
		case e != nil && e.failure != nil && c.cfg.FailureLifetime != nil && now.Before(e.retry):
			return nil, nil, e.failure
		default:
			due = append(due, k)
		}
	}
	if len(due)+len(old) > 0 {
		c.prune(asked)
	}
	for _, some := range c.batches(old) {
		behind = append(behind, c.start(ctx, some))
	}
	if len(due) == 0 {
		return must, behind, nil
	}
	for _, some := range c.batches(c.filled(due, age, asked)) {
		must = append(must, c.start(ctx, some))
	}
	return must, behind, nil
}

// filled adds to keys that are due those without answer whose pause is over, as many as make the last batch full,
// unless reads are apart. The lock is held.
func (c *core) filled(due []any, age time.Duration, asked map[any]bool) []any {
	if c.cfg.Apart {
		return due
	}
	for k, e := range c.entries {
		if c.cfg.Batch == 0 || len(due)%c.cfg.Batch == 0 {
			break
		}
		if e.flight == nil && e.misses > 0 && !c.rests(e, age) && !asked[k] {
			due = append(due, k)
		}
	}
	return due
}

func (c *core) batches(keys []any) [][]any {
	return slices.Collect(slices.Chunk(keys, cmp.Or(c.cfg.Batch, max(len(keys), 1))))
}

// start reads keys in the background, for longer than a caller that gives up. The lock is held.
func (c *core) start(ctx context.Context, keys []any) *flight {
	f := &flight{keys: keys, done: make(chan struct{})}
	for _, k := range keys {
		e := c.at(k)
		e.flight, e.changed = f, false
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReadTimeout)
		defer cancel()
		if f.answers, f.err = c.read(ctx, keys); f.err != nil {
			f.answers = nil // what came before the failure is not complete
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, k := range keys {
			c.end(k, f)
		}
		close(f.done)
	}()
	return f
}

// end takes over the end of a read, unless the key was forgotten or written meanwhile. The lock is held.
func (c *core) end(k any, f *flight) {
	e := c.entries[k]
	if e == nil || e.flight != f {
		return
	}
	now := c.cfg.Now()
	e.flight = nil
	if f.err != nil {
		keep := Retry
		if c.cfg.FailureLifetime != nil {
			keep = c.cfg.FailureLifetime(f.err)
		}
		if keep > 0 {
			e.failure, e.retry = f.err, now.Add(keep)
		}
		if e.read.IsZero() && !e.found && (c.cfg.FailureLifetime == nil || e.failure == nil) {
			delete(c.entries, k)
		}
		return
	}
	e.failure, e.retry = nil, time.Time{}
	if e.changed {
		return
	}
	e.read = now
	e.value, e.found = f.answers[k]
	c.loads.Add(1)
	if e.misses++; e.found {
		e.misses = 0
	}
}
