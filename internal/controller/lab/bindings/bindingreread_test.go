package bindings

import (
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAResyncReadsTargetsAgainOnlyWhereNothingElseDoes: with the sweep, thousands of target groups must not be
// described at once.
func TestAResyncReadsTargetsAgainOnlyWhereNothingElseDoes(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
	l.Settle()
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	for _, rereads := range []bool{false, true} {
		l.Bound.RereadAtResync = rereads
		b := l.AllBindings()[0]
		l.Bound.BindingEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: &b, ObjectNew: &b}, q)
		if q.Len() != 1 {
			t.Errorf("a resync wakes %d bindings", q.Len())
		}
		mark := l.Mark()
		if _, err := l.Round(); err != nil {
			t.Fatal(err)
		}
		if n := len(l.Sim.Gate.Calls(gate.Filter{Action: "DescribeTargetHealth", After: mark})); (n > 0) != rereads {
			t.Errorf("rereads %t: targets were described %d times", rereads, n)
		}
	}
}
