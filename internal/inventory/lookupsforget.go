package inventory

import (
	"slices"
	"time"
)

// put takes over an answer that was read for another reason.
func (l *lookups[K, V]) put(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[k]
	if e == nil {
		e = &lookup[K, V]{}
		l.entries[k] = e
	}
	e.value, e.found, e.read, e.misses = v, true, l.now(), 0
}

// forget has the next caller read keys again, whatever is known of them and whether or not they are being read; no key stands for all.
// What was known serves only if reading fails for a passing reason.
func (l *lookups[K, V]) forget(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, e := range l.entries {
		if len(keys) > 0 && !slices.Contains(keys, k) {
			continue
		}
		e.read, e.misses, e.retry, e.flight = time.Time{}, 0, time.Time{}, nil
	}
}

// drop forgets answers, not absences.
func (l *lookups[K, V]) drop(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		if e := l.entries[k]; e != nil && e.found && e.flight == nil {
			delete(l.entries, k)
		}
	}
}
