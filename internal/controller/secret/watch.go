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

// forbiddenPause is the pause before a forbidden watch of a namespace or of the cluster is tried again.
const forbiddenPause = 10 * time.Minute

// Metadata lists and watches Secrets, or another kind by its plural, of a namespace ("" = of all) by their metadata:
// the API server sends no contents. The required permissions are the same as for the contents.
func Metadata(client metadataclient.Interface, plural string) func(namespace string) cache.ListWatch {
	secrets := client.Resource(corev1.SchemeGroupVersion.WithResource(plural))
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

// watcher is the watch of one scope. It implements the store of its reflector, but stores nothing: it reports changes
// of Secrets that are read.
type watcher struct {
	*Reader
	scope     scope
	stop      context.CancelFunc
	state     scopeState // protected by Reader.mu
	forbidden time.Time  // when it was forbidden; the reflector retries the watch of one Secret by itself
}

func (w *watcher) covers(key types.NamespacedName) bool {
	return w.scope == scope{} || w.scope == key || w.scope.Name == "" && w.scope.Namespace == key.Namespace
}

// start watches until ctx ends.
func (w *watcher) start(ctx context.Context) {
	ctx, w.stop = context.WithCancel(ctx)
	from := w.list(w.scope.Namespace)
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: inScope(w, from.ListWithContextFunc), WatchFuncWithContext: inScope(
			w, from.WatchFuncWithContext),
	}, w.client), nil, w, cache.ReflectorOptions{Name: string(w.kind) + " " + w.scope.String(),
		TypeDescription: string(w.kind)})
	go r.RunWithContext(ctx)
}

// inScope limits a call to the scope of a watch, and notes its error.
func inScope[T any](w *watcher, call func(context.Context, metav1.ListOptions) (T, error)) func(context.Context,
	metav1.ListOptions) (T, error) {
	return func(ctx context.Context, o metav1.ListOptions) (T, error) {
		if w.scope.Name != "" {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, w.scope.Name).String()
		}
		out, err := call(ctx, o)
		w.noteError(err)
		return out, err
	}
}

// noteError records that the API server forbids the watch, so that narrower watches or polling replace it. If it is the
// watch of one Secret, that is logged once.
func (w *watcher) noteError(err error) {
	if !apierrors.IsForbidden(err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers[w.scope] != w {
		return
	}
	w.forbidden = w.now()
	if w.scope.Name != "" {
		w.state = scopeBegun
	} else {
		w.state = scopeForbidden
		w.stop()
		w.adjust()
	}
	if w.scope.Name != "" && !w.warned {
		w.warned = true
		w.log.Info("cannot watch a "+string(w.kind)+", so it is polled, and its edits take effect later; grant list and "+
			"watch of it to the controller's service account",
			"object", w.scope.String(), "reason", err.Error())
	}
}

// noteVersions sets the versions of Secrets, and wakes the stacks that read one that has changed.
func (w *watcher) noteVersions(versions map[types.NamespacedName]string) {
	w.mu.Lock()
	var changed []types.NamespacedName
	for key, v := range versions {
		if r := w.entries[key]; r != nil && r.setVersion(v) {
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
		return fmt.Errorf("watching objects of kind %s: %w", w.kind, err)
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
			return fmt.Errorf("listing objects of kind %s: %w", w.kind, err)
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
	if w.watchers[w.scope] == w && w.state != scopeForbidden {
		w.state = scopeListed
		w.adjust()
	}
	w.mu.Unlock()
	w.noteVersions(versions)
	return nil
}
