// Package order says how new something is: a cache gives each event the next mark, and whether what was read is new
// enough is a comparison of marks. It imports the standard library only.
package order

import "time"

// Mark is a point in a History: the number of its newest event, and the time. What is read from a mark on shows all
// events up to it, such as writes and invalidations, as far as the API's reads do not lag. The zero Mark is before all
// events.
type Mark struct {
	N  int64
	At time.Time
}

// Covers reports whether what was read from a mark on is as new as needed. At the zero Mark, nothing was read.
func (m Mark) Covers(need Mark) bool { return m.N > 0 && m.N >= need.N && !m.At.Before(need.At) }

// History gives out marks. It is not safe for concurrent use: the lock of the cache guards it.
type History struct {
	n   int64
	now func() time.Time
}

// New makes a History by a clock.
func New(now func() time.Time) History { return History{1, now} }

// Now returns the present mark, that of a read that begins.
func (h *History) Now() Mark { return Mark{h.n, h.now()} }

// Next returns the mark of an event.
func (h *History) Next() Mark {
	h.n++
	return h.Now()
}
