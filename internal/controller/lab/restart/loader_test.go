package restart

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestSecondListDeletesTargetGroupMissedAtStart ends a process a moment after it has created a
// target group that nobody wants when the next process starts.
func TestSecondListDeletesTargetGroupMissedAtStart(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Lagging(), lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	l.Clock.Advance(time.Minute)
	before := networkingv1.IngressSpec{}
	l.Edit("front", func(i *networkingv1.Ingress) {
		i.Spec.DeepCopyInto(&before)
		lab.ToNew(i)
	})
	// the process ends before the answer
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "end", Action: "CreateTargetGroup", Lose: true, Times: 1})
	l.Must(err)
	if _, err := l.Round(lab.Key("front")); err == nil {
		t.Fatal("nothing was lost")
	}
	l.Edit("front", func(i *networkingv1.Ingress) { i.Spec = before })
	l.Restart() // the lists show nothing of it yet
	l.Settle(lab.Key("front"))
	l.Clock.Advance(controller.VerifyDelay)
	l.Settle()
	if n := len(l.Sim.Resources().TargetGroups); n != 2 {
		t.Fatalf("%d target groups, want that of web and the one that was missed", n)
	}
	if again := l.Loader().Verify(t.Context()); again != 0 {
		t.Errorf("it is looked again in %v", again)
	}
	l.Settle()
	if n := len(l.Sim.Resources().TargetGroups); n != 1 {
		t.Errorf("%d target groups are left", n)
	}
}

// TestSecondListForgetsStacksGoneBetweenProcesses has checkpoints remember a stack whose object went
// between two leaders.
func TestSecondListForgetsStacksGoneBetweenProcesses(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Ingress("other", nil, "web"))
	l.Settle(lab.Key("front"), lab.Key("other"))
	l.Crash()
	l.Remove("front")
	l.Settle(lab.Key("front"))
	l.Restart()
	l.Settle(lab.Key("other"))
	if l.Ingresses.Counts()["memories"] != 2 {
		t.Fatalf("%d stacks are remembered", l.Ingresses.Counts()["memories"])
	}
	q := &lab.Woken{}
	l.Ingresses.Waker.SetQueue(q)
	l.Clock.Advance(controller.RelistDelay)
	if again := l.Loader().Relist(t.Context()); again != 0 {
		t.Errorf("it is looked again in %v", again)
	}
	if d := cmp.Diff([]string{"front"}, q.Take()); d != "" {
		t.Error("woken", d)
	}
	l.Settle(lab.Key("front"))
	if l.Crash(); l.Ingresses.Counts()["memories"] != 1 {
		t.Errorf("%d stacks are remembered", l.Ingresses.Counts()["memories"])
	}
	l.Restart()
	if l.Ingresses.Counts()["memories"] != 1 {
		t.Errorf("%d stacks are remembered by the next process", l.Ingresses.Counts()["memories"])
	}
}

func TestDeletionsAfterTheSecondLookMakeNoListsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for looked, want := range map[bool]bool{true: false, false: true} {
		l := lab.NewKeeper(t, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
			lab.Ingress("other", nil, "web"))
		l.Settle(lab.Key("front"), lab.Key("other"))
		l.End()
		l.Restart()
		l.Settle(lab.Key("front"), lab.Key("other"))
		l.Clock.Advance(controller.VerifyDelay)
		if looked {
			if again := l.Loader().Verify(t.Context()); again != 0 {
				t.Errorf("it is looked again in %v", again)
			}
		}
		mark := l.Mark()
		l.Remove("front")
		l.Remove("other")
		l.Settle(lab.Key("front"), lab.Key("other"))
		if _, by := l.Counts(mark); by["DescribeTargetGroups"] > 0 != want {
			t.Errorf("looked %t: %v", looked, by)
		}
		if n := len(l.Sim.Resources().LoadBalancers); n > 0 || l.Get(&networkingv1.Ingress{}, "front") ||
			l.Get(&networkingv1.Ingress{}, "other") {
			t.Errorf("looked %t: %d load balancers are left", looked, n)
		}
	}
}

func TestASecondLookThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Lagging(), lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	l.Restart()
	_, err := l.Round(lab.Key("front"))
	l.Must(err)
	l.Clock.Advance(controller.VerifyDelay)
	_, err = l.Sim.Gate.AddFault(gate.Fault{ID: "no", Action: "DescribeTargetGroups", Code: "Throttling", Times: 2})
	l.Must(err)
	look := l.Loader()
	var pauses []time.Duration
	for range 3 {
		pauses = append(pauses, look.Verify(t.Context()))
	}
	if d := cmp.Diff([]time.Duration{10 * time.Second, 20 * time.Second, 0}, pauses); d != "" {
		t.Error(d)
	}
}

// TestDeniedSecondListEndsIfNoLoadBalancerIsWanted has a role for TargetGroupBindings alone.
func TestDeniedSecondListEndsIfNoLoadBalancerIsWanted(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeLoadBalancers", Code: "AccessDenied", Status: 403,
		Message: "not authorized"})
	l.Must(err)
	if again := l.Loader().Verify(t.Context()); again != 0 {
		t.Errorf("nothing asks for load balancers, and it is looked again in %v", again)
	}
	l.Create(lab.Ingress("front", nil, "web"))
	_, _ = l.Round(lab.Key("front"))
	if again := l.Loader().Verify(t.Context()); again == 0 {
		t.Error("an Ingress asks for a load balancer, and it is not looked again")
	}
}
