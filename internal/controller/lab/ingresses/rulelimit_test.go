package ingresses

import (
	"fmt"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestRulesBeyondTheQuotaAreReportedOnceAndNotSentToAWS has a group of two, of which the one that joins last has no
// room for all rules. Where the limits cannot be read, AWS refuses what exceeds them.
func TestRulesBeyondTheQuotaAreReportedOnceAndNotSentToAWS(t *testing.T) {
	t.Parallel()
	for _, readable := range []bool{true, false} {
		t.Run(fmt.Sprintf("limits can be read: %v", readable), func(t *testing.T) {
			t.Parallel()
			l, key := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Paths("z-old", 80, "web")),
				lab.FrontGroup
			if !readable {
				f := lab.Denying("elasticloadbalancing:DescribeAccountLimits")
				f.Action = "DescribeAccountLimits"
				l.Fault(f)
			}
			l.Settle(key)
			mark := l.Mark()
			l.Create(lab.Paths("a-young", 30, "web"))
			l.Pass(10*time.Minute, nil, key)
			if got := len(l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules); got != 101 { // with the default one
				t.Errorf("%d rules", got)
			}
			total, by := l.Counts(mark)
			if by["DescribeAccountLimits"] == 0 || by["DescribeAccountLimits"] > 4 {
				t.Errorf("%d calls: %v", total, by)
			}
			told := l.Warnings(0)
			if !readable {
				if events := told["Ingress shop/a-young"]; len(told) != 1 || len(events) == 0 ||
					!strings.Contains(events[0], "TooManyRules") {
					t.Errorf("events %v", told)
				}
				return
			}
			if total, by := l.Counts(mark); by["CreateRule"] != 20 {
				t.Errorf("%d calls: %v", total, by)
			}
			if events := told["Ingress shop/a-young"]; len(told) != 1 || len(events) == 0 ||
				!strings.Contains(events[0], "would have 110 rules besides default ones, and AWS allows 100") ||
				!strings.Contains(events[0], "10 of the 30 rules") {
				t.Errorf("events %v", told)
			}
			l.Must(l.Sim.Account.SetQuota("rules-per-application-load-balancer", 200))
			l.Pass(15*time.Minute, nil, key)
			if got := len(l.Sim.Resources().LoadBalancers[0].Listeners[0].Rules); got != 111 {
				t.Errorf("with a higher quota: %d rules", got)
			}
		})
	}
}

// A policy with a condition on tags denies what is asked of a target group that this process has deleted meanwhile.
func TestDenialsAboutDeletedGroupsAreNoLack(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{})
	gone, here := l.TargetGroup(elbtypes.TargetTypeEnumIp),
		"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/here/0123456789abcdef"
	l.Inventory.Record(stack.Key{}, awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, gone)},
		awsop.Output{}, func(r stack.Ref) string { return r.Literal })
	w := controller.Wiring{Inventory: l.Inventory}
	for arn, want := range map[string]bool{gone: true, here: false} {
		err := fmt.Errorf("is not authorized to perform: elasticloadbalancing:DeregisterTargets on resource: %s because no "+
			"identity-based policy allows it", arn)
		if got := w.Aside(awsclient.Call{Operation: "DeregisterTargets", Err: err}); got != want {
			t.Errorf("%s: aside %t, want %t", arn, got, want)
		}
	}
}
