package diff

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// datagrams is a network load balancer with one listener, in the protocol of listener and target group.
func datagrams(protocol string, quic bool) *stack.Stack {
	s := testStack("udp")
	s.Rules = nil
	s.LoadBalancers[0].Type = stack.Network
	s.TargetGroups[0].Protocol, s.TargetGroups[0].ProtocolVersion = protocol, ""
	s.Bindings[0].Protocol = protocol
	s.Listeners[0].Protocol, s.Listeners[0].QUIC = protocol, quic
	s.Listeners[0].DefaultActions = []stack.Action{{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: targetGroupRef("udp")}}}}}
	return s
}

func TestAQUICListenerOfAnotherControllerIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ wanted, exists string }{{"UDP", "QUIC"}, {"TCP_UDP", "TCP_QUIC"}} {
		f := newFake(testKey())
		f.converge(t, datagrams(tc.exists, false), Options{})
		want := datagrams(tc.wanted, true)
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s is turned into %s:\n%s", tc.exists, tc.wanted, p.Text(plan.TextOptions{}))
		}
		if want.Listeners[0].Protocol != tc.wanted || want.TargetGroups[0].Protocol != tc.wanted || want.Bindings[0].Protocol != tc.wanted {
			t.Errorf("what is wanted was changed: %+v", want.Listeners[0])
		}
		// Everything else of it is managed.
		want.TargetGroups[0].HealthCheck.IntervalSeconds = 30
		if writes := f.converge(t, want, Options{}); len(writes) != 1 || writes["ModifyTargetGroup"] != 1 {
			t.Errorf("an edit writes %v", writes)
		}
	}
}

func TestAListenerThatIsNotToBeQUICAnyMoreBecomesUDP(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, datagrams("QUIC", false), Options{})
	f.converge(t, datagrams("UDP", false), Options{})
	if f.obs.Listeners[0].Protocol != "UDP" {
		t.Errorf("protocol %s", f.obs.Listeners[0].Protocol)
	}
}

func TestNoQUICListenerIsMade(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, datagrams("UDP", true), Options{})
	if f.obs.Listeners[0].Protocol != "UDP" || f.obs.TargetGroups[0].Protocol != "UDP" {
		t.Errorf("listener %s, target group %s", f.obs.Listeners[0].Protocol, f.obs.TargetGroups[0].Protocol)
	}
}
