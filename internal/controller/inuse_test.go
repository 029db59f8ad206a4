package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestDeletionDoesNotWaitForRulesOfOthers deletes an Ingress to whose target group a load balancer of others forwards.
func TestDeletionDoesNotWaitForRulesOfOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, append(labPods("a", "10.0.128.50"),
		labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"), labClass(), labService("web"), labIngress("web", nil, "web"))...)
	l.settle(implicit("web"))
	arn := l.inventory.Listed(implicit("web")).TargetGroups[0].ARN
	l.wantTargets(arn, "10.0.128.50:8080")

	// A target group is of one load balancer: the other one takes it after that of the Ingress is gone.
	l.fault(gate.Fault{Action: "DeleteTargetGroup", Code: "ResourceInUse"})
	l.must(l.client.Delete(t.Context(), labIngress("web", nil, "web")))
	for range 10 {
		wait, _ := l.round(implicit("web"))
		l.clock.Advance(max(wait, time.Second))
	}
	if l.balancers() != 0 || !l.get(&networkingv1.Ingress{}, "web") {
		t.Fatalf("left: %v", l.left())
	}
	l.sim.Gate.ClearFaults()
	l.forwardTo(arn)
	l.settle(implicit("web"))
	told := strings.Join(l.events, "\n")
	if l.get(&networkingv1.Ingress{}, "web") || len(l.allBindings()) > 0 {
		t.Errorf("the Ingress or its binding stays\n%s", told)
	}
	if l.balancers() != 1 || len(l.sim.Resources().TargetGroups) != 1 {
		t.Errorf("left: %v", l.left())
	}
	l.wantTargets(arn)
	if !strings.Contains(told, "["+string(diag.TargetGroupInUse)+"]") || !strings.Contains(told, "load balancer theirs forwards to it") {
		t.Error("no event tells of it:", told)
	}

	// The orphan gets no second try of a deletion from the stack, which is gone.
	mark := l.mark()
	l.clock.Advance(time.Hour)
	l.settle(implicit("web"))
	if got := l.writes(mark); len(got) > 0 {
		t.Errorf("written after the deletion: %v", got)
	}
}
