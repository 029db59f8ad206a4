package reporting

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Told keeps for the next process on which versions of objects success was recorded since their last failure, so that a
// restart does not record it again. The zero value is ready to use.
type Told struct {
	mu        sync.Mutex
	former    map[toldID]bool // by the former process
	reporters []*Reporter
}

// toldID identifies a version of an object of a unit.
type toldID [8]byte

// mostTold bounds what is kept: 320 KiB of a ConfigMap.
const mostTold = 40_000

func toldIDOf(unit string, o diag.Object, version string) toldID {
	sum := sha256.Sum256([]byte(strings.Join([]string{unit, o.Kind, o.Namespace, o.Name, o.UID, version}, "\x00")))
	return toldID(sum[:len(toldID{})])
}

// Reporter makes a reporter whose successes are kept.
func (t *Told) Reporter(record Record, now func() time.Time) *Reporter {
	r := NewReporter(record, now)
	r.told = t
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reporters = append(t.reporters, r)
	return r
}

// Restore takes the Text of the former process, which must have ended in order: it may have recorded a failure since it
// wrote a text before its end.
func (t *Told) Restore(text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.former = map[toldID]bool{}
	for id := range slices.Chunk(text, len(toldID{})) {
		if len(id) == len(toldID{}) {
			t.former[toldID(id)] = true
		}
	}
}

// Text is the text for the next process. waits reports whether events about objects of a namespace are not written yet.
// Objects for which this process made no pass are not in the text.
func (t *Told) Text(waits func(namespace string) bool) (out []byte) {
	t.mu.Lock()
	reporters := slices.Clone(t.reporters)
	t.mu.Unlock()
	var all []toldID
	for _, r := range reporters {
		all = append(all, r.successes(waits)...)
	}
	slices.SortFunc(all, func(a, b toldID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range all[:min(len(all), mostTold)] {
		out = append(out, id[:]...)
	}
	return out
}

// before reports whether the former process recorded success on a version of an object.
func (t *Told) before(unit string, o diag.Object, version string) bool {
	if t == nil || version == "" {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.former) > 0 && t.former[toldIDOf(unit, o, version)]
}

// Succeeded reports whether success is recorded on a unit's object since its last failure.
func (r *Reporter) Succeeded(unit string, o diag.Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.reported[unit][o]
	return t != nil && t.ok
}

// successes are the ids of the objects on which success was recorded since their last failure.
func (r *Reporter) successes(waits func(namespace string) bool) (out []toldID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for unit, of := range r.reported {
		for o, t := range of {
			if t.ok && t.member && t.version != "" && !waits(o.Namespace) {
				out = append(out, toldIDOf(unit, o, t.version))
			}
		}
	}
	return out
}
