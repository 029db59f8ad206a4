package cache

import (
	"context"
	"time"
)

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
