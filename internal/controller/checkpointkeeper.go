package controller

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/checkpoint"
)

const (
	// checkpointPause is how often what changed is written: a ConfigMap at most once in that time.
	checkpointPause = 5 * time.Second
	// checkpointPatience is how long the first passes wait for what earlier processes left.
	checkpointPatience = 10 * time.Second
	// targetsPatience is how long targets wait for it.
	targetsPatience = time.Second
	// lastPasses is how long the end waits for passes under way, and lastWrite for the last write.
	lastPasses = 10 * time.Second
	lastWrite  = 5 * time.Second
)

// checkpointPauses are those between writes: the first one while writes succeed, longer ones after failures in a row.
var checkpointPauses = backoff.Policy{First: checkpointPause, Longest: 5 * time.Minute}

// checkpoints gives passes what earlier processes left, and keeps what they leave for the next one. Nil keeps nothing.
type checkpoints struct {
	store   *checkpoint.Store
	restore func(checkpoint.Kept)
	log     logr.Logger
	ready   chan struct{} // closed once restore was called, or there is nothing to wait for
	// registered is what is registered in target groups; nil = nothing is known. It is asked once, at the end: it changes with each pod, and a
	// process that did not end well may have changed it since.
	registered func() map[string]any
	passes     sync.RWMutex // held for reading by each pass, and for writing by the last write
}

func newCheckpoints(store *checkpoint.Store, restore func(checkpoint.Kept), log logr.Logger) *checkpoints {
	return &checkpoints{store: store, restore: restore, log: log, ready: make(chan struct{})}
}

// begin waits until what earlier processes left is known, and counts a pass until end is called: the last write waits for it.
func (c *checkpoints) begin(ctx context.Context) (end func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.passes.RLock()
	return c.passes.RUnlock, nil
}

// beginSoon is begin for passes that wait a moment only: without what earlier processes left, they read.
func (c *checkpoints) beginSoon(ctx context.Context) (end func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(targetsPatience):
	}
	c.passes.RLock()
	return c.passes.RUnlock, nil
}

// keep replaces an entry.
func (c *checkpoints) keep(kind checkpoint.Kind, name string, value any) {
	if c != nil {
		c.store.Put(checkpoint.ID{Kind: kind, Name: name}, value)
	}
}

// drop removes an entry.
func (c *checkpoints) drop(kind checkpoint.Kind, name string) {
	if c != nil {
		c.store.Delete(checkpoint.ID{Kind: kind, Name: name})
	}
}

// flush writes what changed at once, for what must be kept before something else happens.
func (c *checkpoints) flush(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.store.Flush(ctx)
}

// Start reads what is kept and then writes until ctx ends; it implements manager.Runnable, and runs on the leader only. The Lease is
// released after it has returned.
func (c *checkpoints) Start(ctx context.Context) error {
	isOpen := c.restoreNow(ctx)
	failures := 0
	told := ""
	for c.store.Enabled() {
		select {
		case <-ctx.Done():
			c.end(ctx)
			return nil
		case <-time.After(checkpointPauses.Pause(failures + 1)):
		}
		if !isOpen {
			isOpen = c.open(ctx)
		}
		err := c.store.Flush(ctx)
		if err == nil && isOpen {
			failures, told = 0, ""
			continue
		}
		failures++
		if err != nil && ctx.Err() == nil && told != err.Error() {
			told = err.Error()
			c.log.Info("writing checkpoints failed; it is tried again", "cause", told)
		}
	}
	<-ctx.Done()
	return nil
}

// restoreNow reads what earlier processes left, once, and lets passes begin.
func (c *checkpoints) restoreNow(ctx context.Context) (ok bool) {
	defer close(c.ready)
	return c.open(ctx)
}

// open reads what earlier processes left and hands it out, as long as someone waits for it.
func (c *checkpoints) open(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkpointPatience)
	defer cancel()
	begun := time.Now()
	kept, err := c.store.Open(ctx)
	if err != nil {
		if ctx.Err() == nil && c.store.Enabled() {
			c.log.Info("checkpoints cannot be read; each load balancer is read from AWS", "cause", err.Error())
		}
		return false
	}
	select {
	case <-c.ready: // passes did not wait for it
		return true
	default:
	}
	c.log.Info("read checkpoints", "entries", len(kept.Entries), "damaged", kept.Damaged, "complete", kept.Clean, "written", kept.At, "took", time.Since(begun).String())
	c.restore(kept)
	return true
}

// end writes what the last passes left.
func (c *checkpoints) end(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		c.passes.Lock()
		defer c.passes.Unlock()
		close(done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPasses+lastWrite)
	defer cancel()
	select {
	case <-done:
	case <-time.After(lastPasses): // the next leader learns that something may be missing
		if err := c.store.Flush(ctx); err != nil {
			c.log.Info("the last write of checkpoints failed", "cause", err.Error())
		}
		return
	}
	if c.registered != nil {
		c.store.Replace(checkpoint.Targets, c.registered())
	}
	if err := c.store.Close(ctx); err != nil {
		c.log.Info("the last write of checkpoints failed; the next start reads more from AWS", "cause", err.Error())
	}
}
