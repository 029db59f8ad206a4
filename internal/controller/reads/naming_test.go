package reads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

const (
	manyGateways = 1000
	manyRoutes   = 5000
)

func gateway(i int) objects.Ref {
	return objects.Ref{Kind: objects.Gateway, Namespace: "infra", Name: fmt.Sprint("gateway-", i)}
}

func routeOf(i, gateway int) *gatewayv1.HTTPRoute {
	o := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("route-", i)}}
	o.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: gatewayv1.ObjectName(fmt.Sprint("gateway-", gateway)),
		Namespace: ptr.To(gatewayv1.Namespace("infra"))}}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{
		{BackendRefs: []gatewayv1.HTTPBackendRef{
			{BackendRef: gatewayv1.BackendRef{BackendObjectReference: gatewayv1.BackendObjectReference{Name: "web"}}}}}}
	return o
}

// many is an index of a cluster with many Gateways, each with its share of the routes.
func many() *Index[int] {
	x := NewIndex[int]()
	for i := range manyGateways {
		rs := []objects.Read{{Kind: objects.Gateway, Namespace: "infra", Name: gateway(i).Name},
			{Kind: objects.GatewayClass, Name: "alb"}, {Kind: objects.ReferenceGrant, Namespace: "shop"},
			{Kind: objects.Service, Namespace: "shop", Name: "web"}}
		for _, kind := range []objects.Kind{objects.HTTPRoute, objects.GRPCRoute, objects.ListenerSet} {
			rs = append(rs, objects.Read{Kind: kind, Names: gateway(i)})
		}
		x.Update(i, x.Begin(), rs)
	}
	return x
}

func TestAnEditOfOneOf5000RoutesConcernsItsGatewayAlone(t *testing.T) {
	t.Parallel()
	x := many()
	for i := range manyRoutes {
		of := i % manyGateways
		if got := x.Affected(objects.ChangeOf(objects.HTTPRoute, routeOf(i, of), routeOf(i, of))); !slices.Equal(got,
			[]int{of}) {
			t.Fatalf("route %d wakes %v, want %d", i, got, of)
		}
	}
}

func TestARouteThatMovesWakesItsFormerGatewayToo(t *testing.T) {
	t.Parallel()
	x := many()
	got := x.Affected(objects.ChangeOf(objects.HTTPRoute, routeOf(1, 7), routeOf(1, 8)))
	slices.Sort(got)
	if !slices.Equal(got, []int{7, 8}) {
		t.Errorf("%v", got)
	}
	if got := x.Affected(objects.ChangeOf(objects.HTTPRoute, routeOf(1, 7), nil)); !slices.Equal(got, []int{7}) {
		t.Errorf("deleted: %v", got)
	}
	if got := x.Affected(objects.ChangeOf(objects.TCPRoute, nil, routeOf(1, 7))); len(got) != 0 {
		t.Errorf("a kind that is not read: %v", got)
	}
}

func TestARouteThatIsAttachedWhileItsGatewayReadsMakesItStale(t *testing.T) {
	t.Parallel()
	x := many()
	begun := x.Begin()
	x.Affected(objects.ChangeOf(objects.HTTPRoute, routeOf(1, 8), routeOf(1, 7)))
	of := func(i int) []objects.Read { return []objects.Read{{Kind: objects.HTTPRoute, Names: gateway(i)}} }
	if !x.Update(7, begun, of(7)) || !x.Update(8, begun, of(8)) {
		t.Error("the change is lost")
	}
	if x.Update(9, begun, of(9)) {
		t.Error("another Gateway is stale")
	}
}

// served is a cluster that lacks kinds.
type served map[objects.Kind]bool

func (s served) Serves(k objects.Kind) bool { return s[k] }

func TestObjectsAreListedByTheIndexOfWhatTheyName(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(routeOf(1, 7), routeOf(2, 7), routeOf(3, 8)).
		WithIndex(&gatewayv1.HTTPRoute{}, readable.References, readable.ReferenceValues).Build()
	r := NewCacheReader(t.Context(), c, c)
	r.Definitions = served{objects.HTTPRoute: true}
	v := objects.New(r)
	if got := objects.Naming[*gatewayv1.HTTPRoute](v, objects.HTTPRoute, gateway(7)); len(got) != 2 || v.Err() != nil {
		t.Errorf("%d routes, %v", len(got), v.Err())
	}
	if !v.Serves(objects.HTTPRoute) || v.Serves(objects.GRPCRoute) || !v.Serves(objects.Service) {
		t.Error("other kinds are served than the cluster says")
	}
}

func TestObjectOfUnservedKindIsAbsentWithoutRead(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	empty := fake.NewClientBuilder().WithScheme(scheme).Build()
	for serves, want := range map[bool]bool{true: true, false: false} {
		r := NewCacheReader(t.Context(), empty, unreachable{empty})
		r.Definitions = served{objects.GatewayClass: serves}
		if _, ok := r.Get(objects.GatewayClass, "", "alb"); ok || (r.Err() != nil) != want {
			t.Errorf("served %t: %v", serves, r.Err())
		}
	}
}

// unreachable is an API server that does not answer.
type unreachable struct{ client.Reader }

func (unreachable) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("down")
}

func BenchmarkAnEventOfARoute(b *testing.B) {
	x := many()
	before, after := routeOf(1, 7), routeOf(1, 7)
	b.ReportAllocs()
	for b.Loop() {
		x.Affected(objects.ChangeOf(objects.HTTPRoute, before, after))
	}
}

func BenchmarkAnEventOfAService(b *testing.B) {
	x := NewIndex[int]()
	for i := range manyGateways {
		x.Update(i, x.Begin(), []objects.Read{{Kind: objects.Service, Namespace: "shop", Name: fmt.Sprint(i)},
			{Kind: objects.Ingress, Namespace: "shop", Name: fmt.Sprint(i)}})
	}
	b.ReportAllocs()
	for b.Loop() {
		x.Affected(objects.Change{Kind: objects.Service, Namespace: "shop", Name: "7"})
	}
}

func BenchmarkAnUpdateOfTwentyReads(b *testing.B) {
	x := NewIndex[int]()
	var rs []objects.Read
	for i := range 20 {
		rs = append(rs, objects.Read{Kind: objects.Service, Namespace: "shop", Name: fmt.Sprint(i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		x.Update(1, x.Begin(), rs)
	}
}
