package consent

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// ending is a lab in which an Ingress with a load balancer is deleted, with its namespace.
func ending(t *testing.T, settings map[string]string) (l *lab.Lab, cause func() string, board *waiting.Board) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", settings, "web"))
	board, _ = l.Board()
	l.Settle(lab.Key("front"))
	l.Ingresses.Reporter.Ends = func(namespace string) bool { return namespace == "shop" }
	i := &networkingv1.Ingress{}
	key := client.ObjectKey{Namespace: "shop", Name: "front"}
	l.Must(l.Client.Get(t.Context(), key, i))
	l.Must(l.Client.Delete(t.Context(), i))
	return l, func() string {
		i := &networkingv1.Ingress{}
		l.Must(client.IgnoreNotFound(l.Client.Get(t.Context(), key, i)))
		return i.Annotations[naming.DeletionCause]
	}, board
}

func TestDeniedDeletionSaysWhyOnObjectAndNamespace(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, nil)
	l.Fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "AccessDenied", Message: "no", Status: 403})
	_, _ = l.Round(lab.Key("front"))
	if got := cause(); !strings.Contains(got, "DeleteLoadBalancer") || !strings.Contains(got, "[AccessDenied]") {
		t.Errorf("the object says %q", got)
	}
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told,
		"Namespace shop FailedDeployModel: Ingress shop/front: AWS refused DeleteLoadBalancer") {
		t.Errorf("events:\n%s", told)
	}
	if got := board.Reasons(); got["AccessDenied"] != 1 {
		t.Errorf("reasons %v", got)
	}
	before := l.Clock.Now()
	_, _ = l.Round(lab.Key("front"))
	if got := cause(); !strings.Contains(got, "[AccessDenied]") {
		t.Errorf("%s later the object says %q", l.Clock.Now().Sub(before), got)
	}
	l.Sim.Gate.RemoveFault("budget")
	l.Settle(lab.Key("front"))
	if got := board.Reasons(); got["AccessDenied"] != 0 {
		t.Errorf("reasons after the end %v", got)
	}
	if left := strings.Join(l.Left(), " "); strings.Contains(left, "load balancer") {
		t.Errorf("left in AWS: %s", left)
	}
}

func TestProtectedDeletionSaysWhyOnTheObject(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, map[string]string{"load-balancer-attributes": "deletion_protection.enabled=true"})
	_, _ = l.Round(lab.Key("front"))
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
	l.Fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "InternalFailure", Message: "no", Status: 500})
	_, _ = l.Round(lab.Key("front"))
	if got := cause(); got != "" {
		t.Errorf("at once the object says %q", got)
	}
	l.Clock.Advance(time.Since(l.Clock.Now()) + 10*time.Minute) // the deletion has the time of the machine
	_, _ = l.Round(lab.Key("front"))
	if got := cause(); !strings.Contains(got, "[AWSUnavailable]") {
		t.Errorf("later the object says %q", got)
	}
}

func TestThrottledDeletionSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	l, cause, board := ending(t, nil)
	l.Fault(gate.Fault{Action: "DeleteLoadBalancer", Code: "Throttling", Message: "no", Status: 400})
	_, _ = l.Round(lab.Key("front"))
	if got := board.Reasons(); got[waiting.InProgress] != 1 || cause() != "" {
		t.Errorf("reasons %v; the object says %q", got, cause())
	}
	l.Clock.Advance(time.Since(l.Clock.Now()) + 10*time.Minute) // the deletion has the time of the machine
	_, _ = l.Round(lab.Key("front"))
	if got := cause(); !strings.Contains(got, "waits for AWS to accept calls again") ||
		!strings.Contains(got, "[DeletionWaits]") {
		t.Errorf("the object says %q", got)
	}
	if got := board.Reasons(); got["DeletionWaits"] != 1 {
		t.Errorf("reasons %v", got)
	}
}
