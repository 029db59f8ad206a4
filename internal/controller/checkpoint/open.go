package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// format is the version of the format; entries of another one are ignored.
const format = "1"

// mostBytes bounds the size of one ConfigMap; the API server accepts one MiB.
const mostBytes = 900 << 10

// Keys of the data of headers and shards.
const (
	formatKey = "format"
	scopeKey  = "scope"
	termKey   = "term"
	stateKey  = "state"
	holderKey = "holder"
	timeKey   = "time"
)

// States of a header.
const (
	running = "running"
	ended   = "ended" // the last flush of the term has succeeded
)

// Restored are the checkpoints of earlier processes.
type Restored struct {
	Entries map[ID]json.RawMessage
	// Complete reports whether the last leader wrote everything before it ended; else its last seconds may be missing.
	Complete bool
	// At is when the checkpoints were written last, by the clock of the process that wrote them; zero = never.
	At time.Time
	// Damaged is how many entries could not be read.
	Damaged int
}

// Open begins a term: it reads the entries of earlier terms and fences their writers off. After an error everything has
// to be read from AWS. Open may be called again, unless Enabled is false then. It calls headed as soon as it has read
// whether the last leader wrote everything before it ended.
func (s *Store) Open(ctx context.Context, headed func(complete bool)) (Restored, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.Enabled() {
		return Restored{}, nil
	}
	restored, err := s.open(ctx, headed)
	if err != nil {
		s.fatal(err)
		return Restored{}, fmt.Errorf("reading checkpoints: %w", err)
	}
	return restored, nil
}

func (s *Store) open(ctx context.Context, headed func(complete bool)) (restored Restored, err error) {
	header, err := s.get(ctx, s.cfg.Name)
	if err != nil {
		return restored, err
	}
	complete := header != nil && s.readable(header) && header.Data[stateKey] == ended
	headed(complete)
	objects, err := s.readAll(ctx)
	if err != nil {
		return restored, err
	}
	restored.Complete = complete
	entries := 0
	for _, m := range append(slices.Collect(maps.Values(objects)), header) {
		if m != nil {
			entries += len(m.BinaryData)
			s.term = max(s.term, termOf(m))
			if t, err := time.Parse(time.RFC3339, m.Data[timeKey]); err == nil && t.After(restored.At) {
				restored.At = t
			}
		}
	}
	s.term++
	if err := s.writeHeader(ctx, header, running); err != nil {
		return Restored{}, err
	}
	if !complete { // the process of the last term may still be writing
		if err := s.takeOverAll(ctx, objects); err != nil {
			return Restored{}, err
		}
	}
	loaded := make(map[ID]*entry, entries)
	restored.Entries = make(map[ID]json.RawMessage, entries)
	restored.Damaged = s.loadAll(objects, loaded, restored.Entries)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range loaded {
		if newer := s.entries[id]; newer == nil {
			s.add(id, e)
		} else if newer.packed == nil {
			newer.packed, newer.sum = e.packed, e.sum
		}
	}
	s.state, s.began = opened, s.cfg.Now()
	return restored, nil
}

// readAll reads the ConfigMaps of all kinds; those that do not exist are nil.
func (s *Store) readAll(ctx context.Context) (map[shardID]*corev1.ConfigMap, error) {
	return s.forAll(ctx, allShards(), func(ctx context.Context, id shardID) (*corev1.ConfigMap, error) {
		return s.get(ctx, id.name(s.cfg.Name))
	})
}

// takeOverAll takes over the ConfigMaps that exist, first those of the journal: they are never of an earlier term than
// those whose entries they have.
func (s *Store) takeOverAll(ctx context.Context, objects map[shardID]*corev1.ConfigMap) error {
	for _, first := range []bool{true, false} {
		var ids []shardID
		for _, id := range allShards() {
			if objects[id] != nil && (id.kind == Journal) == first {
				ids = append(ids, id)
			}
		}
		taken, err := s.forAll(ctx, ids, func(ctx context.Context, id shardID) (*corev1.ConfigMap, error) {
			return s.takeOver(ctx, objects[id])
		})
		if err != nil {
			return err
		}
		maps.Copy(objects, taken)
	}
	return nil
}

// forAll calls a function for ConfigMaps, a few at once. If the role permits none of the journal, the store does
// without.
func (s *Store) forAll(ctx context.Context, ids []shardID, call func(context.Context, shardID) (*corev1.ConfigMap,
	error)) (map[shardID]*corev1.ConfigMap, error) {
	out := make([]*corev1.ConfigMap, len(ids))
	refused := make([]error, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for n, id := range ids {
		g.Go(func() (err error) {
			out[n], err = call(ctx, id)
			if id.kind == Journal && apierrors.IsForbidden(err) && !denied(err) {
				refused[n], err = err, nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	objects := map[shardID]*corev1.ConfigMap{}
	for n, id := range ids {
		if objects[id] = out[n]; refused[n] != nil {
			s.withoutJournal(refused[n])
		}
	}
	return objects, nil
}

// loadAll reads the entries of all ConfigMaps, and counts the damaged ones.
func (s *Store) loadAll(objects map[shardID]*corev1.ConfigMap, loaded map[ID]*entry, values map[ID]json.RawMessage) (
	damaged int) {
	for _, id := range allShards() {
		m, sh := objects[id], s.shards[id]
		sh.version = versionOf(m)
		switch {
		case m == nil:
		case !s.readable(m):
			sh.dirty = true
		case id.kind != Journal:
			n, _ := sequenceOf(m)
			if s.journal.last = max(s.journal.last, n); id != former() {
				damaged += s.load(id, m, loaded, values)
			}
		}
	}
	damaged += s.loadFormer(objects, loaded, values)
	return damaged + s.loadJournal(objects, loaded, values)
}

// load reads the entries of a shard and counts the damaged ones, which the next write of the shard omits.
func (s *Store) load(id shardID, m *corev1.ConfigMap, loaded map[ID]*entry, values map[ID]json.RawMessage) (
	damaged int) {
	for key, packed := range m.BinaryData {
		of, value, sum, err := unpack(id, key, packed)
		if err != nil {
			damaged++
			s.shards[id].dirty = true
			continue
		}
		loaded[of], values[of] = &entry{packed: packed, sum: sum}, value
	}
	return damaged
}

// get returns nil for an object that does not exist.
func (s *Store) get(ctx context.Context, name string) (*corev1.ConfigMap, error) {
	m := &corev1.ConfigMap{}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.cfg.Namespace, Name: name}, m)
	s.progress()
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// takeOver writes a shard unchanged under this term, so that a late write of an earlier term gets a conflict.
func (s *Store) takeOver(ctx context.Context, m *corev1.ConfigMap) (*corev1.ConfigMap, error) {
	for {
		m = m.DeepCopy()
		if m.Data == nil {
			m.Data = map[string]string{}
		}
		m.Data[termKey] = strconv.FormatInt(s.term, 10)
		err := s.client.Update(ctx, m)
		s.progress()
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return m, err
		}
		if err := s.fenced(ctx); err != nil {
			return nil, err
		}
		if m, err = s.get(ctx, m.Name); m == nil || err != nil {
			return nil, err
		}
	}
}

func (s *Store) writeHeader(ctx context.Context, have *corev1.ConfigMap, state string) error {
	m := &corev1.ConfigMap{Data: s.data()}
	m.Namespace, m.Name = s.cfg.Namespace, s.cfg.Name
	m.Data[stateKey], m.Data[holderKey] = state, s.cfg.Holder
	if err := s.put(ctx, m, versionOf(have)); err != nil {
		return err
	}
	s.header = m
	return nil
}

// fenced returns ErrFenced if another process has begun a newer term.
func (s *Store) fenced(ctx context.Context) error {
	m, err := s.get(ctx, s.cfg.Name)
	if err != nil {
		return err
	}
	if m != nil && termOf(m) > s.term {
		return ErrFenced
	}
	return nil
}

// Close writes what is left, and marks the checkpoints as complete for the next leader.
func (s *Store) Close(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.fold() // an earlier version reads no journal
	s.copyFormer()
	if err := s.flush(ctx, true); err != nil {
		return err
	}
	if !s.opened() {
		return nil
	}
	err := s.writeHeader(ctx, s.header, ended)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		err = errors.Join(err, s.fenced(ctx))
	}
	s.stop()
	return err
}

// data are the fields that headers and shards have in common.
func (s *Store) data() map[string]string {
	return map[string]string{
		formatKey: format, scopeKey: s.cfg.Scope, termKey: strconv.FormatInt(s.term, 10), timeKey: s.cfg.Now().UTC().Format(
			time.RFC3339),
	}
}

// readable reports whether an object is of this scope and format.
func (s *Store) readable(m *corev1.ConfigMap) bool {
	return m.Data[formatKey] == format && m.Data[scopeKey] == s.cfg.Scope
}

func termOf(m *corev1.ConfigMap) int64 {
	n, err := strconv.ParseInt(m.Data[termKey], 10, 64)
	if err != nil || n < 0 || n > 1<<40 { // damaged
		return 0
	}
	return n
}

// versionOf is the version of an object; empty = it does not exist.
func versionOf(m *corev1.ConfigMap) string {
	if m == nil {
		return ""
	}
	return m.ResourceVersion
}

// object is a shard with the entries that it has room for.
func (s *Store) object(id shardID) (m *corev1.ConfigMap, left int) {
	m = &corev1.ConfigMap{Data: s.data(), BinaryData: map[string][]byte{}}
	m.Namespace, m.Name = s.cfg.Namespace, id.name(s.cfg.Name)
	if id.kind == Journal {
		for _, r := range s.journal.pieces[id.n] {
			m.BinaryData[r.key()] = r.packed
		}
		return m, 0
	}
	m.Data[sequenceKey] = strconv.FormatInt(s.journal.last, 10)
	if id.kind == Memory {
		m.Data[hasPrecedingKey] = "true"
	}
	var items []item
	s.mu.Lock()
	for of, e := range s.byShard[id] {
		if e.packed != nil {
			items = append(items, item{of, dataKey(of), e.packed})
		}
	}
	if id == former() {
		items = s.formerItems()
	}
	s.mu.Unlock()
	items, left = fitting(items, s.cfg.Tenant)
	for _, i := range items {
		m.BinaryData[i.key] = i.packed
	}
	return m, left
}
