// Package secret reads the Secrets and ConfigMaps that stacks refer to, and wakes the stacks when one changes: by
// watches of metadata where the API server permits them, by polling elsewhere. It keeps no other Secret or ConfigMap,
// and writes none.
package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// unreadLifetime is how long a Secret is watched that no stack reads any longer.
	unreadLifetime = 10 * time.Minute
	// PollInterval is the pause between two background reads of Secrets. It does not grow after a failed read, because the
	// next one is of another Secret.
	PollInterval = time.Second
	// pollAge is the shortest pause between two background reads of the same Secret.
	pollAge = time.Minute
	// retainInterval is how often Secrets that are no longer read are dropped.
	retainInterval = time.Minute
	// noSecret is the version of a Secret that does not exist; the API server returns no such version.
	noSecret = "none"
)

// Core has a client of the core group of the API, as clientsets do.
type Core interface {
	CoreV1() corev1client.CoreV1Interface
}

// Reader reads the Secrets, or ConfigMaps, that stacks refer to, each by its name. Of other Secrets it receives
// metadata at most, if it watches a namespace or the cluster; scopesToWatch selects the watches. Secrets that no watch
// covers are polled.
type Reader struct {
	kind   objects.Kind
	client Core
	get    func(ctx context.Context, key types.NamespacedName) (metav1.Object, error) // from the API server
	list   func(namespace string) cache.ListWatch                                     // nil = nothing is watched
	index  *reads.Index[stack.Key]
	now    func() time.Time
	log    logr.Logger

	// Others read Secrets besides the stacks.
	Others []Other

	mu       sync.Mutex
	begin    func(*watcher) // begins a watch that ends with the controller
	queue    queue.Of[stack.Key]
	entries  map[types.NamespacedName]*entry
	polls    int                    // background reads
	polled   map[string]int         // by namespace, the value of polls at its last one
	order    []types.NamespacedName // keys of entries, by when they were first read
	watchers map[scope]*watcher
	retained time.Time
	warned   bool
}

// Other reads Secrets by Get, and not in passes over stacks.
type Other struct {
	IsRead  func(objects.Read) bool // reports whether the last read of an object still counts
	Changed func(objects.Change)
}

// entry is a Secret that a stack has read.
type entry struct {
	used    time.Time // when a stack read it last
	read    time.Time // when it was read from the API server last
	version string    // the newest one that was seen; "" = none
	events  int       // how often version has changed
	known   bool      // object is of version
	object  metav1.Object
}

// setVersion sets the newest version, and reports whether it has changed.
func (r *entry) setVersion(version string) bool {
	if r.version == version {
		return false
	}
	r.version, r.known, r.object = version, false, nil
	r.events++
	return true
}

// New returns a reader of Secrets. x has the Secrets that stacks have read. list lists and watches the Secrets of a
// namespace; nil = nothing is watched.
func New(client Core, list func(namespace string) cache.ListWatch, x *reads.Index[stack.Key], now func() time.Time,
	log logr.Logger) *Reader {
	r := newReader(client, list, x, now, log)
	r.kind, r.get = objects.Secret, func(ctx context.Context, key types.NamespacedName) (metav1.Object, error) {
		return client.CoreV1().Secrets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	}
	return r
}

// NewConfigMaps returns a reader of ConfigMaps, as New does of Secrets.
func NewConfigMaps(client Core, list func(namespace string) cache.ListWatch, x *reads.Index[stack.Key],
	now func() time.Time, log logr.Logger) *Reader {
	r := newReader(client, list, x, now, log)
	r.kind, r.get = objects.ConfigMap, func(ctx context.Context, key types.NamespacedName) (metav1.Object, error) {
		return client.CoreV1().ConfigMaps(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	}
	return r
}

func newReader(client Core, list func(namespace string) cache.ListWatch, x *reads.Index[stack.Key],
	now func() time.Time, log logr.Logger) *Reader {
	return &Reader{client: client, list: list, index: x, now: now, log: log,
		begin: func(w *watcher) { w.start(context.Background()) }, entries: map[types.NamespacedName]*entry{},
		polled: map[string]int{}, watchers: map[scope]*watcher{}}
}

// Start implements source.TypedFunc: changes wake stacks in the queue until ctx ends.
func (s *Reader) Start(ctx context.Context, q queue.Of[stack.Key]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.begin = q, func(w *watcher) { w.start(ctx) }
	return nil
}

// Get returns the current object; nil = it does not exist.
func (s *Reader) Get(ctx context.Context, key types.NamespacedName) (metav1.Object, error) {
	if absence.OfName(key.Namespace, key.Name).Proven() {
		return nil, nil
	}
	s.mu.Lock()
	r := s.entries[key]
	if r == nil {
		r = &entry{}
		s.entries[key] = r
		s.order = append(s.order, key)
		s.adjust()
	}
	r.used = s.now()
	if r.known && s.watched(key) {
		defer s.mu.Unlock()
		return r.object, nil
	}
	s.mu.Unlock()
	o, _, err := s.fetch(ctx, key, r)
	return o, err
}

// fetch reads a Secret from the API server, and reports whether its version has changed.
func (s *Reader) fetch(ctx context.Context, key types.NamespacedName, r *entry) (o metav1.Object, changed bool,
	err error) {
	s.mu.Lock()
	events := r.events
	r.read = s.now()
	s.mu.Unlock()
	o, err = s.get(ctx, key)
	version := noSecret
	switch {
	case absence.NotFound(err):
		o = nil
	case err != nil:
		return nil, false, fmt.Errorf("reading %s %s: %w", s.kind, key, err)
	default:
		version = o.GetResourceVersion()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.events != events { // the version changed during the read, which may have returned the older one
		return o, false, nil
	}
	changed = r.setVersion(version)
	// A Secret that no watch covers is read by each pass, and not cached.
	if s.watched(key) {
		r.known, r.object = true, o
	}
	return o, changed, nil
}

// watched reports whether a watch delivers each change of a Secret. s.mu is locked.
func (s *Reader) watched(key types.NamespacedName) bool {
	return slices.ContainsFunc([]scope{{}, {Namespace: key.Namespace}, key}, s.listed)
}

// listed reports whether a scope is watched and has been listed. s.mu is locked.
func (s *Reader) listed(scope scope) bool {
	w := s.watchers[scope]
	return w != nil && w.state == scopeListed
}

// adjust starts and stops watches as scopesToWatch selects them. s.mu is locked.
func (s *Reader) adjust() {
	if s.list == nil || s.listed(scope{}) && len(s.watchers) == 1 && len(s.order) > 0 {
		return
	}
	want := map[scope]bool{}
	for _, scope := range scopesToWatch(s.order, s.state) {
		want[scope] = true
	}
	for scope, w := range s.watchers {
		if !want[scope] && w.state != scopeForbidden {
			w.stop()
			delete(s.watchers, scope)
		}
	}
	for scope := range want {
		if w := s.watchers[scope]; w == nil || w.state == scopeForbidden {
			w = &watcher{Reader: s, scope: scope, state: scopeBegun}
			s.watchers[scope] = w
			s.begin(w)
		}
	}
}

// state is the state of the watch of a scope. s.mu is locked.
func (s *Reader) state(scope scope) scopeState {
	w := s.watchers[scope]
	if w == nil || w.state == scopeForbidden && s.now().Sub(w.forbidden) > forbiddenPause {
		return scopeUnwatched
	}
	return w.state
}

// wake wakes the stacks that read a Secret.
func (s *Reader) wake(key types.NamespacedName) {
	s.mu.Lock()
	q := s.queue
	s.mu.Unlock()
	change := objects.Change{Kind: s.kind, Namespace: key.Namespace, Name: key.Name}
	for _, k := range s.index.Affected(change) {
		if q != nil {
			q.AddAfter(k, queue.Coalesce)
		}
	}
	for _, o := range s.Others {
		o.Changed(change)
	}
}

// Run polls until ctx ends.
func (s *Reader) Run(ctx context.Context) error {
	queue.Every(ctx, PollInterval, nil, s.Poll)
	return nil
}

// Poll reads a Secret that no watch covers, unless each of them was read within pollAge. Namespaces take turns, because
// one may name thousands of Secrets; in a namespace, the Secret that was read the longest time ago comes first.
func (s *Reader) Poll(ctx context.Context) {
	s.retain()
	key, oldest := s.nextPoll()
	if oldest == nil {
		return
	}
	// A pass that needs the Secret reports the error.
	if _, changed, err := s.fetch(ctx, key, oldest); err == nil && changed {
		s.wake(key)
	}
}

// nextPoll returns the Secret that Poll reads next, and its entry; nil = none is due.
func (s *Reader) nextPoll() (next types.NamespacedName, of *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed(scope{}) { // the watch of the cluster covers all
		return next, nil
	}
	for _, key := range s.order {
		r, turn, first := s.entries[key], s.polled[key.Namespace], s.polled[next.Namespace]
		if (of == nil || turn < first || turn == first && r.read.Before(of.read)) &&
			s.now().Sub(r.read) >= pollAge && !s.watched(key) {
			next, of = key, r
		}
	}
	if of != nil {
		s.polls++
		s.polled[next.Namespace] = s.polls
	}
	return next, of
}

// retain drops Secrets that no stack has read for a while, and retries forbidden watches that may be permitted by now.
func (s *Reader) retain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Sub(s.retained) < retainInterval {
		return
	}
	s.retained = s.now()
	s.order = slices.DeleteFunc(s.order, func(key types.NamespacedName) bool {
		read := objects.Read{Kind: s.kind, Namespace: key.Namespace, Name: key.Name}
		unread := s.now().Sub(s.entries[key].used) > unreadLifetime && !s.index.IsRead(read) && !slices.ContainsFunc(s.Others,
			func(o Other) bool { return o.IsRead(read) })
		if unread {
			delete(s.entries, key)
		}
		return unread
	})
	maps.DeleteFunc(s.polled, func(namespace string, _ int) bool {
		return !slices.ContainsFunc(s.order, func(key types.NamespacedName) bool { return key.Namespace == namespace })
	})
	s.adjust()
}

// PassReader is the objects.Reader of one pass over a stack: the kinds of its Readers come from these, all else from
// the caches.
type PassReader struct {
	*reads.CacheReader
	get    func(objects.Kind, types.NamespacedName) (metav1.Object, error)
	of     map[objects.Kind]*Reader
	read   map[objects.Read]metav1.Object // nil = there is none; thousands of paths may name one Secret
	errs   map[objects.Read]error
	Unread error // the last error of a read that may succeed later
}

// NewPassReader makes a reader for a pass that ends with ctx; stacks that read no Secrets or ConfigMaps have nil in
// their place. An object that is not read because the pass ends is an error of the CacheReader.
func NewPassReader(ctx context.Context, cached *reads.CacheReader, readers ...*Reader) *PassReader {
	r := &PassReader{CacheReader: cached, read: map[objects.Read]metav1.Object{}, errs: map[objects.Read]error{},
		of: map[objects.Kind]*Reader{}}
	for _, one := range readers {
		if one != nil {
			r.of[one.kind] = one
		}
	}
	r.get = func(kind objects.Kind, key types.NamespacedName) (metav1.Object, error) {
		o, err := r.of[kind].Get(ctx, key)
		if err != nil && ctx.Err() != nil {
			cached.Fail(err)
			return nil, nil //nolint:nilerr // the CacheReader has it
		}
		return o, err
	}
	return r
}

// Get implements objects.Reader.
func (r *PassReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if r.of[kind] == nil {
		return r.CacheReader.Get(kind, namespace, name)
	}
	at := objects.Read{Kind: kind, Namespace: namespace, Name: name}
	if o, known := r.read[at]; known || r.errs[at] != nil {
		return o, o != nil
	}
	o, err := r.get(kind, types.NamespacedName{Namespace: namespace, Name: name})
	switch {
	case err == nil:
		r.read[at] = o
		return o, o != nil
	case !apierrors.IsForbidden(err):
		r.Unread = err
		err = objects.UnreadError{Err: unreadReason(err)}
	}
	r.errs[at] = err
	return nil, false
}

// unreadReason is an error of the API server for diagnostics, without parts that differ between attempts, such as ports
// of connections.
func unreadReason(err error) error {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return fmt.Errorf("the API server answered %s", reason)
	}
	return errors.New("the API server did not answer")
}

// Why implements objects.ReasonReader.
func (r *PassReader) Why(kind objects.Kind, namespace, name string) error {
	if r.of[kind] == nil {
		return r.CacheReader.Why(kind, namespace, name)
	}
	return r.errs[objects.Read{Kind: kind, Namespace: namespace, Name: name}]
}
