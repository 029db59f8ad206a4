package orphan

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Seen is for how long a stack has been seen without an owner.
type Seen struct {
	Since   time.Time     `json:"since"`   // of the first look that found it
	Watched time.Duration `json:"watched"` // the time between looks in a row that found it: while no process looks, it does not grow
	IDs     []string      `json:"ids"`     // of its resources, sorted
	Looks   int           `json:"looks"`   // that found it, in a row
}

// same reports whether a look has found what the last one had, or less: what is new has a quarantine of its own.
func (s Seen) same(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(s.IDs, id) })
}

// Quarantine keeps what looks in a row have found. The zero value has found nothing.
type Quarantine struct {
	seen map[stack.Key]Seen
	last time.Time // the last look that counts
}

// confirming is how many looks in a row must find an orphan before it is reported: one that is just being made or deleted may look like one.
const confirming = 2

// longestGap is the longest time between two looks that counts: what happened between them is not known.
const longestGap = 2 * time.Minute

// Restore enters what an earlier process has seen, unless this one has seen the stack by itself.
func (q *Quarantine) Restore(key stack.Key, s Seen) {
	if q.seen == nil {
		q.seen = map[stack.Key]Seen{}
	}
	if _, known := q.seen[key]; !known && s.Watched >= 0 {
		s.Looks = 0 // two looks of this process confirm it
		q.seen[key] = s
	}
}

// Look enters what a look has found. A stack that it did not find begins from zero, if it is ever found again.
func (q *Quarantine) Look(now time.Time, found []Orphan) {
	gap := now.Sub(q.last)
	if q.last.IsZero() || gap < 0 || gap > longestGap {
		gap = 0
	}
	q.last = now
	next := make(map[stack.Key]Seen, len(found))
	for _, o := range found {
		ids := make([]string, 0, len(o.Resources))
		for _, r := range o.Resources {
			ids = append(ids, r.ID)
		}
		slices.Sort(ids)
		s, known := q.seen[o.Key]
		if !known || !s.same(ids) {
			s = Seen{Since: now}
		}
		if s.Looks > 0 {
			s.Watched += gap
		}
		s.IDs, s.Looks = ids, s.Looks+1
		next[o.Key] = s
	}
	q.seen = next
}

// Skip notes that a look saw nothing that counts: no time passes until the next one.
func (q *Quarantine) Skip() { q.last = time.Time{} }

// Seen is what is known of a stack; confirmed reports whether enough looks in a row have found it.
func (q *Quarantine) Seen(key stack.Key) (s Seen, confirmed bool) {
	s = q.seen[key]
	return s, s.Looks >= confirming
}

// Due reports whether a stack has been watched for a time.
func (q *Quarantine) Due(key stack.Key, after time.Duration) bool {
	s, confirmed := q.Seen(key)
	return confirmed && after > 0 && s.Watched >= after
}

// ParseSeen parses an entry of a checkpoint: the text of a key, and the JSON of what was seen.
func ParseSeen(name string, text []byte) (key stack.Key, s Seen, ok bool) {
	key, err := stack.ParseKey(name)
	ok = err == nil && json.Unmarshal(text, &s) == nil
	return key, s, ok
}
