package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// lagging is AWS where lists miss what was just made, for as long as they really do.
func lagging() account.Profile {
	return account.Profile{Name: "lagging", BalancingListed: account.Real().BalancingListed, ComputeDescribed: account.Real().ComputeDescribed}
}

// remove asks for the end of an Ingress, which its finalizer holds.
func (l *lab) remove(name string) {
	l.Helper()
	i := &networkingv1.Ingress{}
	if !l.get(i, name) {
		l.Fatalf("no Ingress %s", name)
	}
	l.must(l.client.Delete(l.Context(), i))
}

func TestAControllerThatStartsWithinTheLagOfListsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	old := labIngress("front", nil, "web")
	old.CreationTimestamp = metav1.NewTime(time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC))
	l := newLab(t, lagging(), labClass(), labService("web"), old)
	if _, err := l.round(implicit("front")); err != nil {
		t.Fatal(err)
	}
	if len(l.left()) == 0 {
		t.Fatal("nothing was made")
	}
	l.restart() // the lists show nothing yet
	l.remove("front")
	l.settle(implicit("front"))
	if l.get(&networkingv1.Ingress{}, "front") {
		t.Error("the Ingress is still there")
	}
	l.clock.Advance(time.Minute)
	for _, left := range l.left() {
		if !strings.HasPrefix(left, "security group k8s-traffic-") { // which goes beside
			t.Errorf("left: %s", left)
		}
	}
}

func TestAWriteWhoseAnswerWasLostLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l := newLab(t, lagging(), labClass(), labService("web"), labIngress("front", nil, "web"))
	_, err := l.sim.Gate.AddFault(gate.Fault{ID: "lost", Action: "CreateTargetGroup", Lose: true, Times: 1})
	l.must(err)
	if _, err := l.round(implicit("front")); err == nil {
		t.Fatal("nothing was lost")
	}
	l.remove("front")
	l.settle(implicit("front"))
	l.clock.Advance(time.Minute)
	if len(l.sim.Resources().TargetGroups) > 0 || l.get(&networkingv1.Ingress{}, "front") {
		t.Errorf("left: %v", l.left())
	}
}

func TestStacksOfThisProcessAreLetGoWithoutAnotherLook(t *testing.T) {
	t.Parallel()
	young := labIngress("front", nil, "web")
	young.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC))
	l := newLab(t, account.Profile{}, labClass(), labService("web"), young)
	l.settle(implicit("front"))
	mark := l.mark()
	l.remove("front")
	l.settle(implicit("front"))
	for _, c := range l.sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "DescribeLoadBalancers" {
			t.Error("the account was listed")
		}
	}
}

// TestABindingStaysWhoseTargetGroupTheListsOfAStartMiss restarts the controller a moment after it has sent the requests of an Ingress to
// another Service: deleting the binding would deregister the targets that serve.
func TestABindingStaysWhoseTargetGroupTheListsOfAStartMiss(t *testing.T) {
	t.Parallel()
	l := newLab(t, lagging(), labClass(), labService("web"), labService("new"), labIngress("front", nil, "web"))
	l.settle(implicit("front"))
	l.clock.Advance(time.Minute)
	l.edit("front", toNew)
	if _, err := l.round(implicit("front")); err != nil {
		t.Fatal(err)
	}
	bindings := l.allBindings()
	if len(bindings) != 2 {
		t.Fatalf("%d bindings, want those of web and new", len(bindings))
	}
	for i := range bindings {
		bindings[i].Annotations = map[string]string{"made": "before"}
		l.must(l.client.Update(l.Context(), &bindings[i]))
	}
	l.restart()
	for range 3 {
		if _, err := l.round(implicit("front")); err != nil {
			t.Fatal(err)
		}
	}
	bindings = l.allBindings()
	for _, b := range bindings {
		if b.Annotations["made"] == "" || b.DeletionTimestamp != nil {
			t.Errorf("binding %s was made anew", b.Name)
		}
	}
	if len(bindings) != 2 {
		t.Errorf("%d bindings are left", len(bindings))
	}
}
