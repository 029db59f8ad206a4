package gateways

import (
	"fmt"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// indexedObjects are objects in memory that are found by what they name without a look at the others, as in the caches.
type indexedObjects struct {
	objects.Snapshot
	naming map[objects.Kind]map[objects.Ref][]metav1.Object
}

func (x indexedObjects) put(o client.Object) {
	x.Put(o)
	kind, _ := objects.KindOf(o)
	if x.naming[kind] == nil {
		x.naming[kind] = map[objects.Ref][]metav1.Object{}
	}
	for _, r := range objects.References(o) {
		x.naming[kind][r] = append(x.naming[kind][r], o)
	}
}

// ListNaming implements objects.Reader.
func (x indexedObjects) ListNaming(kind objects.Kind, to objects.Ref) []metav1.Object {
	return x.naming[kind][to]
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAnEditOfOneOfFiveThousandRoutesMakesOnePass has 1,000 Gateways with five routes each, and what a pass over each
// of them reads. not parallel: it measures the heap of the process
func TestAnEditOfOneOfFiveThousandRoutesMakesOnePass(t *testing.T) {
	const gateways, each = 1000, 5
	_, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	x := indexedObjects{objects.Snapshot{}, map[objects.Kind]map[objects.Ref][]metav1.Object{}}
	x.put(class)
	x.put(lab.Service("web"))
	x.put(lab.IPTargets())
	for i := range gateways {
		name := fmt.Sprintf("web-%d", i)
		g, _ := lab.Gateway(name, "alb", 80, gatewayv1.HTTPProtocolType)
		x.put(g)
		for j := range each {
			r := lab.Route(fmt.Sprintf("%s-%d", name, j), "/")
			r.Spec.ParentRefs[0].Name = gatewayv1.ObjectName(name)
			x.put(r)
		}
	}
	l := lab.New(t, account.Profile{})
	queued := &wokenStacks{}
	var events []*stacks.OwnerEvents
	before := heap()
	for _, s := range l.Gateways {
		for i := range gateways {
			key := stack.Key{Owner: s.Front.Owner(), ID: stack.ID{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)}}
			v, at := objects.New(x), s.Index.Begin()
			w := s.Front.Load(v, key.ID)
			if wanted := key.Owner == stack.GatewayALB; w.Declared != wanted ||
				wanted && len(w.LoadBalancer.Members) != 1+each {
				t.Fatalf("%s: wanted %t with %d members", key, w.Declared, len(w.LoadBalancer.Members))
			}
			s.Index.Update(key, at, v.Reads())
		}
		events = append(events, &stacks.OwnerEvents{Reconciler: s, Classes: reads.NewIndex[types.NamespacedName]()})
	}
	grown := int64(heap()) - int64(before)
	if most := int64(16 << 20); grown > most {
		t.Errorf("the record of what was read takes %d bytes, at most %d", grown, most)
	}
	for _, i := range []int{0, gateways / 2, gateways - 1} {
		name := fmt.Sprintf("web-%d", i)
		o, _ := x.Get(objects.HTTPRoute, "shop", name+"-3")
		route, ok := o.(*gatewayv1.HTTPRoute)
		if !ok {
			t.Fatal("no route")
		}
		edited := route.DeepCopy()
		edited.Generation, edited.ResourceVersion, edited.Spec.Hostnames = 2, "2", []gatewayv1.Hostname{"shop.example.com"}
		for _, e := range events {
			e.DependencyHandler(objects.HTTPRoute).Update(t.Context(), event.UpdateEvent{ObjectOld: route, ObjectNew: edited}, queued)
		}
		// The front end of the other family reads a Gateway and its class only.
		if got, want := queued.taken(), lab.GatewayKey(stack.GatewayALB, name).String(); len(got) != 1 || got[0] != want {
			t.Errorf("an edit of a route of %s makes passes over %v", name, got)
		}
	}
	for _, e := range events { // a status makes none
		o, _ := x.Get(objects.HTTPRoute, "shop", "web-0-3")
		route, ok := o.(*gatewayv1.HTTPRoute)
		if !ok {
			t.Fatal("no route")
		}
		shown := route.DeepCopy()
		shown.ResourceVersion, shown.Status.Parents = "2", []gatewayv1.RouteParentStatus{
			{ControllerName: "gateway.k8s.aws/alb"}}
		e.DependencyHandler(objects.HTTPRoute).Update(t.Context(), event.UpdateEvent{ObjectOld: route, ObjectNew: shown}, queued)
	}
	if got := queued.taken(); len(got) > 0 {
		t.Errorf("a status makes passes over %v", got)
	}
}
