package networking

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// onlyReads is the client of a cache.
type onlyReads struct {
	client.Client
	cache *growth.Cluster
	lists *int
}

func (c onlyReads) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.cache.Get(ctx, key, o, opts...)
}

func (c onlyReads) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	*c.lists++
	return c.cache.List(ctx, list, opts...)
}

// manyBindings is a reconciler and bindings with networking of which it knows nothing.
func manyBindings(t *testing.T, n int) (*Reconciler, []client.Object) {
	t.Helper()
	var all []client.Object
	for i := range n {
		all = append(all, &v1beta1.TargetGroupBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("app-%04d", i)},
			Spec:       v1beta1.TargetGroupBindingSpec{Networking: &v1beta1.TargetGroupBindingNetworking{}},
			Status:     v1beta1.TargetGroupBindingStatus{ObservedGeneration: ptr.To[int64](1)}})
	}
	c := growth.NewCluster(t, all...)
	r := &Reconciler{Options: Options{Client: onlyReads{cache: c, lists: new(int)}}, Table: sgsync.NewTable(),
		requests: map[string]*request{}, closing: map[string]*closing{}, ending: map[string]string{}, swept: true}
	return r, all
}

func nameOf(o client.Object) string {
	return stack.ID{Namespace: o.GetNamespace(), Name: o.GetName()}.String()
}

// TestStartCostsTheSameForEachBinding shows that the question whether all bindings are known, which each of them asks
// at a start, costs no look at all of them.
func TestStartCostsTheSameForEachBinding(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a start for each binding, by bindings", func(n int) float64 {
		r, all := manyBindings(t, n)
		return growth.Bytes(func() {
			r.Table, r.suspects, r.suspected, r.listed, r.complete = sgsync.NewTable(), nil, nil, false, false
			for _, o := range all {
				if r.allKnown(t.Context()) {
					t.Fatal("all are known before the last")
				}
				r.Table.Extend(nameOf(o), nil, nil)
			}
			if !r.allKnown(t.Context()) {
				t.Fatal("not all are known in the end")
			}
		}) / float64(n)
	})
}

// TestQuestionWhetherAllAreKnownCostsNoList shows that a group of rules that is looked at pays for no binding once all
// are known.
func TestQuestionWhetherAllAreKnownCostsNoList(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a look at a group of rules, by bindings", func(n int) float64 {
		r, all := manyBindings(t, n)
		for _, o := range all {
			r.Table.Extend(nameOf(o), nil, nil)
		}
		return growth.Bytes(func() {
			if !r.allKnown(t.Context()) {
				t.Fatal("not all are known")
			}
		})
	})
}

// TestBindingThatComesOrGoesCostsNoList covers the events after which all bindings were listed again: one comes, is
// wanted for the first time, inherits rules, or lets go of its rules.
func TestBindingThatComesOrGoesCostsNoList(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a binding that comes and goes, by bindings", func(n int) float64 {
		r, all := manyBindings(t, n)
		for _, o := range all {
			r.Table.Extend(nameOf(o), nil, nil)
		}
		if !r.allKnown(t.Context()) {
			t.Fatal("not all are known")
		}
		reads, _ := r.Client.(onlyReads)
		*reads.lists = 0
		one, _ := all[n/2].(*v1beta1.TargetGroupBinding)
		known := func(want bool, what string) {
			t.Helper()
			if r.allKnown(t.Context()) != want {
				t.Errorf("%s: all are known: %t", what, !want)
			}
		}
		bytes := growth.Bytes(func() {
			r.Table.Set(nameOf(one), nil) // of a binding that comes, nothing is recorded
			r.Arrived(one)
			known(false, "came")
			r.Table.Extend(nameOf(one), nil, nil)
			r.mu.Lock()
			r.requests[nameOf(one)] = &request{binding: one}
			r.suspectID(nameOf(one)) // as Want does
			r.mu.Unlock()
			known(false, "unread")
			r.Read(t.Context(), one, false)
			known(true, "read")
			r.Release(t.Context(), nameOf(one))
			known(false, "released")
			r.Table.Extend(nameOf(one), nil, nil)
			known(true, "known again")
		})
		if *reads.lists > 0 {
			t.Errorf("%d lists of all bindings", *reads.lists)
		}
		return bytes
	})
}

// TestGoneBindingsAreForgottenBesideAnUnknownOne has a tenant's bindings come and go while another binding
// stays unknown.
func TestGoneBindingsAreForgottenBesideAnUnknownOne(t *testing.T) {
	t.Parallel()
	r, all := manyBindings(t, 1)
	if r.allKnown(t.Context()) {
		t.Fatal("the binding is known")
	}
	for i := range 1000 {
		o, _ := all[0].DeepCopyObject().(*v1beta1.TargetGroupBinding)
		o.Name = fmt.Sprintf("gone-%d", i)
		r.Arrived(o)
		if r.allKnown(t.Context()) {
			t.Fatal("the binding is known")
		}
	}
	if len(r.suspects) > 3 || len(r.suspected) > 3 {
		t.Errorf("%d suspects, %d in the map", len(r.suspects), len(r.suspected))
	}
}

type anyRules = sgsync.Rules

// noRules are security groups without rules.
type noRules struct{ anyRules }

func (noRules) RulesAtHand(context.Context, string) ([]stack.Permission, bool, error) {
	return nil, true, nil
}
func (noRules) OfSeveralClusters(context.Context, string) bool { return false }

// TestLookAtAGroupLooksAtNoOtherBinding has a binding that asks for rules of another group: a look at it would panic.
func TestLookAtAGroupLooksAtNoOtherBinding(t *testing.T) {
	t.Parallel()
	r, all := manyBindings(t, 1)
	r.Unseen = func(context.Context) bool { return false }
	r.Now = func() time.Time { return time.Unix(0, 0) }
	r.rules = &sgsync.Reconciler{Table: r.Table, Rules: noRules{}}
	r.bindings, r.groups = queue.NewKeyed(0, r.Now, nil), queue.NewKeyed(0, r.Now, nil)
	r.Table.Set(nameOf(all[0]), map[string][]stack.Permission{})
	r.requests["shop/other"] = nil
	if next := r.reconcileGroup(t.Context(), "sg-1"); next != (queue.Retry{}) {
		t.Errorf("next: %+v", next)
	}
}
