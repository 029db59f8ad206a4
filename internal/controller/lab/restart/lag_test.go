package restart

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestStartWithinLagOfListsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	old := lab.Ingress("front", nil, "web")
	old.CreationTimestamp = metav1.NewTime(time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC))
	l := lab.New(t, lab.Lagging(), lab.Class(), lab.Service("web"), old)
	if _, err := l.Round(lab.Key("front")); err != nil {
		t.Fatal(err)
	}
	if len(l.Left()) == 0 {
		t.Fatal("nothing was made")
	}
	l.Restart() // the lists show nothing yet
	l.Remove("front")
	l.Settle(lab.Key("front"))
	if l.Get(&networkingv1.Ingress{}, "front") {
		t.Error("the Ingress is still there")
	}
	l.Clock.Advance(time.Minute)
	for _, left := range l.Left() {
		if !strings.HasPrefix(left, "security group k8s-traffic-") { // which goes beside
			t.Errorf("left: %s", left)
		}
	}
}

func TestAWriteWhoseAnswerWasLostLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Lagging(), lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"))
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "lost", Action: "CreateTargetGroup", Lose: true, Times: 1})
	l.Must(err)
	if _, err := l.Round(lab.Key("front")); err == nil {
		t.Fatal("nothing was lost")
	}
	l.Remove("front")
	l.Settle(lab.Key("front"))
	l.Clock.Advance(time.Minute)
	if len(l.Sim.Resources().TargetGroups) > 0 || l.Get(&networkingv1.Ingress{}, "front") {
		t.Errorf("left: %v", l.Left())
	}
}

func TestStacksOfThisProcessAreLetGoWithoutAnotherLook(t *testing.T) {
	t.Parallel()
	young := lab.Ingress("front", nil, "web")
	young.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC))
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), young)
	l.Settle(lab.Key("front"))
	mark := l.Mark()
	l.Remove("front")
	l.Settle(lab.Key("front"))
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Action == "DescribeLoadBalancers" {
			t.Error("the account was listed")
		}
	}
}

// TestABindingStaysWhoseTargetGroupTheListsOfAStartMiss restarts the controller a moment after it has sent the requests
// of an Ingress to another Service: deleting the binding would deregister the targets that serve.
func TestABindingStaysWhoseTargetGroupTheListsOfAStartMiss(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Lagging(), lab.Class(), lab.Service("web"), lab.Service("new"), lab.Ingress("front", nil, "web"))
	l.Settle(lab.Key("front"))
	l.Clock.Advance(time.Minute)
	l.Edit("front", lab.ToNew)
	if _, err := l.Round(lab.Key("front")); err != nil {
		t.Fatal(err)
	}
	bindings := l.AllBindings()
	if len(bindings) != 2 {
		t.Fatalf("%d bindings, want those of web and new", len(bindings))
	}
	for i := range bindings {
		bindings[i].Annotations = map[string]string{"made": "before"}
		l.Must(l.Client.Update(l.Context(), &bindings[i]))
	}
	l.Restart()
	for range 3 {
		if _, err := l.Round(lab.Key("front")); err != nil {
			t.Fatal(err)
		}
	}
	bindings = l.AllBindings()
	for _, b := range bindings {
		if b.Annotations["made"] == "" || b.DeletionTimestamp != nil {
			t.Errorf("binding %s was made anew", b.Name)
		}
	}
	if len(bindings) != 2 {
		t.Errorf("%d bindings are left", len(bindings))
	}
}
