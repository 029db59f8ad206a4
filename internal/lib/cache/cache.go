// Package cache holds answers by key. It decides how long an answer counts, how long a key without answer is not read
// again, and which old answers serve while they are read again. It reads by a function that it is given, once for all
// callers that need a key at the same time. It is independent of AWS and Kubernetes.
package cache

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

const (
	// ReadTimeout bounds a read, however long its callers wait.
	ReadTimeout = time.Minute
	// Retry is the pause after a failed read while an older answer serves.
	Retry = 15 * time.Second
	// Stale is how long beyond its lifetime an answer usually serves on while it is read again.
	Stale = time.Hour
	// Wait is how long a caller usually waits, in real time, for the new answer where an older one serves: most services
	// answer within it.
	Wait = 250 * time.Millisecond
	// maxEntries bounds the keys of one cache; the key that was read longest ago makes room for a new one.
	maxEntries = 1 << 16
)

// AbsencePauses are the usual pauses between reads of what does not exist: users create it, and it may never come.
var AbsencePauses = backoff.Policy{First: 10 * time.Second, Longest: 5 * time.Minute}

// Config describes a cache.
type Config struct {
	// Now is the clock of all lifetimes.
	Now func() time.Time
	// Batch bounds the keys of one read; 0 = no bound.
	Batch int
	// Apart says that a read has only keys of one call of Get. Otherwise keys without answer whose pause is over are read
	// along with others.
	Apart bool
	// Lifetime is how long an answer is believed.
	Lifetime time.Duration
	// Absence describes how long a key is left alone after reads in a row that gave no answer for it.
	Absence backoff.Policy
	// Stale is how long beyond its lifetime an answer serves on while it is read again; 0 = not at all. Absences do not
	// serve on.
	Stale time.Duration
	// Wait is how long, in real time, Get waits for the new answer where a stale one serves.
	Wait time.Duration
	// Passing reports whether a failed read may succeed later without a change of input: then the older answer serves on,
	// however old. Nil = no failure does.
	Passing func(error) bool
	// FailureLifetime is how long a failure is the answer where no older one serves; nil = the next Get reads again.
	FailureLifetime func(error) time.Duration
}

// Change and Drop are not called Update and Delete, because generic code of Kubernetes' libraries calls methods with those
// names. The linker would keep them for each type of Cache, although nothing calls most of them.

// Cache holds answers by key. It is safe for concurrent use, and holds no lock over a read. A caller waits for the keys
// that it asked for only, as long as its context lasts.
//
//	what is known of a key             | what Get returns
//	an answer within its lifetime      | the answer
//	an answer past it, by Stale at most| the new answer if it comes within Wait, else the old one, while the read goes on. The old one at
//	                                   | once while a read is under way that took longer than that, and for Retry after a failed one
//	an older answer, or none           | what read gives; if that fails for a passing reason, the older answer
//	a forgotten answer                 | what read gives; the old answer if read fails for a passing reason
//	an absence within its pause        | nothing
//	an absence past its pause          | what read gives; nothing if read fails for a passing reason
//	a failure within FailureLifetime   | the failure
//
// A failed read that does not pass is the answer until Retry is over, also where a stale answer would serve.
type Cache[K comparable, V any] struct {
	*core
}

// New makes an empty cache. read answers keys; a key without answer is missing from its result.
func New[K comparable, V any](cfg Config, read func(context.Context, []K) (map[K]V, error)) *Cache[K, V] {
	return &Cache[K, V]{newCore(cfg, func(ctx context.Context, keys []any) (map[any]any, error) {
		asked := make([]K, len(keys))
		for i, k := range keys {
			asked[i], _ = k.(K)
		}
		answers, err := read(ctx, asked)
		out := make(map[any]any, len(answers))
		for k, v := range answers {
			out[k] = v
		}
		return out, err
	})}
}

// Get returns the answers to keys. A key without an answer is missing from the result. The result belongs to the
// caller; values inside the answers are shared and must not be changed. The error is that of read, or the cause of ctx's
// end.
func (c *Cache[K, V]) Get(ctx context.Context, keys ...K) (map[K]V, error) {
	return typed[K, V](c.get(ctx, c.cfg.Lifetime, c.cfg.Stale, boxed(keys)))
}

// Each is Get with an error for each key that cannot be read: the other keys have their answers. err is the cause of
// ctx's end, or a failure within FailureLifetime.
func (c *Cache[K, V]) Each(ctx context.Context, keys ...K) (found map[K]V, failed map[K]error, err error) {
	answers, errs, err := c.each(ctx, c.cfg.Lifetime, c.cfg.Stale, boxed(keys))
	if err != nil {
		return nil, nil, err
	}
	found, err = typed[K, V](answers, nil)
	failed = make(map[K]error, len(errs))
	for k, why := range errs {
		key, _ := k.(K)
		failed[key] = why
	}
	return found, failed, err
}

// Within is Get for answers that are no older than age, whatever their lifetime. Older ones do not serve, unless
// reading fails for a passing reason.
func (c *Cache[K, V]) Within(ctx context.Context, age time.Duration, keys ...K) (map[K]V, error) {
	return typed[K, V](c.get(ctx, age, 0, boxed(keys)))
}

// Peek returns the known answer of a key, however old; found is false if there is none. It reads nothing.
func (c *Cache[K, V]) Peek(k K) (v V, found bool) {
	known, found := c.peek(k)
	v, _ = known.(V)
	return v, found
}

// Fresh returns the answer of a key that is within its lifetime, which may be that there is none (found is false).
// fresh is false if Get would read the key. It makes no maps, which Get does for all keys.
func (c *Cache[K, V]) Fresh(k K) (v V, found, fresh bool) {
	known, found, fresh := c.fresh(k)
	v, _ = known.(V)
	return v, found, fresh
}

// Put takes over an answer that was learned otherwise, as by a write. A read under way does not replace it.
func (c *Cache[K, V]) Put(k K, v V) { c.put(k, v) }

// Change puts another answer in the place of one that is known; it is as old as before. A read under way does not
// replace it: when that is over, the next Get reads again.
func (c *Cache[K, V]) Change(k K, to V) { c.change(k, to) }

// Failure returns why the newest read of a key failed; nil if it did not.
func (c *Cache[K, V]) Failure(k K) error { return c.failure(k) }

// Forget makes the next Get read keys again, also keys that are being read; no key means all keys. The old answer is
// used only if that read fails for a temporary reason.
func (c *Cache[K, V]) Forget(keys ...K) { c.forget(boxed(keys)) }

// Drop drops answers, also those that are being read again. Absences stay.
func (c *Cache[K, V]) Drop(keys ...K) { c.drop(boxed(keys)) }

// Refresh begins to read a key, unless its answer is within its lifetime, a read of it is under way, or one has just
// failed. done is closed when the read ends, and nil if none was begun.
func (c *Cache[K, V]) Refresh(ctx context.Context, k K) (done <-chan struct{}) {
	return c.refresh(ctx, k)
}

func boxed[K comparable](keys []K) []any {
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out
}

// typed gives keys and answers their types back.
func typed[K comparable, V any](answers map[any]any, err error) (map[K]V, error) {
	if err != nil {
		return nil, err
	}
	out := make(map[K]V, len(answers))
	for k, v := range answers {
		key, _ := k.(K)
		out[key], _ = v.(V)
	}
	return out, nil
}

// Value is a Cache of one answer, which is always there. Its key is the empty string.
type Value[V any] struct {
	*core
}

// NewValue makes a Value that is not known. Of cfg, Batch and Absence are not used.
func NewValue[V any](cfg Config, read func(context.Context) (V, error)) *Value[V] {
	return &Value[V]{newCore(cfg, func(ctx context.Context, _ []any) (map[any]any, error) {
		v, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return map[any]any{"": v}, nil
	})}
}

// Get returns the answer, as Cache.Get does.
func (v *Value[V]) Get(ctx context.Context) (V, error) {
	return answered[V](v.one(ctx, v.cfg.Lifetime, v.cfg.Stale))
}

// Within returns an answer that is no older than age, as Cache.Within does.
func (v *Value[V]) Within(ctx context.Context, age time.Duration) (V, error) {
	return answered[V](v.one(ctx, age, 0))
}

// Peek returns what is known, however old; found is false if nothing is. It reads nothing.
func (v *Value[V]) Peek() (value V, found bool) {
	known, found := v.peek("")
	value, _ = known.(V)
	return value, found
}

// Failure returns why the newest read failed; nil if it did not.
func (v *Value[V]) Failure() error { return v.failure("") }

// Put takes over an answer that was learned otherwise. A read under way does not replace it.
func (v *Value[V]) Put(value V) { v.put("", value) }

// Forget has the next Get read the answer again, whether or not it is being read. What was known serves only if that
// fails for a passing reason.
func (v *Value[V]) Forget() { v.forget(nil) }

// one is get of the key of a Value.
func (c *core) one(ctx context.Context, age, stale time.Duration) (any, error) {
	got, err := c.get(ctx, age, stale, []any{""})
	return got[""], err
}

// answered gives an answer its type back.
func answered[V any](answer any, err error) (V, error) {
	v, _ := answer.(V)
	return v, err
}

// One makes the read of a cache with Batch 1 of a function that reads one key; ok is false if there is no answer.
func One[K comparable, V any](read func(ctx context.Context, k K) (v V, ok bool, err error)) func(context.Context,
	[]K) (map[K]V, error) {
	return func(ctx context.Context, keys []K) (map[K]V, error) {
		out := map[K]V{}
		for _, k := range keys {
			v, ok, err := read(ctx, k)
			if err != nil {
				return nil, err
			}
			if ok {
				out[k] = v
			}
		}
		return out, nil
	}
}
