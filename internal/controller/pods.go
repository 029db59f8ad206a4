package controller

import (
	"cmp"
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

// setUpPods has the pods watched of each namespace that needs them, on every replica, so that those of one that takes
// over are there. What needs pods and is seen by none of these events awaits them where it reads them: see
// docs/decisions/0024-pods-where-needed.md.
func (w *Wiring) setUpPods(ctx context.Context) error {
	n := &podNeeds{reader: w.mgr.GetCache(), only: w.Config.WatchNamespace}
	w.pods.Kept = n.keep
	if w.Config.OpenGatesAfter > 0 { // gates that name no binding are opened as well then
		w.pods.NeedAll()
		return nil
	}
	need := func(o any) {
		if x, ok := o.(client.Object); ok && n.by(x) {
			w.pods.Need(cmp.Or(x.GetNamespace(), x.GetName()))
		}
	}
	for _, o := range []client.Object{&v1beta1.TargetGroupBinding{}, &corev1.Namespace{}} {
		i, err := w.mgr.GetCache().GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := i.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: need, UpdateFunc: func(_, o any) { need(o) }}); err != nil {
			return err
		}
	}
	return nil
}

// podNeeds knows which namespaces need their pods in the cache.
type podNeeds struct {
	reader client.Reader
	only   string // the namespace that is watched; empty = all are

	mu sync.Mutex
	// needing has, by namespace, a binding that needed the pods at the last look.
	needing map[string]client.ObjectKey
}

// by reports whether a namespace or binding needs the pods of its namespace: a namespace whose pods get readiness
// gates, and a binding whose targets are pods.
func (n *podNeeds) by(o client.Object) bool {
	if x, ok := o.(*v1beta1.TargetGroupBinding); ok {
		return bindingpass.TargetsPods(x)
	}
	return (n.only == "" || n.only == o.GetName()) && o.GetLabels()[readiness.NamespaceLabel] == readiness.Enabled
}

// keep reports whether the pods of a namespace are needed longer: by itself, by a binding, or as one of them has a
// gate. Usually it reads the Namespace, and the binding that needed the pods at the last look.
func (n *podNeeds) keep(ctx context.Context, namespace string, anyPod func(func(*corev1.Pod) bool) bool) bool {
	ns := &corev1.Namespace{}
	if err := n.reader.Get(ctx, client.ObjectKey{Name: namespace}, ns); client.IgnoreNotFound(err) != nil ||
		err == nil && n.by(ns) {
		return true
	}
	return n.byBinding(ctx, namespace) || anyPod(func(p *corev1.Pod) bool { return len(readiness.Bindings(p)) > 0 })
}

// byBinding reports whether a binding needs the pods of its namespace.
func (n *podNeeds) byBinding(ctx context.Context, namespace string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := &v1beta1.TargetGroupBinding{}
	if key, known := n.needing[namespace]; known && n.reader.Get(ctx, key, last, client.UnsafeDisableDeepCopy) == nil &&
		n.by(last) {
		return true
	}
	delete(n.needing, namespace)
	var list v1beta1.TargetGroupBindingList
	if err := n.reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return true
	}
	i := slices.IndexFunc(list.Items, func(o v1beta1.TargetGroupBinding) bool { return n.by(&o) })
	if i < 0 {
		return false
	}
	if n.needing == nil {
		n.needing = map[string]client.ObjectKey{}
	}
	n.needing[namespace] = client.ObjectKeyFromObject(&list.Items[i])
	return true
}
