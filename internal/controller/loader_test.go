package controller

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
)

// relistDelay is that of the process that runs.
func (l *lab) relistDelay() *loader {
	return &loader{inventory: l.inventory, checkpoints: l.checkpointer, stacks: []*stacks.Reconciler{l.ingresses, l.services}, declared: func() bool { return l.ingresses.Index.Len() > 0 }, log: logr.Discard()}
}

// TestATargetGroupThatTheListsOfAStartMissGoesAfterTheSecondLook ends a process a moment after it has made a target group, which nobody
// wants any more when the next one begins.
func TestATargetGroupThatTheListsOfAStartMissGoesAfterTheSecondLook(t *testing.T) {
	t.Parallel()
	l := newLab(t, lagging(), labClass(), labService("web"), labService("new"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	l.clock.Advance(time.Minute)
	before := networkingv1.IngressSpec{}
	l.edit("front", func(i *networkingv1.Ingress) {
		i.Spec.DeepCopyInto(&before)
		toNew(i)
	})
	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "end", Action: "CreateTargetGroup", Lose: true, Times: 1}) // the process ends before the answer
	l.must(err)
	if _, err := l.round(implicit("front")); err == nil {
		t.Fatal("nothing was lost")
	}
	l.edit("front", func(i *networkingv1.Ingress) { i.Spec = before })
	l.restart() // the lists show nothing of it yet
	l.settle(implicit("front"))
	l.clock.Advance(verifyDelay)
	l.settle()
	if n := len(l.sim.Resources().TargetGroups); n != 2 {
		t.Fatalf("%d target groups, want that of web and the one that was missed", n)
	}
	if again := l.relistDelay().verify(t.Context()); again != 0 {
		t.Errorf("it is looked again in %v", again)
	}
	l.settle()
	if n := len(l.sim.Resources().TargetGroups); n != 1 {
		t.Errorf("%d target groups are left", n)
	}
}

// TestStacksThatWentBetweenProcessesAreForgottenAfterTheSecondLook has checkpoints remember a stack whose object went between two leaders.
func TestStacksThatWentBetweenProcessesAreForgottenAfterTheSecondLook(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, labClass(), labService("web"), labIngress("front", nil, "web"), labIngress("other", nil, "web"))
	l.settle(implicit("front"), implicit("other"))
	l.crash()
	l.remove("front")
	l.settle(implicit("front"))
	l.restart()
	l.settle(implicit("other"))
	if l.ingresses.Counts()["memories"] != 2 {
		t.Fatalf("%d stacks are remembered", l.ingresses.Counts()["memories"])
	}
	q := &woken{}
	l.ingresses.Waker.SetQueue(q)
	l.clock.Advance(relistDelay)
	if again := l.relistDelay().relist(t.Context()); again != 0 {
		t.Errorf("it is looked again in %v", again)
	}
	if d := cmp.Diff([]string{"front"}, q.take()); d != "" {
		t.Error("woken", d)
	}
	l.settle(implicit("front"))
	if l.crash(); l.ingresses.Counts()["memories"] != 1 {
		t.Errorf("%d stacks are remembered", l.ingresses.Counts()["memories"])
	}
	l.restart()
	if l.ingresses.Counts()["memories"] != 1 {
		t.Errorf("%d stacks are remembered by the next process", l.ingresses.Counts()["memories"])
	}
}

func TestDeletionsAfterTheSecondLookMakeNoListsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for looked, want := range map[bool]bool{true: false, false: true} {
		l := newKeeper(t, labClass(), labService("web"), labIngress("front", nil, "web"), labIngress("other", nil, "web"))
		l.settle(implicit("front"), implicit("other"))
		l.end()
		l.restart()
		l.settle(implicit("front"), implicit("other"))
		l.clock.Advance(verifyDelay)
		if looked {
			if again := l.relistDelay().verify(t.Context()); again != 0 {
				t.Errorf("it is looked again in %v", again)
			}
		}
		mark := l.mark()
		l.remove("front")
		l.remove("other")
		l.settle(implicit("front"), implicit("other"))
		if _, by := l.counts(mark); by["DescribeTargetGroups"] > 0 != want {
			t.Errorf("looked %t: %v", looked, by)
		}
		if n := len(l.sim.Resources().LoadBalancers); n > 0 || l.get(&networkingv1.Ingress{}, "front") || l.get(&networkingv1.Ingress{}, "other") {
			t.Errorf("looked %t: %d load balancers are left", looked, n)
		}
	}
}

func TestASecondLookThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, lagging(), labClass(), labService("web"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	l.restart()
	_, err := l.round(implicit("front"))
	l.must(err)
	l.clock.Advance(verifyDelay)
	_, err = l.sim.Gate.AddFault(gate.Fault{ID: "no", Action: "DescribeTargetGroups", Code: "Throttling", Times: 2})
	l.must(err)
	look := l.relistDelay()
	var pauses []time.Duration
	for range 3 {
		pauses = append(pauses, look.verify(t.Context()))
	}
	if d := cmp.Diff([]time.Duration{10 * time.Second, 20 * time.Second, 0}, pauses); d != "" {
		t.Error(d)
	}
}

// TestASecondLookThatIsDeniedEndsWhileNothingAsksForLoadBalancers has a role for TargetGroupBindings alone.
func TestASecondLookThatIsDeniedEndsWhileNothingAsksForLoadBalancers(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"))
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeLoadBalancers", Code: "AccessDenied", Status: 403, Message: "not authorized"})
	l.must(err)
	if again := l.relistDelay().verify(t.Context()); again != 0 {
		t.Errorf("nothing asks for load balancers, and it is looked again in %v", again)
	}
	l.create(labIngress("front", nil, "web"))
	_, _ = l.round(implicit("front"))
	if again := l.relistDelay().verify(t.Context()); again == 0 {
		t.Error("an Ingress asks for a load balancer, and it is not looked again")
	}
}
