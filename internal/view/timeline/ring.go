package timeline

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// unitBytes bounds the entries of one load balancer or binding, and allBytes those of all.
	unitBytes = 8 << 10
	allBytes  = 1 << 20
	// longest is for how long an entry is kept.
	longest = 7 * 24 * time.Hour
	// mostText bounds one text, and mostSteps the steps of a plan; namespaces take turns.
	mostText  = 300
	mostSteps = 20
	// overhead is about what an entry needs in addition to its texts.
	overhead = 96
	// lookBack is among how many of the latest entries one that repeats is looked for: a failed plan has calls between it
	// and its repetition.
	lookBack = 8
)

// LeaderUnit is the unit of what concerns all load balancers: changes of leaders and holds.
const LeaderUnit = "leader"

// Weight is how an entry is kept.
type Weight int

// The weights of entries.
const (
	// Repeated entries change nothing: one that says the same as a recent one is counted there.
	Repeated Weight = iota
	// Normal entries are written with what else is written.
	Normal
	// Urgent entries are worth a write of their own.
	Urgent
)

// Record is what is kept of a unit.
type Record struct {
	// From is since when the record has everything, if there was no room for all that happened before. That of LeaderUnit
	// is when the record of a unit without one begins.
	From time.Time `json:"from,omitzero"`
	// Lost are the times of the last entries of namespaces for which there was no room. Only namespaces that have entries
	// are among them.
	Lost    map[string]time.Time `json:"lost,omitempty"` // it is never changed in place
	Entries []Entry              `json:"entries"`        // in the order in which they were added
}

// Ring has the latest entries by unit: the key of a stack or binding. It is safe for concurrent use. A nil Ring keeps
// nothing.
type Ring struct {
	Now func() time.Time
	// Changed is called with the record of a unit when it has changed, without entries if none are left; it must not wait.
	// nil = nothing is called.
	Changed func(unit string, r Record, w Weight)
	// Tenant names the tenant of a unit; nil = all units have the same one. It must not wait.
	Tenant func(unit string) string

	mu    sync.Mutex
	units map[string]Record // entries are never changed in place
	later map[string]later  // see RestoreLater
	size  int
}

// later is the record of an earlier process that was not needed yet.
type later struct {
	bytes int
	read  func() Record
}

// Add adds an entry.
func (r *Ring) Add(unit string, e Entry, w Weight) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e = bounded(e)
	if e.Time.IsZero() {
		e.Time = r.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	rec := r.record(unit)
	if n := recent(rec.Entries, e); w == Repeated && n >= 0 {
		rec.Entries = slices.Clone(rec.Entries)
		rec.Entries[n] = rec.Entries[n].again(e)
	} else {
		rec.Entries = append(slices.Clip(rec.Entries), e)
	}
	r.put(unit, rec, w)
	r.shrink()
}

// recent is the place of the entry among the latest that says the same; -1 = there is none.
func recent(all []Entry, e Entry) int {
	for n := len(all) - 1; n >= max(0, len(all)-lookBack); n-- {
		if all[n].Same(e) {
			return n
		}
	}
	return -1
}

// Has reports whether a unit has an entry that says the same, and is not older.
func (r *Ring) Has(unit string, e Entry, age time.Duration) bool {
	if r == nil {
		return false
	}
	e = bounded(e)
	from := r.Now().Add(-age)
	return slices.ContainsFunc(r.Of(unit).Entries, func(o Entry) bool { return e.Same(o) && !o.Last().Before(from) })
}

// Knows reports whether a unit has an entry of that time, or had no room for it.
func (r *Ring) Knows(unit string, e Entry) bool {
	e = bounded(e)
	rec := r.Of(unit)
	lost := rec.Lost[e.Namespace]
	if len(rec.Lost) == 0 { // an earlier version wrote it
		lost = rec.From
	}
	return !e.Time.After(lost) || slices.ContainsFunc(rec.Entries, func(o Entry) bool {
		return e.Same(o) &&
			o.Time.Equal(e.Time)
	})
}

// shrink drops the records of units while there are too many entries in all. The lock is held.
func (r *Ring) shrink() {
	for r.size > allBytes && r.dropOldest() {
	}
}

// put replaces the record of a unit, cut to its bounds. The caller holds the lock.
func (r *Ring) put(unit string, rec Record, w Weight) {
	from := r.Now().Add(-longest)
	for len(rec.Entries) > 0 && rec.Entries[0].Last().Before(from) {
		rec.Entries = rec.Entries[1:]
	}
	size := sizeOf(rec.Entries)
	for ; size > unitBytes; size = sizeOf(rec.Entries) {
		rec = rec.withoutOldest()
	}
	if r.units == nil {
		r.units = map[string]Record{}
	}
	r.size += size - sizeOf(r.units[unit].Entries)
	if r.units[unit] = rec; len(rec.Entries) == 0 {
		delete(r.units, unit)
	}
	if r.Changed != nil {
		r.Changed(unit, rec, w)
	}
}

// withoutOldest is the record without one of its entries: of the namespace whose entries take most, the oldest one.
func (r Record) withoutOldest() Record {
	bytes := map[string]int{}
	for i := range r.Entries {
		bytes[r.Entries[i].Namespace] += r.Entries[i].size()
	}
	drop := 0
	for i := range r.Entries {
		if bytes[r.Entries[i].Namespace] > bytes[r.Entries[drop].Namespace] {
			drop = i
		}
	}
	gone := r.Entries[drop]
	r.From, r.Entries = latest(r.From, gone.Last()), slices.Delete(slices.Clone(r.Entries), drop, drop+1)
	lost := map[string]time.Time{}
	for _, e := range r.Entries {
		if at, ok := r.Lost[e.Namespace]; ok {
			lost[e.Namespace] = at
		}
		if e.Namespace == gone.Namespace {
			lost[e.Namespace] = latest(r.Lost[e.Namespace], gone.Last())
		}
	}
	r.Lost = lost
	return r
}

// dropOldest drops a record, and reports whether there was one: of the tenant whose records take most, that of the unit
// in which the longest time nothing happened. So no tenant has the records of others dropped. The lock is held.
func (r *Ring) dropOldest() bool {
	for unit := range r.later {
		r.record(unit)
	}
	if r.size <= allBytes {
		return false
	}
	whose, bytes := map[string]string{}, map[string]int{}
	for unit, rec := range r.units {
		if unit != LeaderUnit {
			if r.Tenant != nil {
				whose[unit] = r.Tenant(unit)
			}
			bytes[whose[unit]] += sizeOf(rec.Entries)
		}
	}
	oldest, at := "", time.Time{}
	for unit, rec := range r.units {
		t := rec.Entries[len(rec.Entries)-1].Last()
		if unit != LeaderUnit && (oldest == "" || cmp.Or(cmp.Compare(bytes[whose[unit]], bytes[whose[oldest]]),
			at.Compare(t)) > 0) {
			oldest, at = unit, t
		}
	}
	if oldest == "" {
		return false
	}
	r.put(oldest, Record{}, Normal)
	if rec, ok := r.units[LeaderUnit]; ok {
		rec.From = latest(rec.From, at)
		r.put(LeaderUnit, rec, Normal)
	}
	return true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// RestoreLater adds the record, of some size, that an earlier process has left of a unit before what this one has. The
// record is read when it is needed.
func (r *Ring) RestoreLater(unit string, bytes int, read func() Record) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, begun := r.units[unit]; begun {
		r.restore(unit, read())
		r.shrink()
		return
	}
	if r.later == nil {
		r.later = map[string]later{}
	}
	r.later[unit] = later{bytes, read}
	r.size += bytes
	r.shrink()
}

// restore adds a record before the one of this process. The lock is held.
func (r *Ring) restore(unit string, before Record) {
	if len(before.Entries) == 0 {
		return
	}
	rec := r.units[unit]
	rec.From, rec.Entries = latest(before.From, rec.From), append(slices.Clip(before.Entries), rec.Entries...)
	lost := map[string]time.Time{}
	maps.Copy(lost, before.Lost)
	maps.Copy(lost, rec.Lost)
	rec.Lost = lost
	r.put(unit, rec, Normal)
}

// Of returns the record of a unit.
func (r *Ring) Of(unit string) Record {
	if r == nil {
		return Record{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record(unit)
}

// record is the record of a unit. The lock is held.
func (r *Ring) record(unit string) Record {
	if l, ok := r.later[unit]; ok {
		delete(r.later, unit)
		r.size -= l.bytes
		r.restore(unit, l.read())
	}
	return r.units[unit]
}

func sizeOf(all []Entry) (n int) {
	for i := range all {
		n += all[i].size()
	}
	return n
}

func (e *Entry) size() int {
	n := overhead + len(e.Namespace) + len(e.Object) + len(e.By) + len(e.Text) + len(e.RequestID)
	for _, s := range e.Steps {
		n += len(s) + 3
	}
	return n
}

// bounded is an entry with texts of bounded length.
func bounded(e Entry) Entry {
	e.Text, e.Object, e.By, e.RequestID = short(e.Text), short(e.Object), short(e.By), short(e.RequestID)
	for i, s := range e.Steps {
		if short(s) != s {
			e.Steps = slices.Clone(e.Steps)
			e.Steps[i] = short(s)
		}
	}
	return e
}
