package secret

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	metadataclient "k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
)

// refusedLife is for how long a refused watch of a namespace or of the cluster is not tried again.
const refusedLife = 10 * time.Minute

// Metadata lists and watches Secrets of a namespace ("" = of all) by their metadata alone: the API server sends no contents, and
// takes the same rights as for the contents.
func Metadata(client metadataclient.Interface) func(namespace string) cache.ListWatch {
	secrets := client.Resource(corev1.SchemeGroupVersion.WithResource("secrets"))
	return func(namespace string) cache.ListWatch {
		return cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return secrets.Namespace(namespace).List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return secrets.Namespace(namespace).Watch(ctx, o)
			},
		}
	}
}

// watcher is the watch of one scope. It is the store of its reflector, and keeps nothing itself: it passes on which Secrets that are read have
// changed.
type watcher struct {
	*Reader
	scope   scope
	stop    context.CancelFunc
	state   scopeState // secrets.mu guards it
	refused time.Time  // when the API server refused it; a refused watch of one Secret goes on trying by itself
}

func (w *watcher) covers(key types.NamespacedName) bool {
	return w.scope == scope{} || w.scope == key || w.scope.Name == "" && w.scope.Namespace == key.Namespace
}

// start watches until ctx ends.
func (w *watcher) start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	from := w.list(w.scope.Namespace)
	limit := func(o *metav1.ListOptions) {
		if w.scope.Name != "" {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, w.scope.Name).String()
		}
	}
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			limit(&o)
			l, err := from.ListWithContextFunc(ctx, o)
			w.noteError(err)
			return l, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			limit(&o)
			v, err := from.WatchFuncWithContext(ctx, o)
			w.noteError(err)
			return v, err
		},
	}, w.client), nil, w, cache.ReflectorOptions{Name: "secrets " + w.scope.String(), TypeDescription: "Secret"})
	go r.RunWithContext(ctx)
}

// noteError records that the API server refuses the watch: what it covers is read otherwise. The refusal of a watch of one Secret is logged once.
func (w *watcher) noteError(err error) {
	if !apierrors.IsForbidden(err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers[w.scope] != w {
		return
	}
	w.refused = w.now()
	if w.scope.Name != "" {
		w.state = scopeBegun
	} else {
		w.state = scopeRefused
		w.stop()
		w.adjust()
	}
	if w.scope.Name != "" && !w.warned {
		w.warned = true
		w.log.Info("cannot watch a Secret, so that its edits are noticed later, by reading it now and then; let the controller's service account list and watch it",
			"secret", w.scope.String(), "reason", err.Error())
	}
}

// noteVersions sets the versions of Secrets, and wakes the stacks that read one that has changed.
func (w *watcher) noteVersions(versions map[types.NamespacedName]string) {
	w.mu.Lock()
	var changed []types.NamespacedName
	for key, v := range versions {
		if r := w.entries[key]; r != nil && r.saw(v) {
			changed = append(changed, key)
		}
	}
	w.mu.Unlock()
	for _, key := range changed {
		w.wake(key)
	}
}

func (w *watcher) note(o any, gone bool) error {
	m, err := meta.Accessor(o)
	if err != nil {
		return fmt.Errorf("watching Secrets: %w", err)
	}
	v := m.GetResourceVersion()
	if gone {
		v = noSecret
	}
	w.noteVersions(map[types.NamespacedName]string{{Namespace: m.GetNamespace(), Name: m.GetName()}: v})
	return nil
}

// Add implements cache.ReflectorStore.
func (w *watcher) Add(o any) error { return w.note(o, false) }

// Update implements cache.ReflectorStore.
func (w *watcher) Update(o any) error { return w.note(o, false) }

// Delete implements cache.ReflectorStore.
func (w *watcher) Delete(o any) error { return w.note(o, true) }

// Resync implements cache.ReflectorStore.
func (w *watcher) Resync() error { return nil }

// Replace implements cache.ReflectorStore.
func (w *watcher) Replace(list []any, _ string) error {
	listed := make(map[types.NamespacedName]string, len(list))
	for _, o := range list {
		m, err := meta.Accessor(o)
		if err != nil {
			return fmt.Errorf("listing Secrets: %w", err)
		}
		listed[types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}] = m.GetResourceVersion()
	}
	versions := map[types.NamespacedName]string{}
	w.mu.Lock()
	for key := range w.entries {
		if w.covers(key) {
			versions[key] = noSecret
			if v, ok := listed[key]; ok {
				versions[key] = v
			}
		}
	}
	if w.watchers[w.scope] == w && w.state != scopeRefused {
		w.state = scopeListed
		w.adjust()
	}
	w.mu.Unlock()
	w.noteVersions(versions)
	return nil
}
