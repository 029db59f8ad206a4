package reads

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// calls counts the calls of a client.
type calls struct {
	client.Reader
	gets, lists int
}

func (c *calls) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	c.gets++
	return c.Reader.Get(ctx, key, o, opts...)
}

func (c *calls) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	c.lists++
	return c.Reader.List(ctx, list, opts...)
}

// TestMissingObjectsAreReadTogether has a pass read thousands of Services that do not exist, as an Ingress in the group
// of others may name them, and one that only the API server has.
func TestMissingObjectsAreReadTogether(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	late := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: "late"}}
	cache := &calls{Reader: fake.NewClientBuilder().WithScheme(scheme).Build()}
	live := &calls{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(late).Build()}
	r := NewCacheReader(t.Context(), cache, live)
	v := objects.New(r)
	for i := range 5_000 {
		if _, exists := v.Service("evil", fmt.Sprint("s", i)); exists {
			t.Fatalf("Service s%d exists", i)
		}
	}
	if _, exists := v.Service("evil", "late"); !exists || r.Err() != nil {
		t.Errorf("a Service that the cache lacks does not exist: %v", r.Err())
	}
	if live.gets > fewMissing+1 || live.lists != 1 {
		t.Errorf("%d reads and %d lists of the API server", live.gets, live.lists)
	}
	if _, exists := v.Service("shop", "web"); exists || live.lists != 1 {
		t.Errorf("a namespace was listed for the objects of another one")
	}
	r = NewCacheReader(t.Context(), cache, unlisted{live})
	for i := range fewMissing + 1 {
		if r.Err() != nil {
			t.Errorf("after %d reads: %v", i, r.Err())
		}
		objects.New(r).Service("evil", fmt.Sprint("s", i))
	}
	if r.Err() == nil {
		t.Error("a list that fails proves the absence of a Service")
	}
}

// unlisted is an API server that answers no lists.
type unlisted struct{ client.Reader }

func (unlisted) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("no answer")
}

// TestObjectIsReadOncePerPass has thousands of fields name one object, whose copy takes long.
func TestObjectIsReadOncePerPass(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	web := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	cache := &calls{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(web).Build()}
	live := &calls{Reader: fake.NewClientBuilder().WithScheme(scheme).Build()}
	v := objects.New(NewCacheReader(t.Context(), cache, live))
	for range 5_000 {
		_, web := v.Service("shop", "web")
		_, none := v.Service("shop", "none")
		if !web || none {
			t.Fatalf("web exists: %v, none exists: %v", web, none)
		}
	}
	if cache.gets != 2 || live.gets != 1 {
		t.Errorf("%d reads of the cache, %d of the API server", cache.gets, live.gets)
	}
}

// TestMissingGrantsAreReadTogether has a pass follow references to thousands of namespaces, each several times, as the
// routes of a tenant at a shared Gateway may. One of the namespaces has a ReferenceGrant that only the API server has.
func TestMissingGrantsAreReadTogether(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	grant := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "n1999", Name: "evil"}}
	grant.Spec.From = []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: "evil"}}
	grant.Spec.To = []gatewayv1.ReferenceGrantTo{{Kind: "Service"}}
	cache := fake.NewClientBuilder().WithScheme(scheme).WithIndex(grant, readable.References,
		readable.ReferenceValues).Build()
	live := &calls{Reader: fake.NewClientBuilder().WithScheme(scheme).WithObjects(grant).Build()}
	r := NewCacheReader(t.Context(), cache, live)
	v, from := objects.New(r), objects.From{Kind: objects.HTTPRoute, Namespace: "evil"}
	for i := range 4_000 {
		to := objects.Ref{Kind: objects.Service, Namespace: fmt.Sprint("n", i%2_000), Name: "web"}
		if got, want := objects.Permits(v, from, to), to.Namespace == "n1999"; got != want {
			t.Errorf("a reference to namespace %s is permitted: %v", to.Namespace, got)
		}
	}
	if live.lists > fewMissing+1 || r.Err() != nil {
		t.Errorf("%d lists of the API server, %v", live.lists, r.Err())
	}
}
