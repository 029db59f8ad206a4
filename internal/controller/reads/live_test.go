package reads

import (
	"context"
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// TestLiveReaderFindsWhatNamesAnObject shows that references are found at an API server, which has no index of them.
func TestLiveReaderFindsWhatNamesAnObject(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(routeOf(1, 1), routeOf(2, 2), routeOf(3, 1)).Build()
	r := NewLiveReader(t.Context(), api)
	if got := r.ListNaming(objects.HTTPRoute, gateway(1)); len(got) != 2 || r.Err() != nil {
		t.Errorf("%d routes, error %v", len(got), r.Err())
	}
	cached := NewCacheReader(t.Context(), api, nil)
	if cached.ListNaming(objects.HTTPRoute, gateway(1)); cached.Err() == nil {
		t.Error("the API server has an index; the test shows nothing")
	}
}

// uncopied notes whether a read asks for no copy.
type uncopied struct {
	client.Reader
	without bool
}

func (u *uncopied) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	var all client.GetOptions
	all.ApplyOptions(opts)
	u.without = ptr.Deref(all.UnsafeDisableDeepCopy, false)
	return u.Reader.Get(ctx, key, o, opts...)
}

func TestPassReadsTheCacheWithoutCopies(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	cache := &uncopied{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(routeOf(1, 1)).Build()}
	route := routeOf(1, 1)
	_, found := NewCacheReader(t.Context(), cache, nil).Get(objects.HTTPRoute, route.GetNamespace(), route.GetName())
	if !found || !cache.without {
		t.Errorf("found %v, without a copy %v", found, cache.without)
	}
}
