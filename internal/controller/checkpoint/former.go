package checkpoint

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
)

// former is the ConfigMap in which earlier releases keep all entries of kind Preceding. They write it as a whole at
// each change, and it has room for some 3,600 entries. The end of a process writes a copy of the entries to it, for a
// return to such a release.
func former() shardID { return shardID{Preceding, 0} }

// hasPrecedingKey is the key of the data of a ConfigMap of kind Memory that has its entries of kind Preceding.
const hasPrecedingKey = "preceding"

// formerCounts reports whether an entry of former is newer than the ConfigMap of kind Memory that would have it: an
// earlier release wrote former last, or that ConfigMap never had entries of kind Preceding.
func formerCounts(m, shard *corev1.ConfigMap) bool {
	if shard == nil || shard.Data[hasPrecedingKey] == "" {
		return true
	}
	n, known := sequenceOf(m)
	than, _ := sequenceOf(shard)
	return !known && termOf(m) > termOf(shard) || n > than
}

// unpackFormer reads an entry of former.
func unpackFormer(key string, packed []byte) (id ID, value json.RawMessage, sum [32]byte, err error) {
	id, value, sum, err = decode(packed)
	if err == nil && (id.Kind != Preceding || keyOf(id.Name) != key) {
		err = errDamaged
	}
	return id, value, sum, err
}

// loadFormer adds the entries of former that count. Their ConfigMaps are written next.
func (s *Store) loadFormer(objects map[shardID]*corev1.ConfigMap, loaded map[ID]*entry,
	values map[ID]json.RawMessage) (damaged int) {
	m := objects[former()]
	if m == nil || !s.readable(m) {
		return 0
	}
	s.shards[former()].filled = len(m.BinaryData) > 0
	for key, packed := range m.BinaryData {
		id, value, sum, err := unpackFormer(key, packed)
		if err != nil {
			damaged++
			continue
		}
		shard := objects[shardOf(id)]
		if shard != nil && !s.readable(shard) {
			shard = nil
		}
		if formerCounts(m, shard) {
			loaded[id], values[id] = &entry{packed: packed, sum: sum}, value
			s.shards[shardOf(id)].dirty = true
		}
	}
	return damaged
}

// copyFormer has the copy written that former is.
func (s *Store) copyFormer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shards[former()]
	sh.dirty = sh.dirty || sh.filled
	for id := range s.entries {
		if id.Kind == Preceding {
			sh.dirty = true
			return
		}
	}
}

// formerItems are the items of the copy. s.mu is held.
func (s *Store) formerItems() (items []item) {
	for id, e := range s.entries {
		if id.Kind == Preceding && e.packed != nil {
			items = append(items, item{id, keyOf(id.Name), e.packed})
		}
	}
	return items
}
