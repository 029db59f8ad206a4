package reads

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
)

// failing is an API server that does not answer.
type failing struct{ client.Reader }

func (failing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("no answer")
}

func (failing) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("no answer")
}

// TestEmptyListNeedsTheAPIServer has a cache with or without nodes, and an API server with a node, without one, or
// without an answer.
func TestEmptyListNeedsTheAPIServer(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	with := fake.NewClientBuilder().WithScheme(scheme).WithObjects(node).Build()
	without := fake.NewClientBuilder().WithScheme(scheme).Build()
	for name, c := range map[string]struct {
		cache, live client.Reader
		nodes       int
		fails       bool
	}{
		"the cache has it":               {with, failing{}, 1, false},
		"only the API server has it":     {without, with, 1, false},
		"both lack it":                   {without, without, 0, false},
		"the API server does not answer": {without, failing{}, 0, true},
		"the cache is believed":          {without, nil, 0, false},
		"the cache does not answer":      {failing{}, with, 0, true},
	} {
		var list corev1.NodeList
		err := ConfirmingReader{Cache: c.cache, Live: c.live}.List(t.Context(), &list)
		if len(list.Items) != c.nodes || (err != nil) != c.fails {
			t.Errorf("%s: %d nodes, %v", name, len(list.Items), err)
		}
	}
}

// TestUnknownObjectIsNamedByItsKind has an API server that answers neither a read nor a list.
func TestUnknownObjectIsNamedByItsKind(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	r := ConfirmingReader{Cache: fake.NewClientBuilder().WithScheme(scheme).Build(), Live: failing{}}
	_, err = r.Get(t.Context(), client.ObjectKey{Name: "a"}, &corev1.Node{})
	if want := "Node /a is not in the cache, and reading it from the API server failed: "; err == nil || !errors.Is(err,
		absence.ErrUnknown) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	err = r.List(t.Context(), &corev1.NodeList{})
	if want := "the cache has no Node, and reading it from the API server failed: "; err == nil || !strings.HasPrefix(err.Error(),
		want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestCacheWithoutGrantsIsNoRefusal shows that a namespace has no ReferenceGrants only if the API server says so.
func TestCacheWithoutGrantsIsNoRefusal(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	grant := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "blog", Name: "shop"}}
	with := fake.NewClientBuilder().WithScheme(scheme).WithObjects(grant).Build()
	without := fake.NewClientBuilder().WithScheme(scheme).Build()
	r := NewCacheReader(t.Context(), without, with)
	if got := r.List(objects.ReferenceGrant, "blog"); len(got) != 1 || r.Err() != nil {
		t.Errorf("%d grants, %v", len(got), r.Err())
	}
	r = NewCacheReader(t.Context(), without, failing{without})
	if r.List(objects.ReferenceGrant, "blog"); r.Err() == nil {
		t.Error("an API server that does not answer has no grants")
	}
}
