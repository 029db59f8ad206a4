package gateway

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

func TestEntriesOfRoutesThatLeadToNoGatewayAreTakenAway(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(decode(t, classes+`Gateway shop/ours {spec: {gatewayClassName: alb}}
Gateway shop/theirs {spec: {gatewayClassName: other}}
Gateway shop/classless {spec: {gatewayClassName: gone}}
ListenerSet shop/ours {spec: {parentRef: {name: ours}}}
ListenerSet shop/astray {spec: {parentRef: {name: gone}}}`))
	for parent, stays := range map[string]bool{
		"Gateway ours": true, "Gateway theirs": false, "Gateway classless": true, "Gateway gone": false,
		"ListenerSet ours": true, "ListenerSet astray": false, "ListenerSet gone": false, "Service ours": false,
	} {
		kind, name, _ := strings.Cut(parent, " ")
		ref := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(name), Kind: (*gatewayv1.Kind)(&kind)}
		route := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "r"}}
		route.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: ref, ControllerName: "example.com/other"},
			{ParentRef: ref, ControllerName: ControllerALB}}
		want := 2
		if c := LeftByGateways(v, defaults(), objects.HTTPRoute, route); (c.Apply == nil) != stays {
			t.Errorf("%s: a change %v", parent, c.Apply != nil)
		} else if c.Apply != nil {
			want = 1
			if !c.Apply(route, metav1.Time{}) || c.Apply(route, metav1.Time{}) {
				t.Errorf("%s: the entry is not taken away, or twice", parent)
			}
		}
		if got := route.Status.Parents; len(got) != want || got[0].ControllerName != "example.com/other" {
			t.Errorf("%s: %v", parent, got)
		}
	}
}

func TestAListenerSetWithoutGatewayWaitsForIt(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(decode(t, classes+"Gateway shop/ours {spec: {gatewayClassName: alb}}"))
	accepted := []metav1.Condition{{Type: "Accepted", Status: "True", Reason: "Accepted"},
		{Type: "Programmed", Status: "True", Reason: "Programmed"}}
	for name, c := range map[string]struct {
		gateway    string
		conditions []metav1.Condition
		changes    bool
	}{"it exists": {"ours", accepted, false}, "it is gone": {"gone", accepted, true}, "no status": {"gone", nil, false}} {
		s := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s", Generation: 3}}
		s.Spec.ParentRef.Name, s.Status.Conditions = gatewayv1.ObjectName(c.gateway), c.conditions
		change := Orphaned(v, s)
		if (change.Apply != nil) != c.changes {
			t.Errorf("%s: a change %v", name, change.Apply != nil)
		}
		if change.Apply == nil {
			continue
		}
		if to := s.DeepCopy(); !change.Apply(to, metav1.Now()) || change.Apply(to, metav1.Now()) ||
			to.Status.Conditions[0].Status != metav1.ConditionUnknown || to.Status.Conditions[1].Message !=
			"Waiting for the Gateway" || to.Status.Conditions[1].ObservedGeneration != 3 {
			t.Errorf("%s: %+v", name, to.Status)
		}
	}
}
