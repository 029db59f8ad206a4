package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// unreadSecretLife is how long a Secret is watched that no stack reads any more.
const unreadSecretLife = 10 * time.Minute

// refusedSecretRetry is when a Secret that may not be read is asked for again: no event tells that a Role was granted, and the
// question costs no AWS call.
const refusedSecretRetry = 10 * time.Second

// secrets reads the Secrets that stacks ask for, and no others: each is watched by its name from the first question on, so that
// a Role for just these Secrets is enough and nothing of others is ever in memory.
type secrets struct {
	client kubernetes.Interface
	index  *index[stack.Key]
	now    func() time.Time
	log    logr.Logger

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of the queue: watches live as long as it does
	queue   queueOf[stack.Key]
	watched map[types.NamespacedName]*secretWatch
}

type secretWatch struct {
	informer cache.SharedInformer
	stop     context.CancelFunc
	read     time.Time // when a stack asked last
	// version is the one that was answered before the watch had begun; there is no need to wake anybody for it.
	version string
	warned  bool
}

func newSecrets(client kubernetes.Interface, x *index[stack.Key], now func() time.Time, log logr.Logger) *secrets {
	return &secrets{client: client, index: x, now: now, log: log, watched: map[types.NamespacedName]*secretWatch{}}
}

// Start implements source.TypedFunc: events go to the queue until ctx ends.
func (s *secrets) Start(ctx context.Context, q queueOf[stack.Key]) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx, s.queue = ctx, q
	return nil
}

// get is a Secret as it is; nil if it does not exist. An error that is Forbidden is an answer, any other one is none.
func (s *secrets) get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	w := s.watch(key)
	if w.informer.HasSynced() {
		o, exists, err := w.informer.GetStore().GetByKey(key.String())
		secret, ok := o.(*corev1.Secret)
		if err != nil || !exists || !ok {
			return nil, err
		}
		return secret, nil
	}
	// The watch begins only now, or is refused: the first may read what others may not watch.
	secret, err := s.client.CoreV1().Secrets(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.version = secret.ResourceVersion
	return secret, nil
}

// watch is the watch of a Secret, begun if it is asked for the first time.
func (s *secrets) watch(key types.NamespacedName) *secretWatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.watched[key]; w != nil {
		w.read = s.now()
		return w
	}
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, key.Name).String()
	client := s.client.CoreV1().Secrets(key.Namespace)
	w := &secretWatch{read: s.now(), informer: cache.NewSharedInformer(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = only
			return client.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = only
			return client.Watch(ctx, o)
		},
	}, s.client), &corev1.Secret{}, 0)}
	s.watched[key] = w
	// Both fail only on an informer that runs already.
	_ = w.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { s.unwatched(key, w, err) })
	_, _ = w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			if secret, ok := o.(*corev1.Secret); ok && !s.answered(w, secret.ResourceVersion) {
				s.happened(key)
			}
		},
		UpdateFunc: func(before, after any) {
			if b, ok := before.(*corev1.Secret); ok {
				if a, ok := after.(*corev1.Secret); ok && equality.Semantic.DeepEqual(b.Data, a.Data) && maps.Equal(b.Labels, a.Labels) && b.UID == a.UID {
					return
				}
			}
			s.happened(key)
		},
		DeleteFunc: func(any) { s.happened(key) },
	})
	ctx := s.ctx
	if ctx == nil { // nobody listens yet
		ctx = context.Background()
	}
	ctx, w.stop = context.WithCancel(ctx)
	go w.informer.RunWithContext(ctx)
	return w
}

func (s *secrets) answered(w *secretWatch, version string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.version == version
}

// happened wakes the stacks that read the Secret.
func (s *secrets) happened(key types.NamespacedName) {
	s.mu.Lock()
	q := s.queue
	s.mu.Unlock()
	for _, k := range s.index.happened(world.Secret, key.Namespace, key.Name) {
		if q != nil {
			q.AddAfter(k, coalesce)
		}
	}
}

// unwatched tells once that edits of a Secret will not be noticed by themselves.
func (s *secrets) unwatched(key types.NamespacedName, w *secretWatch, err error) {
	s.mu.Lock()
	told := w.warned
	w.warned = w.warned || apierrors.IsForbidden(err)
	tell := w.warned && !told
	s.mu.Unlock()
	if tell {
		s.log.Info("cannot watch a Secret, so that its edits are noticed only when something else changes; let the controller's service account list and watch it",
			"secret", key.String(), "reason", err.Error())
	}
}

// retain ends the watches of Secrets that no stack has read for a while.
func (s *secrets) retain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, w := range s.watched {
		if s.now().Sub(w.read) > unreadSecretLife && !s.index.reading(world.Read{Kind: world.Secret, Namespace: key.Namespace, Name: key.Name}) {
			w.stop()
			delete(s.watched, key)
		}
	}
}

// passReader answers a world.View during one pass: Secrets from their watches, all else from the informer caches.
type passReader struct {
	cacheReader
	live    client.Reader // the API server; nil = caches are believed
	secrets *secrets      // nil = Secrets are not read
	refused map[types.NamespacedName]error
	err     error // a Secret could not be read for a reason that may pass
}

// Get implements world.Reader.
func (r *passReader) Get(kind world.Kind, namespace, name string) (metav1.Object, bool) {
	if referred[kind] {
		return cacheReader{r.ctx, sureReader{r.reader, r.live}}.Get(kind, namespace, name)
	}
	if kind != world.Secret || r.secrets == nil {
		return r.cacheReader.Get(kind, namespace, name)
	}
	key := types.NamespacedName{Namespace: namespace, Name: name}
	secret, err := r.secrets.get(r.ctx, key)
	switch {
	case apierrors.IsForbidden(err):
		if r.refused == nil {
			r.refused = map[types.NamespacedName]error{}
		}
		r.refused[key] = err
	case err != nil:
		r.err = err
	}
	return secret, secret != nil
}

// Why implements world.Explainer.
func (r *passReader) Why(kind world.Kind, namespace, name string) error {
	if kind != world.Secret {
		return nil
	}
	return r.refused[types.NamespacedName{Namespace: namespace, Name: name}]
}
