package awsclient

import (
	"context"
	"math"
)

// meters are the buckets by which AWS meters an operation: that of its family, and, if the service has one, that of
// all its calls.
type meters struct {
	family *bucket
	shared *bucket // nil = the service has none
}

// meters returns the buckets of an operation.
func (l *Limiter) meters(service, operation string) meters {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := meters{family: l.bucketOf(familyOf(service, operation))}
	if f, ok := sharedFamilies[service]; ok {
		m.shared = l.bucketOf(f)
	}
	return m
}

// bucketOf returns the bucket of a family. The caller holds the lock.
func (l *Limiter) bucketOf(f apiFamily) *bucket {
	b := l.families[f.name]
	if b == nil {
		b = newBucket(l.clock, math.Inf(1), f.burst)
		b.floor = f.rate
		l.families[f.name] = b
	}
	return b
}

// take waits for a token of each bucket. The scarcer bucket comes first, so that a waiting call holds no token that
// others could use.
func (m meters) take(ctx context.Context, rank int) error {
	if err := m.family.take(ctx, rank); err != nil {
		return err
	}
	if m.shared == nil {
		return nil
	}
	err := m.shared.take(ctx, rank)
	if err != nil {
		m.family.ended(false)
	}
	return err
}

// ended is called at the end of each call that has taken its tokens.
func (m meters) ended(succeeded bool) {
	m.family.ended(succeeded)
	if m.shared != nil {
		m.shared.ended(succeeded)
	}
}

func (m meters) succeeded() {
	m.family.succeeded()
	if m.shared != nil {
		m.shared.succeeded()
	}
}

// throttled slows down the bucket that caused a refusal. AWS does not say which one it was: it is the shared bucket
// if calls of all families together exceed its published rate; it is the family's bucket if its own calls do, or if
// nothing explains the refusal.
func (m meters) throttled() {
	shared := m.shared != nil && m.shared.exceeds()
	family := !shared || m.family.exceeds()
	if shared {
		m.shared.throttled()
	}
	if family {
		m.family.throttled()
	}
}
