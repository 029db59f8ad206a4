package checkpoint

import (
	"math"
	"time"
)

// laterInterval is how long a value of PutLater waits at most: what a leader has recorded is in a ConfigMap a minute
// later, even if nothing else is written.
const laterInterval = time.Minute

// mostWithOthers is how many values of PutLater are written with others before laterInterval. An edit of any size
// writes one piece of the journal.
const mostWithOthers = 16

// PutLater is Put of an entry that is not worth a write of its own: it is written with the next change of another
// entry, by Close, and after laterInterval with all others that wait.
func (s *Store) PutLater(id ID, value any) { s.enter(id, value, true) }

func (s *Store) enter(id ID, value any, later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == off {
		return
	}
	e := s.entries[id]
	if e == nil {
		e = &entry{}
		s.add(id, e)
	}
	waits := e.pending && e.later
	if later && !waits {
		e.since = s.cfg.Now()
	}
	e.later = later && (waits || !e.pending) // one that was to be written at once still is
	e.value, e.pending, e.touched = value, true, true
	s.pending[id] = e
}

// encode encodes the pending values: those that may wait only with others, or when their time is over, or all.
func (s *Store) encode(all bool) []record {
	changes := s.encodeAll(s.take(false, math.MaxInt))
	switch {
	case all || s.overdue():
		changes = append(changes, s.encodeAll(s.take(true, math.MaxInt))...)
	case len(changes) > 0 || s.unwritten():
		changes = append(changes, s.encodeAll(s.take(true, mostWithOthers))...)
	}
	return changes
}

// take takes pending values: those that may wait, or those that may not.
func (s *Store) take(later bool, most int) map[ID]any {
	pending := map[ID]any{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.pending {
		if e.later == later && len(pending) < most {
			pending[id] = e.value
			e.value, e.pending, e.later = nil, false, false
			delete(s.pending, id)
		}
	}
	return pending
}

// overdue reports whether a value has waited for long enough.
func (s *Store) overdue() bool {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.pending {
		if e.later && now.Sub(e.since) >= laterInterval {
			return true
		}
	}
	return false
}

// unwritten reports whether a ConfigMap is to be written in any case.
func (s *Store) unwritten() bool {
	for _, sh := range s.shards {
		if sh.dirty {
			return true
		}
	}
	return false
}
