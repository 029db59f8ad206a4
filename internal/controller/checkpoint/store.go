// Package checkpoint stores state of the controller in ConfigMaps, so that the next leader need not read it from AWS
// again. Entries are JSON by kind and name, and the package does not know their meaning. Restored state is an
// assumption until it is verified.
package checkpoint

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config is the location and the scope of checkpoints.
type Config struct {
	Namespace string
	// Name is the name of the header and the beginning of the names of the shards; two controllers in a namespace need
	// two.
	Name string
	// Scope names the cluster, VPC and Region. Checkpoints of another scope are ignored.
	Scope string
	// Holder names this process; it is only shown in the header.
	Holder string
	Now    func() time.Time
	Log    logr.Logger
	// Fenced is called once another process has begun a newer term; nil = nothing is called.
	Fenced func()
	// Tenant names the tenant of a stack; nil = as far as its key shows that.
	Tenant func(stack.Key) string
}

// Client has the calls to the API server that the store needs. The role of the existing controller's chart permits
// them.
type Client interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
}

// state is the state of a store.
type state int

const (
	unopened state = iota
	opened
	off // without permissions, or fenced: nothing is written any more
)

// Store has the entries in memory and writes those that changed. It is safe for concurrent use.
type Store struct {
	cfg    Config
	client Client

	// writing serialises flushes and protects term, header, shards and began.
	writing sync.Mutex
	term    int64
	header  *corev1.ConfigMap
	shards  map[shardID]*shard
	began   time.Time
	journal journal
	// progress is called whenever Open has read or written an object.
	progress func()

	// mu protects the rest. It is never locked during a call.
	mu      sync.Mutex
	state   state
	entries map[ID]*entry
	byShard map[shardID]map[ID]*entry // the same entries
	pending map[ID]*entry             // those whose value is not encoded yet
}

// ID names an entry.
type ID struct {
	Kind Kind
	Name string
}

// entry is one entry as it is to be written.
type entry struct {
	value   any  // the newest value, if it is pending; nil = the entry is to be removed
	pending bool // value is not encoded yet
	touched bool // by this process
	// later: the newest value may wait for the write of another one, since this time; see PutLater.
	later  bool
	since  time.Time
	packed []byte
	sum    [32]byte // of the JSON text in packed
}

// shard is one ConfigMap.
type shard struct {
	version string // resourceVersion as last read or written; empty = it does not exist
	dirty   bool
	filled  bool // it had entries when it was read or written last
	left    int  // entries that did not fit when it was written last
}

// ErrFenced means that another process has begun a newer term.
var ErrFenced = errors.New("a newer leader writes the checkpoints")

// New returns a store. Nothing is read or written before Open; entries may be put before.
func New(c Client, cfg Config) *Store {
	if cfg.Tenant == nil {
		cfg.Tenant = stack.Key.Tenant
	}
	s := &Store{cfg: cfg, client: c, shards: map[shardID]*shard{}, progress: func() {}}
	s.clear()
	for _, id := range allShards() {
		s.shards[id] = &shard{}
	}
	return s
}

func (s *Store) clear() {
	s.entries, s.byShard, s.pending = map[ID]*entry{}, map[shardID]map[ID]*entry{}, map[ID]*entry{}
}

// add adds an entry. s.mu is held.
func (s *Store) add(id ID, e *entry) {
	of := shardOf(id)
	if s.byShard[of] == nil {
		s.byShard[of] = map[ID]*entry{}
	}
	s.entries[id], s.byShard[of][id] = e, e
}

// whileOpening has a function called whenever Open has read or written an object.
func (s *Store) whileOpening(progress func()) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.progress = progress
}

// Put replaces an entry. The value must not be modified afterwards: Flush encodes it later.
func (s *Store) Put(id ID, value any) { s.enter(id, value, false) }

// Delete removes an entry.
func (s *Store) Delete(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil {
		e.value, e.pending, e.touched, e.later = nil, true, true, false
		s.pending[id] = e
	}
}

// Replace replaces all entries of a kind.
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

// Enabled reports whether anything may still be written.
func (s *Store) Enabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state != off
}

func (s *Store) opened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == opened
}

// stop ends all writing and frees the entries.
func (s *Store) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = off
	s.clear()
}

// untouchedLifetime is how long after a start entries stay that are not put again: their objects may be gone.
const untouchedLifetime = time.Hour

// dropUntouched removes the entries of earlier processes that this one has not put since it began.
func (s *Store) dropUntouched() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.entries {
		if !e.touched {
			e.pending, e.touched, e.later = true, true, false
			s.pending[id] = e
		}
	}
}

// Rewrite has the next Flush write all entries, also those that have not changed: the API server went back to older
// ones.
func (s *Store) Rewrite() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.entries {
		s.shards[shardOf(id)].dirty = true
	}
	for _, sh := range s.shards {
		sh.dirty = sh.dirty || sh.version != "" // entries that were removed are there again
	}
}

// Flush writes what changed. Each shard that changed costs one write.
func (s *Store) Flush(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.flush(ctx, false)
}

// flush is Flush; all: also values that may wait.
func (s *Store) flush(ctx context.Context, all bool) error {
	if !s.opened() {
		return nil
	}
	if !s.began.IsZero() && s.cfg.Now().Sub(s.began) > untouchedLifetime {
		s.began = time.Time{}
		s.dropUntouched()
	}
	s.note(s.encode(all))
	err := s.writeDirty(ctx, func(k Kind) bool { return k != Journal })
	if err == nil {
		s.folded()
	}
	if s.journal.folding || !s.opened() {
		return err
	}
	return errors.Join(err, s.writeDirty(ctx, func(k Kind) bool { return k == Journal }))
}

// writeDirty writes the ConfigMaps of some kinds that differ from what was written last.
func (s *Store) writeDirty(ctx context.Context, of func(Kind) bool) error {
	var errs []error
	for id, sh := range s.shards {
		if !sh.dirty || !of(id.kind) {
			continue
		}
		err := s.write(ctx, id, sh)
		if id.kind == Journal && apierrors.IsForbidden(err) && !denied(err) {
			s.withoutJournal(err)
			return s.writeDirty(ctx, func(k Kind) bool { return k != Journal })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("writing checkpoint %s: %w", id.name(s.cfg.Name), err))
			if s.fatal(err) {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

// encodeAll encodes values. It returns the changes for the journal, and marks the shards of other kinds that differ
// from what was written last.
func (s *Store) encodeAll(pending map[ID]any) (changes []record) {
	for id, value := range pending {
		var packed []byte
		var sum [32]byte
		if value != nil {
			var err error
			if packed, sum, err = s.pack(id, value); err != nil {
				s.cfg.Log.Error(err, "an entry cannot be written to a checkpoint; the next start reads it from AWS", "kind",
					id.Kind, "name", id.Name)
				value = nil
			}
		}
		if s.replace(id, value == nil, packed, sum) {
			changes = s.change(changes, id, packed)
		}
	}
	return changes
}

// replace replaces what is to be written of an entry, and reports whether that has changed.
func (s *Store) replace(id ID, gone bool, packed []byte, sum [32]byte) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	switch {
	case e == nil:
	case gone && !e.pending:
		delete(s.entries, id)
		delete(s.byShard[shardOf(id)], id)
		return e.packed != nil
	case packed != nil:
		e.packed, e.sum = packed, sum
		return true
	}
	return false
}

// pack encodes a value, less of it if several tenants fill it and it is large. packed is nil if the text has not
// changed.
func (s *Store) pack(id ID, value any) (packed []byte, sum [32]byte, err error) {
	packed, sum, err = s.packWhole(id, value)
	for err == nil && len(packed) > mostShared {
		of, ok := value.(Reducible)
		if !ok {
			break
		}
		if value, ok = of.Reduced(); !ok {
			break
		}
		packed, sum, err = s.packWhole(id, value)
	}
	return packed, sum, err
}

func (s *Store) packWhole(id ID, value any) (packed []byte, sum [32]byte, err error) {
	p, _ := packers.Get().(*packer)
	defer packers.Put(p)
	if of, ok := value.(Texter); ok {
		value = of.Text()
	}
	text, err := p.encode(content{id.Kind, id.Name, value})
	if err != nil {
		return nil, sum, fmt.Errorf("encoding %s of %s: %w", id.Kind, id.Name, err)
	}
	sum = sha256.Sum256(text)
	s.mu.Lock()
	e := s.entries[id]
	same := e != nil && e.packed != nil && e.sum == sum
	s.mu.Unlock()
	if same {
		return nil, sum, nil
	}
	packed, err = p.compress(text)
	return packed, sum, err
}

// write writes the entries of one ConfigMap.
func (s *Store) write(ctx context.Context, id shardID, sh *shard) error {
	m, left := s.object(id)
	if left > sh.left && id != former() {
		s.cfg.Log.Info("entries do not fit into a checkpoint; the next start reads them from AWS", "configMap", m.Name,
			"entries", left)
	}
	if sh.version == "" {
		if err := s.fenced(ctx); err != nil { // a creation has no version that could conflict
			return err
		}
	}
	err := s.put(ctx, m, sh.version)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && sh.version != "" {
		if err := s.fenced(ctx); err != nil {
			return err
		}
		have, getErr := s.get(ctx, m.Name) // after an edit, a deletion, or a late write of an earlier leader: this term wins
		if getErr != nil {
			return getErr
		}
		err = s.put(ctx, m, versionOf(have))
	}
	if err != nil {
		return err
	}
	sh.version, sh.dirty, sh.left, sh.filled = m.ResourceVersion, false, left, len(m.BinaryData) > 0
	return nil
}

func (s *Store) put(ctx context.Context, m *corev1.ConfigMap, version string) error {
	m.ResourceVersion = version
	if version == "" {
		return s.client.Create(ctx, m)
	}
	return s.client.Update(ctx, m)
}

// denied reports whether a policy of the cluster refuses a write.
func denied(err error) bool {
	_, ok := diag.DenialOf(err.Error())
	return ok
}

// fatal reports whether an error ends all writing of this process; it logs that once.
func (s *Store) fatal(err error) bool {
	switch {
	case errors.Is(err, ErrFenced):
		s.cfg.Log.Info("another leader writes the checkpoints now; this process no longer writes any", "term", s.term)
		if s.cfg.Fenced != nil {
			s.cfg.Fenced()
		}
	case denied(err): // by a policy of the cluster, which may go
		return false
	case apierrors.IsForbidden(err):
		s.cfg.Log.Info("no checkpoints are written, so a restart reads each load balancer from AWS; to have them, grant "+
			"get, create and update of ConfigMaps in the controller's namespace",
			"namespace", s.cfg.Namespace, "cause", err.Error())
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		s.cfg.Log.Info("no checkpoints are written: their namespace does not exist", "namespace", s.cfg.Namespace, "cause",
			err.Error())
	default:
		return false
	}
	s.stop()
	return true
}
