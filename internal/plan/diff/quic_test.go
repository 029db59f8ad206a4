package diff

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// datagrams is a network load balancer with one listener, in the protocol of listener and target group.
func datagrams(protocol string) *stack.Stack {
	s := testStack("udp")
	s.Rules = nil
	s.LoadBalancers[0].Type = stack.Network
	s.TargetGroups[0].Protocol, s.TargetGroups[0].ProtocolVersion = protocol, ""
	s.TargetGroups[0].Name += "-" + protocol // as names are hashes of the protocol, too
	s.Bindings[0].Protocol, s.Bindings[0].Name = protocol, s.TargetGroups[0].Name
	s.Listeners[0].Protocol = protocol
	s.Listeners[0].DefaultActions = []stack.Action{
		{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
			{TargetGroup: targetGroupRef("udp")}}}}}
	return s
}

func TestAQUICListenerThatExistsIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"QUIC", "TCP_QUIC"} {
		f := newFake(testKey())
		f.converge(t, datagrams(protocol), Options{})
		want := datagrams(protocol)
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s:\n%s", protocol, p.Text(plan.TextOptions{}))
		}
		// Everything else of it is managed.
		want.TargetGroups[0].HealthCheck.IntervalSeconds = 30
		if writes := f.converge(t, want, Options{}); len(writes) != 1 || writes["ModifyTargetGroup"] != 1 {
			t.Errorf("%s: an edit writes %v", protocol, writes)
		}
	}
}

// TestQUICIsSwitchedOnAndOffByAnotherTargetGroup: the protocol of a target group is fixed. A listener aside has the new
// one checked before the listener turns to it, and nothing is left.
func TestQUICIsSwitchedOnAndOffByAnotherTargetGroup(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ from, to string }{{"UDP", "QUIC"}, {"QUIC", "UDP"}, {"TCP_UDP", "TCP_QUIC"},
		{"TCP_QUIC", "TCP_UDP"}} {
		f := newFake(testKey())
		f.converge(t, datagrams(tc.from), Options{})
		port := f.obs.Listeners[0].Port
		writes := f.converge(t, datagrams(tc.to), Options{})
		if len(f.obs.Listeners) != 1 || f.obs.Listeners[0].Protocol != tc.to || f.obs.Listeners[0].Port != port ||
			len(f.obs.TargetGroups) != 1 || f.obs.TargetGroups[0].Protocol != tc.to {
			t.Errorf("%s to %s: listeners %+v, target groups %+v", tc.from, tc.to, f.obs.Listeners, f.obs.TargetGroups)
		}
		if writes["CreateTargetGroup"] != 1 || writes["DeleteTargetGroup"] != 1 || writes["ModifyListener"] != 1 ||
			writes["DeleteLoadBalancer"] != 0 {
			t.Errorf("%s to %s writes %v", tc.from, tc.to, writes)
		}
	}
}
