package inventory

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
)

// behind is the state of reads behind an answer that serves on meanwhile. It is guarded by Inventory.mu.
type behind struct {
	reading int       // callers whose read is under way
	late    bool      // it has outlasted somebody's wait
	retry   time.Time // after a failure, when to read again
	err     error     // of that failure, if it does not pass by itself; until retry it is the answer
}

// failed takes note of a read that failed. The lock is held.
func (b *behind) failed(err error, now time.Time) {
	b.retry, b.err = now.Add(staleRetry), nil
	if !cloud.Passing(err) {
		b.err = err
	}
}

// serves reports whether an answer that was read at a time serves on while it is read again. One that was forgotten does not.
func serves(at time.Time, life time.Duration, now time.Time) bool {
	return !at.IsZero() && now.Sub(at) <= life+staleLifetime
}

// serveOn returns what read gives if that comes within wait, else the old answer, while the read goes on. While a read is under way that
// has outlasted somebody's wait, and for staleRetry after one has failed, the old answer is there at once: AWS not answering one
// question holds up nobody for longer than a moment, and few even for that. read shares what several callers read at the same time.
func serveOn[T any](ctx context.Context, i *Inventory, b *behind, old T, wait time.Duration, read func(context.Context) (T, error)) (T, error) {
	i.mu.Lock()
	rests := i.cfg.Now().Before(b.retry)
	if b.reading > 0 && b.late || rests {
		defer i.mu.Unlock()
		if rests && b.err != nil {
			return old, b.err
		}
		cache.MarkStale(ctx)
		return old, nil
	}
	if b.reading == 0 {
		b.late = false
	}
	b.reading++
	i.mu.Unlock()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := read(context.WithoutCancel(ctx))
		i.mu.Lock()
		b.reading--
		i.mu.Unlock()
		done <- result{v, err}
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-done:
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.cfg.Now().Before(b.retry) { // it has failed
			cache.MarkStale(ctx)
		}
		if r.err != nil && cloud.Passing(r.err) {
			return old, nil
		}
		return r.value, r.err
	case <-timer.C:
		i.mu.Lock()
		defer i.mu.Unlock()
		b.late = b.reading > 0
		cache.MarkStale(ctx)
		return old, nil
	case <-ctx.Done():
		return old, ctx.Err()
	}
}
