// Package checkpoint keeps what the controller has learned in ConfigMaps, so that the next leader need not learn it again.
// It holds entries of JSON by kind and name, and does not know what they mean; what is read back is an assumption.
// It may import backoff, client-go's types, controller-runtime's client and the standard library.
package checkpoint

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Config says where checkpoints are and whom they concern.
type Config struct {
	Namespace string
	// Name is the name of the header and the beginning of the names of the shards; two controllers in a namespace need two.
	Name string
	// Scope names the cluster, VPC and Region. What was written under another scope is ignored.
	Scope string
	// Holder names this process, for people who read the header.
	Holder string
	Now    func() time.Time
	Log    logr.Logger
}

// Client is what the store needs of the API server. The role of the existing controller's chart has these rights.
type Client interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
}

// state is how far a store has come.
type state int

const (
	unopened state = iota
	opened
	off // without rights, or fenced: nothing is written any more
)

// Store keeps entries in memory and writes those that changed. It is safe for concurrent use.
type Store struct {
	cfg    Config
	client Client

	// writing is held by the one flush that is under way; it guards term, header, zip and the versions of the shards.
	writing sync.Mutex
	term    int64
	header  *corev1.ConfigMap
	shards  map[shardID]*shard
	began   time.Time
	zip     *gzip.Writer

	// mu guards the rest. It is never held over a call.
	mu      sync.Mutex
	state   state
	entries map[ID]*entry
}

// ID names an entry.
type ID struct {
	Kind Kind
	Name string
}

// entry is one entry as it is to be written.
type entry struct {
	value   any  // the newest value, if it is not encoded yet
	pending bool // value is there
	gone    bool // to be left out
	touched bool // by this process
	packed  []byte
	sum     [32]byte // of the JSON text in packed
}

// shard is one ConfigMap.
type shard struct {
	version string // resourceVersion as last seen; empty = it does not exist
	dirty   bool
	left    int // entries that had no room when it was written last
}

// ErrFenced says that another process has begun a newer term.
var ErrFenced = errors.New("a newer leader keeps the checkpoints")

// New makes a store. Nothing is read or written before Open; what is put before is kept.
func New(c Client, cfg Config) *Store {
	s := &Store{cfg: cfg, client: c, entries: map[ID]*entry{}, shards: map[shardID]*shard{}, zip: gzip.NewWriter(io.Discard)}
	for _, id := range allShards() {
		s.shards[id] = &shard{}
	}
	return s
}

// Put replaces an entry. The value must not change any more: it is encoded later, by Flush.
func (s *Store) Put(id ID, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == off {
		return
	}
	e := s.entry(id)
	e.value, e.pending, e.gone, e.touched = value, true, false, true
}

// Delete removes an entry.
func (s *Store) Delete(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil {
		e.value, e.pending, e.gone, e.touched = nil, true, true, true
	}
}

// Replace makes these the only entries of a kind.
func (s *Store) Replace(kind Kind, values map[string]any) {
	s.mu.Lock()
	var gone []ID
	for id := range s.entries {
		if _, ok := values[id.Name]; id.Kind == kind && !ok {
			gone = append(gone, id)
		}
	}
	s.mu.Unlock()
	for _, id := range gone {
		s.Delete(id)
	}
	for name, v := range values {
		s.Put(ID{kind, name}, v)
	}
}

func (s *Store) entry(id ID) *entry {
	e := s.entries[id]
	if e == nil {
		e = &entry{}
		s.entries[id] = e
	}
	return e
}

// Enabled reports whether anything may still be written.
func (s *Store) Enabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state != off
}

// stop ends all writing, and frees what was kept.
func (s *Store) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.entries = off, map[ID]*entry{}
}

// unclaimedLife is how long entries are kept that no one puts again after a start: their objects may be gone.
const unclaimedLife = time.Hour

// dropUnclaimed removes the entries of earlier processes that this one has not put since it began.
func (s *Store) dropUnclaimed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if !e.touched {
			e.pending, e.gone, e.touched = true, true, true
		}
	}
}

// Flush writes what changed. Each shard that changed costs one write.
func (s *Store) Flush(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.flush(ctx)
}

func (s *Store) flush(ctx context.Context) error {
	s.mu.Lock()
	if s.state != opened {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	if !s.began.IsZero() && s.cfg.Now().Sub(s.began) > unclaimedLife {
		s.began = time.Time{}
		s.dropUnclaimed()
	}
	s.encode()
	var errs []error
	for id, sh := range s.shards {
		if !sh.dirty {
			continue
		}
		if err := s.write(ctx, id, sh); err != nil {
			errs = append(errs, fmt.Errorf("writing checkpoint %s: %w", id.name(s.cfg.Name), err))
			if s.fatal(err) {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

// encode turns the newest values into what is written, and marks the shards that differ from what was written last.
func (s *Store) encode() {
	type job struct {
		id    ID
		value any
		gone  bool
	}
	var jobs []job
	s.mu.Lock()
	for id, e := range s.entries {
		if e.pending {
			jobs = append(jobs, job{id, e.value, e.gone})
			e.value, e.pending = nil, false
		}
	}
	s.mu.Unlock()
	for _, j := range jobs {
		var packed []byte
		var sum [32]byte
		if !j.gone {
			var err error
			if packed, sum, err = s.pack(j.id, j.value); err != nil {
				s.cfg.Log.Error(err, "an entry cannot be kept in a checkpoint; the next start reads it from AWS", "kind", j.id.Kind, "name", j.id.Name)
				j.gone = true
			}
		}
		s.mu.Lock()
		e := s.entries[j.id]
		switch {
		case e == nil:
		case j.gone && !e.pending:
			s.shards[shardOf(j.id)].dirty = s.shards[shardOf(j.id)].dirty || e.packed != nil
			delete(s.entries, j.id)
		case !j.gone && packed != nil:
			e.packed, e.sum = packed, sum
			s.shards[shardOf(j.id)].dirty = true
		}
		s.mu.Unlock()
	}
}

// pack encodes a value; packed is nil if the text is what it was.
func (s *Store) pack(id ID, value any) (packed []byte, sum [32]byte, err error) {
	text, sum, err := text(id, value)
	if err != nil {
		return nil, sum, err
	}
	s.mu.Lock()
	e := s.entries[id]
	same := e != nil && e.packed != nil && e.sum == sum
	s.mu.Unlock()
	if same {
		return nil, sum, nil
	}
	packed, err = compress(s.zip, text)
	return packed, sum, err
}

// write brings one ConfigMap to the entries that there are.
func (s *Store) write(ctx context.Context, id shardID, sh *shard) error {
	m, left := s.object(id)
	if left > sh.left {
		s.cfg.Log.Info("entries have no room in a checkpoint; the next start reads them from AWS", "configMap", m.Name, "entries", left)
	}
	if sh.version == "" {
		if err := s.unfenced(ctx); err != nil { // an object that is created has no version that could fence
			return err
		}
	}
	err := s.put(ctx, m, sh.version)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && sh.version != "" {
		if err := s.unfenced(ctx); err != nil {
			return err
		}
		have := &corev1.ConfigMap{} // someone edited or deleted it, or an earlier leader's write came late: this term wins
		switch err := s.client.Get(ctx, client.ObjectKeyFromObject(m), have); {
		case apierrors.IsNotFound(err):
			sh.version = ""
		case err != nil:
			return err
		default:
			sh.version = have.ResourceVersion
		}
		m, left = s.object(id)
		err = s.put(ctx, m, sh.version)
	}
	if err != nil {
		return err
	}
	sh.version, sh.dirty, sh.left = m.ResourceVersion, false, left
	return nil
}

func (s *Store) put(ctx context.Context, m *corev1.ConfigMap, version string) error {
	m.ResourceVersion = version
	if version == "" {
		return s.client.Create(ctx, m)
	}
	return s.client.Update(ctx, m)
}

// fatal reports whether an error ends all writing of this process; it says so once.
func (s *Store) fatal(err error) bool {
	switch {
	case errors.Is(err, ErrFenced):
		s.cfg.Log.Info("another leader keeps the checkpoints now; this process writes none any more", "term", s.term)
	case apierrors.IsForbidden(err):
		s.cfg.Log.Info("no checkpoints are kept, so a restart reads each load balancer from AWS: grant get, create and update of ConfigMaps in the controller's namespace if you want them",
			"namespace", s.cfg.Namespace, "cause", err.Error())
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		s.cfg.Log.Info("no checkpoints are kept: their namespace does not exist", "namespace", s.cfg.Namespace, "cause", err.Error())
	default:
		return false
	}
	s.stop()
	return true
}
