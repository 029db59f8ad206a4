package inbound

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestDeletionDoesNotWaitForRulesOfOthers deletes an Ingress to whose target group a load balancer of others forwards.
func TestDeletionDoesNotWaitForRulesOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.Pods("a", "10.0.128.50"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"), lab.Class(), lab.Service("web"),
		lab.Ingress("web", nil, "web"))...)
	l.Settle(lab.Key("web"))
	arn := l.Inventory.Listed(lab.Key("web")).TargetGroups[0].ARN
	l.WantTargets(arn, "10.0.128.50:8080")

	// A target group is of one load balancer: the other one takes it after that of the Ingress is gone.
	l.Fault(gate.Fault{Action: "DeleteTargetGroup", Code: "ResourceInUse"})
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil, "web")))
	for range 10 {
		wait, _ := l.Round(lab.Key("web"))
		l.Clock.Advance(max(wait, time.Second))
	}
	if l.Balancers() != 0 || !l.Get(&networkingv1.Ingress{}, "web") {
		t.Fatalf("left: %v", l.Left())
	}
	l.Sim.Gate.ClearFaults()
	l.ForwardTo(arn)
	l.Settle(lab.Key("web"))
	told := strings.Join(l.Events, "\n")
	if l.Get(&networkingv1.Ingress{}, "web") || len(l.AllBindings()) > 0 {
		t.Errorf("the Ingress or its binding stays\n%s", told)
	}
	if l.Balancers() != 1 || len(l.Sim.Resources().TargetGroups) != 1 {
		t.Errorf("left: %v", l.Left())
	}
	l.WantTargets(arn)
	if !strings.Contains(told, "["+string(diag.TargetGroupInUse)+"]") ||
		!strings.Contains(told, "load balancer theirs forwards to it") {
		t.Error("no event tells of it:", told)
	}

	// The orphan gets no second try of a deletion from the stack, which is gone.
	mark := l.Mark()
	l.Clock.Advance(time.Hour)
	l.Settle(lab.Key("web"))
	if got := l.Writes(mark); len(got) > 0 {
		t.Errorf("written after the deletion: %v", got)
	}
}
