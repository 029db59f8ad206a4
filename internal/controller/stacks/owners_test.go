package stacks

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
)

// TestEachKindOfOwnerIsHandledByItsEntryAndItsFrontEnd deletes an object that carries the finalizer of a stack.
func TestEachKindOfOwnerIsHandledByItsEntryAndItsFrontEnd(t *testing.T) {
	t.Parallel()
	scheme, err := kube.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	loaders := front.Loaders(&config.Config{}, false)
	if len(loaders) != len(owner.Kinds) {
		t.Errorf("%d front ends for %d kinds of owners", len(loaders), len(owner.Kinds))
	}
	for _, k := range owner.Kinds {
		t.Run(string(k.Owner), func(t *testing.T) {
			t.Parallel()
			f := loaders[k.Owner]
			if f == nil || f.Owner() != k.Owner {
				t.Fatalf("its front end is %v", f)
			}
			o, ok := kube.Kinds[objects.Kind(k.Kind)].Object.DeepCopyObject().(client.Object)
			if !ok || !k.Is(o) {
				t.Fatalf("%T is not of its kind", o)
			}
			key := stack.Key{Owner: k.Owner, ID: stack.ID{Namespace: "shop", Name: "web"}}
			o.SetNamespace("shop")
			o.SetName("web")
			o.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
			o.SetFinalizers([]string{naming.Finalizer(key)})
			o.SetAnnotations(map[string]string{string(k.AllowDeletion): "true", string(k.DeleteDuplicates): "sg-1"})
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(o).Build()

			w := f.Load(objects.FromObjects([]any{o}), key.ID)
			if allowed, by := w.DeletionAllowed(k.Owner); len(w.Leaving) != 1 || !allowed || by != k.AllowDeletion {
				t.Errorf("%d leave; their deletion is allowed by %s: %v", len(w.Leaving), by, allowed)
			}
			if d := cmp.Diff([]string{"sg-1"}, w.Options(k.Owner, diff.Options{}).DeleteDuplicates); d != "" {
				t.Error(d)
			}
			if names := w.Hostnames(k.Owner); len(names) > 0 {
				t.Errorf("it shows %v", names)
			}

			s := &Reconciler{Front: f, Client: c, Index: reads.NewIndex[stack.Key](), Reporter: status.NewReporter(func(diag.Object, status.Event) {}, time.Now)}
			q := &testQueue{t: t}
			(&OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}).Owner().Delete(t.Context(), event.DeleteEvent{Object: o}, q)
			if d := cmp.Diff([]string{"shop/web"}, q.stacks); d != "" {
				t.Error("stacks that its deletion wakes:", d)
			}
			if needed, err := NewBackendGroup(c, nil, nil, "demo", logr.Discard()).Needed(t.Context()); !needed || err != nil {
				t.Errorf("the backend security group may go: %v, %v", needed, err)
			}
			if got, ok := kube.OwnerOfBinding(naming.Labels(key)); got != key || !ok {
				t.Errorf("its bindings are those of %s, %v", got, ok)
			}
			shown := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Name: status.ObjectName(key)}}
			shown.Status = status.LoadBalancer(status.Pass{Key: key, Now: time.Unix(1, 0)}, shown.Status)
			if got, ok := status.KeyOf(shown); got != key || !ok {
				t.Errorf("its LoadBalancer object is that of %s, %v", got, ok)
			}
			if kind := owner.Object(o).Kind; kind != k.Kind {
				t.Errorf("diagnostics call it %q", kind)
			}
		})
	}
}
