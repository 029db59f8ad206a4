package reads

import (
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

func gatewayNamed(name string) *gatewayv1.Gateway {
	return &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

func TestShownDeletionProvesAbsenceWithoutRead(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	empty := fake.NewClientBuilder().WithScheme(scheme).Build()
	d := &Departed{}
	d.Note(objects.Gateway, gatewayNamed("gone"))
	for name, unknown := range map[string]bool{"gone": false, "never": true} {
		r := NewCacheReader(t.Context(), empty, unreachable{empty})
		r.Departed = d
		if _, ok := r.Get(objects.Gateway, "shop", name); ok || (r.Err() != nil) != unknown {
			t.Errorf("%s: %t, %v", name, ok, r.Err())
		}
	}
	r := NewCacheReader(t.Context(), empty, unreachable{empty})
	if r.Departed = d; r.Err() == nil {
		if _, ok := r.Get(objects.Service, "shop", "gone"); ok || r.Err() == nil {
			t.Error("the deletion of a Gateway proves the absence of a Service of its name")
		}
	}
	d.Note(objects.Gateway, gatewayNamed("other"))
	only := d.Only(objects.Gateway, client.ObjectKey{Namespace: "shop", Name: "gone"})
	if !only.Has(objects.Gateway, client.ObjectKey{Namespace: "shop", Name: "gone"}) ||
		only.Has(objects.Gateway, client.ObjectKey{Namespace: "shop", Name: "other"}) ||
		d.Only(objects.Gateway, client.ObjectKey{Namespace: "shop", Name: "never"}) != nil {
		t.Error("one of the objects has others with it")
	}
	back := fake.NewClientBuilder().WithScheme(scheme).WithObjects(gatewayNamed("gone")).Build()
	r = NewCacheReader(t.Context(), back, unreachable{empty})
	if r.Departed = d; r.Err() == nil {
		if _, ok := r.Get(objects.Gateway, "shop", "gone"); !ok {
			t.Error("a Gateway that was created again is absent")
		}
	}
}

func TestOfManyDeletionsTheLatestAreKept(t *testing.T) {
	t.Parallel()
	d := &Departed{}
	for i := range 5 * mostDeparted {
		d.Note(objects.Gateway, gatewayNamed(strconv.Itoa(i)))
	}
	kept := len(d.newest) + len(d.older)
	if kept > 2*mostDeparted ||
		!d.Has(objects.Gateway, client.ObjectKey{Namespace: "shop", Name: strconv.Itoa(4 * mostDeparted)}) {
		t.Errorf("%d are kept", kept)
	}
}
