package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	// unreadSecretLife is how long a Secret is watched that no stack reads any more.
	unreadSecretLife = 10 * time.Minute
	// secretPollEvery is the pause between two background reads of Secrets, whichever these are. It does not grow after a failed read: the
	// next one is of another Secret.
	secretPollEvery = time.Second
	// secretPollAge is the pause between two background reads of the same Secret, at least.
	secretPollAge = time.Minute
	// secretRetainEvery is how often the Secrets are looked through for those that are not read any more.
	secretRetainEvery = time.Minute
	// noSecret is the version of a Secret that does not exist; the API server gives none such.
	noSecret = "none"
)

// secrets reads the Secrets that stacks ask for, each by its name, and no others. Of all others it sees metadata at most, where it may
// watch a namespace or the cluster: secretWatches tells which. Secrets that no watch covers are read again by poll.
type secrets struct {
	client kubernetes.Interface
	list   func(namespace string) cache.ListWatch // nil = nothing is watched
	index  *reads.Index[stack.Key]
	now    func() time.Time
	log    logr.Logger

	mu       sync.Mutex
	begin    func(*secretWatch) // begins a watch that ends with the controller
	queue    queue.Of[stack.Key]
	read     map[types.NamespacedName]*readSecret
	order    []types.NamespacedName // of read, by when they were first asked for
	watches  map[secretScope]*secretWatch
	retained time.Time
	warned   bool
}

// readSecret is a Secret that a stack has asked for.
type readSecret struct {
	asked   time.Time // by a stack, last
	read    time.Time // from the API server, or tried, last
	version string    // the newest that is known; "" = none is
	events  int       // how often version has changed
	known   bool      // secret is of version
	secret  *corev1.Secret
}

// saw takes over a version, and reports whether it is another one than was known.
func (r *readSecret) saw(version string) bool {
	if r.version == version {
		return false
	}
	r.version, r.known, r.secret = version, false, nil
	r.events++
	return true
}

func newSecrets(client kubernetes.Interface, list func(namespace string) cache.ListWatch, x *reads.Index[stack.Key], now func() time.Time, log logr.Logger) *secrets {
	return &secrets{client: client, list: list, index: x, now: now, log: log,
		begin: func(w *secretWatch) { w.start(context.Background()) }, read: map[types.NamespacedName]*readSecret{}, watches: map[secretScope]*secretWatch{}}
}

// Start implements source.TypedFunc: events go to the queue until ctx ends.
func (s *secrets) Start(ctx context.Context, q queue.Of[stack.Key]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.begin = q, func(w *secretWatch) { w.start(ctx) }
	return nil
}

// get is a Secret as it is; nil if it does not exist. An error that is Forbidden is an answer, any other one is none.
func (s *secrets) get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	s.mu.Lock()
	r := s.read[key]
	if r == nil {
		r = &readSecret{}
		s.read[key] = r
		s.order = append(s.order, key)
		s.adjust()
	}
	r.asked = s.now()
	if r.known && s.watched(key) {
		defer s.mu.Unlock()
		return r.secret, nil
	}
	s.mu.Unlock()
	secret, _, err := s.fetch(ctx, key, r)
	return secret, err
}

// fetch reads a Secret from the API server, and reports whether it is another one than was known.
func (s *secrets) fetch(ctx context.Context, key types.NamespacedName, r *readSecret) (secret *corev1.Secret, changed bool, err error) {
	s.mu.Lock()
	events := r.events
	r.read = s.now()
	s.mu.Unlock()
	secret, err = s.client.CoreV1().Secrets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	version := noSecret
	switch {
	case apierrors.IsNotFound(err):
		secret = nil
	case err != nil:
		return nil, false, fmt.Errorf("reading Secret %s: %w", key, err)
	default:
		version = secret.ResourceVersion
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.events != events { // it has changed while it was read, so that what came may be the older one
		return secret, false, nil
	}
	changed = r.saw(version)
	// What no watch covers is read anew by each pass, and not kept.
	if s.watched(key) {
		r.known, r.secret = true, secret
	}
	return secret, changed, nil
}

// watched reports whether a watch tells of each change of a Secret. s.mu is held.
func (s *secrets) watched(key types.NamespacedName) bool {
	for _, scope := range []secretScope{{}, {Namespace: key.Namespace}, key} {
		if w := s.watches[scope]; w != nil && w.state == scopeListed {
			return true
		}
	}
	return false
}

// adjust begins and ends watches, as the Secrets that are read want it. s.mu is held.
func (s *secrets) adjust() {
	if w := s.watches[secretScope{}]; s.list == nil || w != nil && w.state == scopeListed && len(s.watches) == 1 && len(s.order) > 0 {
		return
	}
	want := map[secretScope]bool{}
	for _, scope := range secretWatches(s.order, s.state) {
		want[scope] = true
	}
	for scope, w := range s.watches {
		if !want[scope] && w.state != scopeRefused {
			w.stop()
			delete(s.watches, scope)
		}
	}
	for scope := range want {
		if w := s.watches[scope]; w == nil || w.state == scopeRefused {
			w = &secretWatch{secrets: s, scope: scope, state: scopeBegun}
			s.watches[scope] = w
			s.begin(w)
		}
	}
}

// state is how far the watch of a scope is. s.mu is held.
func (s *secrets) state(scope secretScope) secretScopeState {
	w := s.watches[scope]
	if w == nil || w.state == scopeRefused && s.now().Sub(w.refused) > secretRefusedLife {
		return scopeUnwatched
	}
	return w.state
}

// wake wakes the stacks that read a Secret.
func (s *secrets) wake(key types.NamespacedName) {
	s.mu.Lock()
	q := s.queue
	s.mu.Unlock()
	for _, k := range s.index.Affected(objects.Secret, key.Namespace, key.Name) {
		if q != nil {
			q.AddAfter(k, queue.Coalesce)
		}
	}
}

// run polls until ctx ends.
func (s *secrets) run(ctx context.Context) error {
	queue.Every(ctx, secretPollEvery, nil, s.poll)
	return nil
}

// poll reads the Secret again that no watch covers and that was read the longest time ago, unless that was within secretPollAge.
func (s *secrets) poll(ctx context.Context) {
	s.retain()
	s.mu.Lock()
	var oldest *readSecret
	var key types.NamespacedName
	for _, k := range s.order {
		if r := s.read[k]; (oldest == nil || r.read.Before(oldest.read)) && s.now().Sub(r.read) >= secretPollAge && !s.watched(k) {
			oldest, key = r, k
		}
	}
	s.mu.Unlock()
	if oldest == nil {
		return
	}
	// An error is told by the pass that needs the Secret.
	if _, changed, err := s.fetch(ctx, key, oldest); err == nil && changed {
		s.wake(key)
	}
}

// retain forgets the Secrets that no stack has read for a while, and tries refused watches again that may be allowed by now.
func (s *secrets) retain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Sub(s.retained) < secretRetainEvery {
		return
	}
	s.retained = s.now()
	s.order = slices.DeleteFunc(s.order, func(key types.NamespacedName) bool {
		unread := s.now().Sub(s.read[key].asked) > unreadSecretLife && !s.index.IsRead(objects.Read{Kind: objects.Secret, Namespace: key.Namespace, Name: key.Name})
		if unread {
			delete(s.read, key)
		}
		return unread
	})
	s.adjust()
}

// passReader answers a objects.View during one pass: Secrets from their watches, all else from the informer caches.
type passReader struct {
	*reads.CacheReader
	secrets *secrets // nil = Secrets are not read
	refused map[types.NamespacedName]error
	unread  error // the last error by which a Secret could not be read for a reason that may pass
}

// Get implements objects.Reader.
func (r *passReader) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if kind != objects.Secret || r.secrets == nil {
		return r.CacheReader.Get(kind, namespace, name)
	}
	key := types.NamespacedName{Namespace: namespace, Name: name}
	secret, err := r.secrets.get(r.Context(), key)
	switch {
	case err == nil:
		return secret, secret != nil
	case r.Context().Err() != nil:
		return nil, r.Fail(err)
	case !apierrors.IsForbidden(err):
		r.unread = err
		err = objects.UnreadError{Err: unreadReason(err)}
	}
	if r.refused == nil {
		r.refused = map[types.NamespacedName]error{}
	}
	r.refused[key] = err
	return nil, false
}

// unreadReason is an error of the API server without what differs from try to try, such as ports of connections: findings show it.
func unreadReason(err error) error {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return fmt.Errorf("the API server answered %s", reason)
	}
	return errors.New("the API server did not answer")
}

// Why implements objects.Explainer.
func (r *passReader) Why(kind objects.Kind, namespace, name string) error {
	if kind != objects.Secret {
		return nil
	}
	return r.refused[types.NamespacedName{Namespace: namespace, Name: name}]
}
