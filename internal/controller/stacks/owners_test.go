package stacks

import (
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// TestEachKindOfOwnerIsHandledByItsEntryAndItsFrontEnd deletes an object that carries the finalizer of a stack.
func TestEachKindOfOwnerIsHandledByItsEntryAndItsFrontEnd(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	loaders := settings.Loaders(&config.Config{}, false)
	if len(loaders) != len(owner.Kinds) {
		t.Errorf("%d front ends for %d kinds of owners", len(loaders), len(owner.Kinds))
	}
	names := map[string]string{"a name": "web", "a name that is too long for labels": strings.Repeat("w", 100),
		"a name that is too long for tags": strings.Repeat("w", 253)}
	for _, k := range owner.Kinds {
		for what, name := range names {
			t.Run(string(k.Owner)+", "+what, func(t *testing.T) {
				t.Parallel()
				handled(t, scheme, loaders[k.Owner], k, "shop", name)
			})
		}
	}
}

func handled(t *testing.T, scheme *runtime.Scheme, f front.Loader, k owner.Kind, namespace, name string) {
	t.Helper()
	if f == nil || f.Owner() != k.Owner {
		t.Fatalf("its front end is %v", f)
	}
	o, ok := readable.Kinds[objects.Kind(k.Kind)].Object.DeepCopyObject().(client.Object)
	if !ok || !k.Is(o) {
		t.Fatalf("%T is not of its kind", o)
	}
	key := stack.Key{Owner: k.Owner, ID: naming.StackID(namespace, name)}
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	o.SetFinalizers([]string{naming.Finalizer(key)})
	o.SetAnnotations(map[string]string{string(k.AllowDeletion): "true", string(k.DeleteDuplicates): "sg-1"})
	c := withReferences(fake.NewClientBuilder().WithScheme(scheme).WithObjects(o)).Build()

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

	s := &Reconciler{Front: f, Client: c, Index: reads.NewIndex[stack.Key](), Reporter: reporting.NewReporter(
		func(diag.Object, reporting.Event) {}, time.Now)}
	q := &testQueue{t: t}
	(&OwnerEvents{Reconciler: s, Classes: reads.NewIndex[client.ObjectKey]()}).OwnerHandler().Delete(t.Context(),
		event.DeleteEvent{Object: o}, q)
	if d := cmp.Diff([]string{key.ID.String()}, q.stacks); d != "" {
		t.Error("stacks that its deletion wakes:", d)
	}
	if needed, err := NewBackendGroup(c, nil, nil, "demo", logr.Discard()).Needed(t.Context()); !needed || err != nil {
		t.Errorf("the backend security group may go: %v, %v", needed, err)
	}
	if got, ok := bindingobject.StackOfBinding(objects.FromObjects([]any{o}), naming.Labels(key)); got != key || !ok {
		t.Errorf("its bindings are those of %s, %v", got, ok)
	}
	if invalid := validation.IsDNS1123Subdomain(reporting.ObjectName(key)); len(invalid) > 0 {
		t.Errorf("its LoadBalancer object is %s: %v", reporting.ObjectName(key), invalid)
	}
	shown := &v1alpha1.LoadBalancer{ObjectMeta: metav1.ObjectMeta{Name: reporting.ObjectName(key)}}
	shown.Status = reporting.LoadBalancer(reporting.Pass{Key: key, Now: time.Unix(1, 0)}, shown.Status)
	if got, ok := reporting.KeyOf(shown); got != key || !ok {
		t.Errorf("its LoadBalancer object is that of %s, %v", got, ok)
	}
	if kind := owner.Object(o).Kind; kind != k.Kind {
		t.Errorf("diagnostics call it %q", kind)
	}
}
