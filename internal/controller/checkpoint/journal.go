package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// journalPieces is the number of ConfigMaps of the journal. It is part of the format.
	journalPieces = 8
	// pieceBytes bounds the entries of a piece: each change writes one piece as a whole.
	pieceBytes = 64 << 10
)

// sequenceKey is the key of a shard's data for the sequence number up to which it has all changes.
const sequenceKey = "sequence"

// journal has the entries that changed since their shards were written, so that a change writes a small ConfigMap
// instead of a shard, which has the entries of many stacks. Changes are numbered. A shard that is written has all
// changes up to its number; what the journal has up to that number counts no more. If the journal is full, the shards
// of its entries are written, and it starts again. The lock writing of the Store protects it.
type journal struct {
	off     bool // the role of the controller permits no ConfigMaps of the journal: shards are written
	folding bool // changes go to the shards until all of them are written; then the journal begins anew
	active  int  // the piece that takes changes
	last    int64
	pieces  [journalPieces]map[ID]record
}

// record is an entry of the journal.
type record struct {
	id       ID
	sequence int64
	packed   []byte
}

// journalled reports whether changes of a kind go to the journal: those that each edit of an object makes.
func journalled(k Kind) bool { return k == Memory || k == Observed || k == History || k == Preceding }

func (r record) key() string { return fmt.Sprintf("%s.%s.%d", r.id.Kind, dataKey(r.id), r.sequence) }

func (r record) size() int { return len(r.key()) + len(r.packed) }

// readRecord reads an entry of the journal. An entry without a value says that there is none any longer.
func readRecord(key string, packed []byte) (r record, value json.RawMessage, sum [32]byte, err error) {
	if r.id, value, sum, err = decode(packed); err != nil {
		return r, nil, sum, err
	}
	r.packed = packed
	r.sequence, err = strconv.ParseInt(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
	if err != nil || !journalled(r.id.Kind) || r.key() != key {
		return r, nil, sum, errDamaged
	}
	if string(value) == "null" {
		value = nil
	}
	return r, value, sum, nil
}

// sequenceOf is the number up to which a shard has all changes; known is false if an earlier version wrote it.
func sequenceOf(m *corev1.ConfigMap) (n int64, known bool) {
	if m == nil {
		return 0, true
	}
	n, err := strconv.ParseInt(m.Data[sequenceKey], 10, 64)
	return n, err == nil && n >= 0
}

// counts reports whether a record of a piece of the journal is newer than the shard of its entry. A shard without a
// number in a later term was written by an earlier version, which does not read the journal.
func (r record) counts(piece, shard *corev1.ConfigMap) bool {
	n, known := sequenceOf(shard)
	if !known {
		return termOf(shard) <= termOf(piece)
	}
	return r.sequence > n
}

// change adds a change to those for the journal, or marks its shard. packed is nil if the entry is gone.
func (s *Store) change(changes []record, id ID, packed []byte) []record {
	if !journalled(id.Kind) {
		s.shards[shardOf(id)].dirty = true
		return changes
	}
	if packed == nil {
		var err error
		if packed, err = zipped(content{id.Kind, id.Name, nil}); err != nil { // two strings can be encoded
			s.shards[shardOf(id)].dirty = true
			return changes
		}
	}
	s.journal.last++
	return append(changes, record{id, s.journal.last, packed})
}

// zipped is the compressed JSON text of an entry.
func zipped(c content) ([]byte, error) {
	p, _ := packers.Get().(*packer)
	defer packers.Put(p)
	text, err := p.encode(c)
	if err != nil {
		return nil, err
	}
	return p.compress(text)
}

// note distributes changes: to the active piece of the journal if they fit, else to the next one, else to the shards.
// Changes of many stacks at once go to the shards, too.
func (s *Store) note(changes []record) {
	size := 0
	for _, r := range changes {
		size += r.size()
	}
	j := &s.journal
	switch {
	case len(changes) == 0:
		return
	case j.off || j.folding || size > pieceBytes:
		s.dirty(changes)
		return
	case sizeOf(j.pieces[j.active])+size <= pieceBytes:
	case j.active == journalPieces-1:
		s.fold()
		s.dirty(changes)
		return
	default:
		j.active++
	}
	if j.pieces[j.active] == nil {
		j.pieces[j.active] = map[ID]record{}
	}
	for _, r := range changes {
		j.pieces[j.active][r.id] = r
	}
	s.shards[shardID{Journal, j.active}].dirty = true
}

func sizeOf(piece map[ID]record) (n int) {
	for _, r := range piece {
		n += r.size()
	}
	return n
}

// dirty has the shards of changes written.
func (s *Store) dirty(changes []record) {
	for _, r := range changes {
		s.shards[shardOf(r.id)].dirty = true
	}
}

// fold has the shards of all entries of the journal written.
func (s *Store) fold() {
	for _, piece := range s.journal.pieces {
		for id := range maps.Keys(piece) {
			s.shards[shardOf(id)].dirty = true
			s.journal.folding = true
		}
	}
}

// folded begins the journal again once all shards are written. Its ConfigMaps are written empty next: what is gone is
// kept nowhere.
func (s *Store) folded() {
	if !s.journal.folding {
		return
	}
	s.journal.folding, s.journal.active = false, 0
	clear(s.journal.pieces[:])
	for n := range journalPieces {
		sh := s.shards[shardID{Journal, n}]
		sh.dirty = !s.journal.off && sh.version != "" && (sh.dirty || sh.filled)
	}
}

// withoutJournal has changes go to the shards from now on: the role of the controller does not permit ConfigMaps of the
// journal.
func (s *Store) withoutJournal(cause error) {
	if s.journal.off {
		return
	}
	s.journal.off = true
	s.cfg.Log.Info("each change writes a large checkpoint; to write less, grant get and update of the ConfigMaps of the "+
		"journal in the controller's namespace, as the chart does",
		"configMap", shardID{Journal, 0}.name(s.cfg.Name), "cause", cause.Error())
	s.fold()
	s.journal.folding = true
	s.folded()
}

// loadJournal adds the entries of the journal to those of the shards. Their shards are written next. damaged is how
// many could not be read.
func (s *Store) loadJournal(objects map[shardID]*corev1.ConfigMap, loaded map[ID]*entry,
	values map[ID]json.RawMessage) (damaged int) {
	newest := map[ID]int64{}
	for n := range journalPieces {
		m := objects[shardID{Journal, n}]
		if m == nil || !s.readable(m) {
			continue
		}
		s.shards[shardID{Journal, n}].filled = len(m.BinaryData) > 0
		s.journal.folding = s.journal.folding || len(m.BinaryData) > 0
		for key, packed := range m.BinaryData {
			r, value, sum, err := readRecord(key, packed)
			if err != nil {
				damaged++
				continue
			}
			s.journal.last = max(s.journal.last, r.sequence)
			if r.sequence <= newest[r.id] || !r.counts(m, objects[shardOf(r.id)]) {
				continue
			}
			newest[r.id] = r.sequence
			s.shards[shardOf(r.id)].dirty = true
			if value == nil {
				delete(loaded, r.id)
				delete(values, r.id)
				continue
			}
			loaded[r.id], values[r.id] = &entry{packed: packed, sum: sum}, value
		}
	}
	return damaged
}
