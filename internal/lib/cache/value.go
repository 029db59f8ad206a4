package cache

import (
	"context"
	"time"
)

// Value is a Cache of one answer, which is always there. Its key is the empty string.
type Value[V any] struct {
	of *Cache[string, V]
}

// NewValue makes a Value that is not known. Of cfg, Batch and Absence are not used.
func NewValue[V any](cfg Config, read func(context.Context) (V, error)) *Value[V] {
	return &Value[V]{New(cfg, func(ctx context.Context, _ []string) (map[string]V, error) {
		v, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return map[string]V{"": v}, nil
	})}
}

// Get returns the answer, as Cache.Get does.
func (v *Value[V]) Get(ctx context.Context) (V, error) {
	got, err := v.of.Get(ctx, "")
	return got[""], err
}

// Within returns an answer that is no older than age, as Cache.Within does.
func (v *Value[V]) Within(ctx context.Context, age time.Duration) (V, error) {
	got, err := v.of.Within(ctx, age, "")
	return got[""], err
}

// Peek returns what is known, however old; found is false if nothing is. It reads nothing.
func (v *Value[V]) Peek() (value V, found bool) { return v.of.Peek("") }

// Failure returns why the newest read failed; nil if it did not.
func (v *Value[V]) Failure() error { return v.of.Failure("") }

// Put takes over an answer that was learned otherwise. A read under way does not replace it.
func (v *Value[V]) Put(value V) { v.of.Put("", value) }

// Loads counts the answers that were taken over, as Cache.Loads does.
func (v *Value[V]) Loads() uint64 { return v.of.Loads() }

// Forget has the next Get read the answer again, whether or not it is being read. What was known serves only if that
// fails for a passing reason.
func (v *Value[V]) Forget() { v.of.Forget() }

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
