package gatewaystatus

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestWhatAStackDecidedIsDroppedWithoutALookAtThoseOfOthers(t *testing.T) {
	t.Parallel()
	key := func(owner stack.Owner, name string) stack.Key {
		return stack.Key{Owner: owner, ID: stack.ID{Namespace: "shop", Name: name}}
	}
	a, b, moved := key(stack.GatewayALB, "a"), key(stack.GatewayALB, "b"), key(stack.GatewayNLB, "a")
	route, other := objects.Ref{Kind: objects.HTTPRoute, Namespace: "shop", Name: "web"}, objects.Ref{
		Kind: objects.HTTPRoute, Namespace: "shop", Name: "api"}
	s := NewStatuses(nil, time.Now, logr.Discard())
	wantDecided := func(when string, want map[objects.Ref][]stack.Key) {
		t.Helper()
		for _, id := range []objects.Ref{route, other} {
			got := slices.SortedFunc(maps.Keys(s.wanted.Of(id)), stack.Key.Compare)
			if slices.SortFunc(want[id], stack.Key.Compare); !slices.Equal(got, want[id]) {
				t.Errorf("%s: of %v %v, want %v", when, id, got, want[id])
			}
		}
	}
	s.enter(route, a, gateway.Change{})
	s.enter(route, b, gateway.Change{})
	s.enter(other, a, gateway.Change{})
	s.enter(route, moved, gateway.Change{})
	wantDecided("the Gateway is of the other family now", map[objects.Ref][]stack.Key{route: {b, moved}, other: {a}})
	s.Set(a, nil)
	wantDecided("the Gateway decides nothing any more", map[objects.Ref][]stack.Key{route: {b, moved}})
	s.Forget(b)
	wantDecided("a Gateway is gone", map[objects.Ref][]stack.Key{route: {moved}})
	s.Forget(moved)
	wantDecided("all are gone", nil)
}

func TestOnlyNumbersOfAttachedRoutesWait(t *testing.T) {
	t.Parallel()
	of := func(routes int32, conditions ...metav1.Condition) *gatewayv1.Gateway {
		g := &gatewayv1.Gateway{}
		g.Status.Conditions, g.Status.Listeners = conditions, []gatewayv1.ListenerStatus{
			{Name: "http", AttachedRoutes: routes}}
		return g
	}
	set := func(routes ...int32) *gatewayv1.ListenerSet {
		s := &gatewayv1.ListenerSet{}
		for _, n := range routes {
			s.Status.Listeners = append(s.Status.Listeners, gatewayv1.ListenerEntryStatus{Name: "http", AttachedRoutes: n})
		}
		return s
	}
	programmed := metav1.Condition{Type: "Programmed", Status: metav1.ConditionTrue}
	for name, tc := range map[string]struct {
		from, to client.Object
		want     bool
	}{
		"a number":               {of(1), of(2), true},
		"a number and more":      {of(1), of(2, programmed), false},
		"a first listener":       {&gatewayv1.Gateway{}, of(1), false},
		"that of a ListenerSet":  {set(1), set(99), true},
		"another entry of a set": {set(1), set(1, 1), false},
		"a route":                {&gatewayv1.HTTPRoute{}, &gatewayv1.HTTPRoute{}, false},
	} {
		if got := onlyCounts(tc.from, tc.to); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
