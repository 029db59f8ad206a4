package networking

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// TestTheBindingThatIsNotKnownIsAskedForBeforeAllAre counts the lists of a hundred new bindings that become known one
// after the other, and look each time whether all are.
func TestTheBindingThatIsNotKnownIsAskedForBeforeAllAre(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithScheme(scheme)
	const many = 100
	of := func(n int) *v1beta1.TargetGroupBinding {
		return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("app-%03d", n)},
			Spec:   v1beta1.TargetGroupBindingSpec{Networking: &v1beta1.TargetGroupBindingNetworking{}},
			Status: v1beta1.TargetGroupBindingStatus{ObservedGeneration: ptr.To[int64](1)}}
	}
	for n := range many {
		b.WithObjects(of(n))
	}
	lists := 0
	r := &Reconciler{Table: sgsync.NewTable(), Options: Options{Client: interceptor.NewClient(b.Build(), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			lists++
			return c.List(ctx, l, opts...)
		},
	})}, requests: map[string]*request{}}
	for n := many - 1; n >= 0; n-- { // the fake lists them by name
		if r.allKnown(t.Context()) {
			t.Fatalf("all are known, with %d to come", n+1)
		}
		r.Table.Extend(ruleID(of(n)), nil, nil)
	}
	if lists > 2 {
		t.Errorf("%d lists", lists)
	}
	if !r.allKnown(t.Context()) {
		t.Error("not all are known in the end")
	}
	r.requests[ruleID(of(7))] = &request{binding: of(7)}
	r.Arrived(of(7))
	if r.allKnown(t.Context()) {
		t.Error("one is known of which it is not known what is registered")
	}
	if err := r.Client.Delete(t.Context(), of(7)); err != nil || !r.allKnown(t.Context()) {
		t.Error("one that is gone is in the way", err)
	}
}

// TestGroupsShareOneList has several groups ask at the same moment whether all bindings are known.
func TestGroupsShareOneList(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	const groups = 4
	var all atomic.Int32
	counted := func(lists *atomic.Int32) client.Client {
		began := make(chan struct{})
		return interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1beta1.TargetGroupBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}}).Build(), interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
				if lists.Add(1); all.Add(1) == 2*groups {
					close(began)
				}
				select {
				case <-began:
				case <-time.After(50 * time.Millisecond): // no other list begins meanwhile
				}
				return c.List(ctx, l, opts...)
			},
		})
	}
	var cached, live atomic.Int32
	r := &Reconciler{Options: Options{Client: counted(&cached), Live: counted(&live), Now: time.Now},
		Table: sgsync.NewTable()}
	var running sync.WaitGroup
	for range groups {
		running.Go(func() {
			if !r.allKnown(t.Context()) {
				t.Error("not all bindings are known")
			}
		})
	}
	running.Wait()
	if cached.Load() != 1 || live.Load() != 1 {
		t.Errorf("%d lists of the cache, %d of the API server", cached.Load(), live.Load())
	}
}

// TestListThatShowsMoreThanTheCacheIsNotRepeatedAtOnce covers the pause after a list of the API server with a binding
// that the cache lacks.
func TestListThatShowsMoreThanTheCacheIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	lists, now := 0, time.Unix(1e9, 0)
	of := func(names ...string) client.Client {
		b := fake.NewClientBuilder().WithScheme(scheme)
		for _, name := range names {
			b.WithObjects(&v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
				Spec: v1beta1.TargetGroupBindingSpec{Networking: &v1beta1.TargetGroupBindingNetworking{}}})
		}
		return interceptor.NewClient(b.Build(), interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
				lists++
				return c.List(ctx, l, opts...)
			},
		})
	}
	r := &Reconciler{Options: Options{Client: of("known"), Live: of("known", "lacking"), Now: func() time.Time { return now }},
		Table: sgsync.NewTable(), requests: map[string]*request{}, begun: now}
	r.Table.Extend("shop/known", nil, nil)
	for range 3 {
		if r.allKnown(t.Context()) {
			t.Error("all are known although the cache lacks one")
		}
	}
	if lists != 2 {
		t.Errorf("%d lists", lists)
	}
	now = now.Add(wholePause)
	if r.allKnown(t.Context()); lists != 4 {
		t.Errorf("%d lists after the pause", lists)
	}
}
