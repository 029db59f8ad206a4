package reads

import (
	"testing"

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
