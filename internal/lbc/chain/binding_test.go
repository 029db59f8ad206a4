package chain

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

func TestTargetsThatAreNoEndpointsHaveAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		health     string
		shared     bool
		known      bool
		own        []string
		deregister []string
		want       string
	}{
		"that drains": {"draining", false, true, nil, nil, "finishes its requests"},
		"that goes": {"healthy", false, true, nil, []string{"10.0.0.9:80"},
			"the controller deregisters this target"},
		"of another cluster": {"healthy", true, true, []string{"10.0.0.1:80"}, nil,
			"another cluster or a user has registered"},
		"of this cluster, that goes": {"healthy", true, true, []string{"10.0.0.9:80"}, []string{"10.0.0.9:80"},
			"the controller deregisters this target"},
		"on the former port of a pod":     {"healthy", false, true, nil, nil, "on its former port"},
		"while no endpoint is known":      {"healthy", false, false, nil, nil, ""},
		"whose cluster is not known, too": {"healthy", true, false, nil, nil, "another cluster or a user has registered"},
	} {
		o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: v1beta1.TargetGroupBindingSpec{MultiClusterTargetGroup: c.shared}}
		e := Bound(BindingInput{Object: o, Completed: o.Spec, State: map[bool]BoundState{true: BindingServed,
			false: BindingUnknown}[c.known], Own: c.own, Deregister: c.deregister, Registered: []RegisteredTarget{
			{Target: "10.0.0.9:80", Health: c.health}}})
		if len(e.Others) != 1 || (c.want == "") != (e.Others[0].Why == "") || !strings.Contains(e.Others[0].Why, c.want) {
			t.Errorf("a target %s: %+v, want %q", name, e.Others, c.want)
		}
	}
}

func TestAnEndpointShowsWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	o := &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Generation: 2}}
	o.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "False", Reason: "TargetGroupBound",
		Message: "it is bound", ObservedGeneration: 1}}
	e := Bound(BindingInput{
		Object: o, State: BindingServed, Port: "80 → 8080", Register: []string{"10.0.0.2:80"}, Deregister: []string{
			"10.0.0.3:80"},
		Endpoints: []BoundEndpoint{
			{Target: "10.0.0.1:80", Pod: "a", Node: "n"}, {Target: "10.0.0.2:80", Pod: "b"}, {Target: "10.0.0.3:80", Pod: "c",
				Why: "its pod terminates"}, {Target: "10.0.0.4:80", Why: "its address is not in vpc-1"},
			{Target: "10.0.0.5:80", Node: "n"},
		},
		Registered: []RegisteredTarget{{Target: "10.0.0.1:80", Health: "unhealthy", Reason: "Target.Timeout"},
			{Target: "10.0.0.3:80", Health: "healthy"}},
	})
	text := e.Text(false)
	for _, want := range []string{
		"  10.0.0.1:80  pod a on n  unhealthy (Target.Timeout)\n", "  10.0.0.2:80  pod b       to be registered\n",
		"  10.0.0.3:80  pod c       no target: its pod terminates; healthy; to be deregistered\n",
		"  10.0.0.4:80  no pod      no target: its address is not in vpc-1\n",
		"  10.0.0.5:80  node n      a target, not registered\n",
		"Ready False TargetGroupBound: it is bound (of a former version of the spec)\n",
		"of a user: no stack owns it\n", "the binding has no spec.networking",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
