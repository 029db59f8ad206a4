package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

const (
	// holdEnds is how often ends of holds are looked for. It costs no call.
	holdEnds = 5 * time.Second
	// holdPoll is the pause between reads of the holds where the controller may get their ConfigMap and may not watch it,
	// as with older rights.
	holdPoll = 30 * time.Second
)

// setUpHolds sets up what administrators hold, which each replica watches from its start on.
func (w *Wiring) setUpHolds() {
	w.holds = hold.NewBook(w.Now)
	w.Metrics.Count("lbc_held_stacks", w.holds.Held)
	w.holdReporter = reporting.NewReporter(w.recorder("hold"), w.Now)
	namespace, err := ownNamespace(w.Config.LeaderElectionNamespace)
	if err != nil {
		w.Log.Info("lbc hold has no effect: the controller's namespace is not known; set --leader-election-namespace",
			"cause", err.Error())
		w.holds.Set(nil)
		return
	}
	w.starts(&holdWatcher{
		book: w.holds, client: w.start.api, api: w.start.api.CoreV1().ConfigMaps(namespace), changed: w.holdsChanged,
		unread: func(p []hold.Problem) { w.reportHolds(namespace, p) },
		denied: func(err error) {
			w.Log.Info("holds of administrators cannot be read, and lbc hold has no effect; grant get, list and watch of the "+
				"ConfigMap to the controller's service account",
				"configmap", namespace+"/"+hold.ConfigMap, "cause", err.Error())
		},
	})
}

// holdsChanged queues everything whose hold changed, and keeps the holds for the next process.
func (w *Wiring) holdsChanged() {
	keys := w.holds.Changed()
	w.keepHolds()
	w.history.held(w.holds.InForce())
	if !w.boundHolds.changed(w.holds.InForce()) && len(keys) == 0 {
		return
	}
	for _, key := range keys {
		w.wake(queue.Normal, key)
	}
	if w.accelerators != nil {
		w.accelerators.WakeAll()
	}
	w.wakeBindings()
	for _, q := range w.rules {
		q.RetryFailed(waiting.Spacing)
	}
	w.Log.Info("holds of administrators have changed", "in force", len(w.holds.InForce()), "load balancers", len(keys))
}

// wakeBindings queues all bindings.
func (w *Wiring) wakeBindings() {
	var list v1beta1.TargetGroupBindingList
	if w.bindings == nil || w.mgr.GetClient().List(context.Background(), &list, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	for i := range list.Items {
		w.bindings.Waker.Wake(queue.Normal, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
}

// leads reports whether this process leads. Another one reports nothing and keeps nothing.
func (w *Wiring) leads() bool {
	select {
	case <-w.mgr.Elected():
		return true
	default:
		return false
	}
}

// keepHolds keeps the holds in force for the next process.
func (w *Wiring) keepHolds() {
	if w.checkpoints == nil || !w.leads() {
		return
	}
	if kept := w.holds.InForce(); len(kept) > 0 {
		w.checkpoints.Put(checkpoint.Holds, checkpoint.HoldsName, kept)
		return
	}
	w.checkpoints.Delete(checkpoint.Holds, checkpoint.HoldsName)
}

// restoreHolds enters what a former process could read of the holds.
func restoreHolds(b *hold.Book, restored checkpoint.Restored) {
	var kept []hold.Kept
	if text, ok := restored.Entries[checkpoint.ID{Kind: checkpoint.Holds, Name: checkpoint.HoldsName}]; ok &&
		json.Unmarshal(text, &kept) == nil {
		b.Restore(kept)
	}
}

// reportHolds reports entries of the ConfigMap that cannot be read.
func (w *Wiring) reportHolds(namespace string, problems []hold.Problem) {
	if !w.leads() {
		return
	}
	o := diag.Object{Kind: string(objects.ConfigMap), Namespace: namespace, Name: hold.ConfigMap}
	report := reporting.Report{Partial: false, Waiting: []diag.Object{o}}
	for _, p := range problems {
		report.Found = append(report.Found, diag.New(o, fmt.Sprintf("data[%s]", p.Key), diag.HoldUnreadable, p.Text,
			"write it with lbc hold, or remove it"))
	}
	w.holdReporter.Report("holds", report)
}

// inForce are the holds of the last look.
type inForce struct{ of []hold.Kept }

// changed reports whether others are in force now.
func (f *inForce) changed(now []hold.Kept) bool {
	same := len(now) == len(f.of)
	for i := range now {
		same = same && now[i] == f.of[i]
	}
	f.of = now
	return !same
}

// holdWatcher keeps a Book current by a watch of one ConfigMap, or by reads of it where the watch is forbidden.
type holdWatcher struct {
	book    *hold.Book
	client  any // of the API server, which says whether it streams lists
	api     corev1client.ConfigMapInterface
	changed func()
	unread  func([]hold.Problem)
	denied  func(error)

	forbidden atomic.Bool
	told      atomic.Bool
}

// holdRetry is the pause before a forbidden watch is tried again.
const holdRetry = 10 * time.Minute

// allowed notes whether the API server permits the watch. After a refusal it returns late, so that the watch is seldom
// tried again.
func (h *holdWatcher) allowed(ctx context.Context, err error) {
	if !apierrors.IsForbidden(err) {
		return
	}
	h.forbidden.Store(true)
	_ = sleep.For(ctx, holdRetry)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (h *holdWatcher) NeedLeaderElection() bool { return false }

// Start runs until ctx ends.
func (h *holdWatcher) Start(ctx context.Context) error {
	changes := make(chan map[string]string)
	r := cache.NewReflectorWithOptions(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := h.api.List(ctx, named(o))
			h.allowed(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			out, err := h.api.Watch(ctx, named(o))
			h.allowed(ctx, err)
			return out, err
		},
	}, h.client), &corev1.ConfigMap{}, holdStore{ctx, changes}, cache.ReflectorOptions{Name: "holds"})
	go r.RunWithContext(ctx)
	ends, polls := time.NewTicker(holdEnds), time.NewTicker(time.Second)
	defer ends.Stop()
	defer polls.Stop()
	var polled time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-changes:
			h.forbidden.Store(false)
			h.unread(h.book.Set(data))
			h.changed()
		case <-ends.C:
			h.changed()
		case now := <-polls.C:
			if h.forbidden.Load() && now.Sub(polled) >= holdPoll {
				polled = now
				h.poll(ctx)
			}
		}
	}
}

// poll reads the ConfigMap.
func (h *holdWatcher) poll(ctx context.Context) {
	m, err := h.api.Get(ctx, hold.ConfigMap, metav1.GetOptions{})
	switch {
	case absence.NotFound(err):
		h.book.Set(nil)
	case err == nil:
		h.unread(h.book.Set(m.Data))
	case apierrors.IsForbidden(err):
		h.book.Unreadable()
		if !h.told.Swap(true) {
			h.denied(err)
		}
	default:
		return
	}
	h.changed()
}

// named limits a list or watch to the ConfigMap with the holds.
func named(o metav1.ListOptions) metav1.ListOptions {
	o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, hold.ConfigMap).String()
	return o
}

// holdStore passes on what the ConfigMap has; it implements cache.ReflectorStore.
type holdStore struct {
	ctx context.Context
	to  chan<- map[string]string
}

func (s holdStore) send(data map[string]string) error {
	select {
	case s.to <- data:
	case <-s.ctx.Done():
	}
	return nil
}

func (s holdStore) object(o any) error {
	m, ok := o.(*corev1.ConfigMap)
	if !ok || m.Name != hold.ConfigMap {
		return nil
	}
	return s.send(m.Data)
}

// Add implements cache.ReflectorStore.
func (s holdStore) Add(o any) error { return s.object(o) }

// Update implements cache.ReflectorStore.
func (s holdStore) Update(o any) error { return s.object(o) }

// Delete implements cache.ReflectorStore.
func (s holdStore) Delete(any) error { return s.send(nil) }

// Resync implements cache.ReflectorStore.
func (s holdStore) Resync() error { return nil }

// Replace implements cache.ReflectorStore.
func (s holdStore) Replace(list []any, _ string) error {
	for _, o := range list {
		if m, ok := o.(*corev1.ConfigMap); ok && m.Name == hold.ConfigMap {
			return s.send(m.Data)
		}
	}
	return s.send(nil)
}
