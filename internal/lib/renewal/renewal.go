// Package renewal says when a certificate should have been renewed.
package renewal

import "time"

// Share is the part of its lifetime, as a divisor, in which a certificate is overdue: who renews certificates does so
// before the last quarter.
const Share = 4

// Late returns from when on a certificate is overdue: when it expires within limit and within a share of its lifetime,
// such as the last quarter for a share of 4. Without a known beginning only limit counts. A certificate without an end
// is never overdue: the result is the zero time.
func Late(from, until time.Time, share int64, limit time.Duration) time.Time {
	if until.IsZero() {
		return time.Time{}
	}
	if !from.IsZero() && from.Before(until) {
		limit = min(limit, until.Sub(from)/time.Duration(share))
	}
	return until.Add(-limit)
}
