package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// ending is a lab in which an Ingress with a load balancer is deleted, with its namespace.
func ending(t *testing.T, settings map[string]string) (l *lab, cause func() string, board *waiting.Board) {
	t.Helper()
	l = newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", settings, "web"))
	board, _ = l.board()
	l.settle(implicit("front"))
	l.ingresses.Reporter.Ends = func(namespace string) bool { return namespace == "shop" }
	i := &networkingv1.Ingress{}
	key := client.ObjectKey{Namespace: "shop", Name: "front"}
	l.must(l.client.Get(t.Context(), key, i))
	l.must(l.client.Delete(t.Context(), i))
	return l, func() string {
		i := &networkingv1.Ingress{}
		l.must(client.IgnoreNotFound(l.client.Get(t.Context(), key, i)))
		return i.Annotations[naming.DeletionCause]
	}, board
}

func TestDeniedDeletionSaysWhyOnObjectAndNamespace(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, nil)
	l.fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.round(implicit("front"))
	if got := cause(); !strings.Contains(got, "DeleteLoadBalancer") || !strings.Contains(got, "[AccessDenied]") {
		t.Errorf("the object says %q", got)
	}
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "Namespace shop FailedDeployModel: Failed deploy model due to Ingress shop/front: DeleteLoadBalancer") {
		t.Errorf("events:\n%s", told)
	}
	if got := board.Reasons(); got["AccessDenied"] != 1 {
		t.Errorf("reasons %v", got)
	}
	before := l.clock.Now()
	_, _ = l.round(implicit("front"))
	if got := cause(); !strings.Contains(got, "[AccessDenied]") {
		t.Errorf("%s later the object says %q", l.clock.Now().Sub(before), got)
	}
	l.sim.Gate.RemoveFault("budget")
	l.settle(implicit("front"))
	if got := board.Reasons(); got["AccessDenied"] != 0 {
		t.Errorf("reasons after the end %v", got)
	}
	if left := strings.Join(l.left(), " "); strings.Contains(left, "load balancer") {
		t.Errorf("left in AWS: %s", left)
	}
}

func TestProtectedDeletionSaysWhyOnTheObject(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, map[string]string{"load-balancer-attributes": "deletion_protection.enabled=true"})
	_, _ = l.round(implicit("front"))
	if got := cause(); !strings.Contains(got, "[DeletionProtected]") {
		t.Errorf("the object says %q", got)
	}
	if got := board.Reasons(); got["DeletionProtected"] != 1 {
		t.Errorf("reasons %v", got)
	}
}

func TestBriefFailureIsNotShownOnADeletedObject(t *testing.T) {
	t.Parallel()
	l, cause, _ := ending(t, nil)
	l.fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "InternalFailure", Message: "no", Status: 500})
	_, _ = l.round(implicit("front"))
	if got := cause(); got != "" {
		t.Errorf("at once the object says %q", got)
	}
	l.clock.Advance(time.Since(l.clock.Now()) + 10*time.Minute) // the deletion has the time of the machine
	_, _ = l.round(implicit("front"))
	if got := cause(); !strings.Contains(got, "[AWSUnavailable]") {
		t.Errorf("later the object says %q", got)
	}
}

func TestThrottledDeletionSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, nil)
	l.fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "Throttling", Message: "no", Status: 400})
	_, _ = l.round(implicit("front"))
	if got := board.Reasons(); got[waiting.InProgress] != 1 || cause() != "" {
		t.Errorf("reasons %v; the object says %q", got, cause())
	}
	l.clock.Advance(time.Since(l.clock.Now()) + 10*time.Minute) // the deletion has the time of the machine
	_, _ = l.round(implicit("front"))
	if got := cause(); !strings.Contains(got, "waits for AWS to accept calls again") || !strings.Contains(got, "[DeletionWaits]") {
		t.Errorf("the object says %q", got)
	}
	if got := board.Reasons(); got["DeletionWaits"] != 1 {
		t.Errorf("reasons %v", got)
	}
}
