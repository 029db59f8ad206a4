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
}

func (c onlyReads) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.cache.Get(ctx, key, o, opts...)
}

func (c onlyReads) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
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
	return &Reconciler{Options: Options{Client: onlyReads{cache: c}}, Table: sgsync.NewTable(),
		requests: map[string]*request{}}, all
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
			r.Table, r.suspects, r.arrivals = sgsync.NewTable(), nil, r.arrivals+1
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
