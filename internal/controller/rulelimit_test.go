package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// labPaths is an Ingress with so many hosts and a path of each, so that no two of its rules can be joined.
func labPaths(name string, n int, service string) *networkingv1.Ingress {
	i := labIngress(name, map[string]string{"group.name": "front", "listen-ports": `[{"HTTP":80}]`})
	i.Spec.Rules = nil
	for k := range n {
		r := networkingv1.IngressRule{Host: fmt.Sprintf("%s-%d.example.com", name, k)}
		r.HTTP = &networkingv1.HTTPIngressRuleValue{Paths: labIngress(name, nil, service).Spec.Rules[0].HTTP.Paths}
		r.HTTP.Paths[0].Path = fmt.Sprintf("/%d", k)
		i.Spec.Rules = append(i.Spec.Rules, r)
	}
	return i
}

// TestRulesBeyondTheQuotaAreReportedOnceAndNotSentToAWS has a group of two, of which the one that joins last has no room for all rules. Where the limits cannot
// be read, AWS refuses what exceeds them.
func TestRulesBeyondTheQuotaAreReportedOnceAndNotSentToAWS(t *testing.T) {
	t.Parallel()
	for _, readable := range []bool{true, false} {
		t.Run(fmt.Sprintf("limits can be read: %v", readable), func(t *testing.T) {
			t.Parallel()
			l, key := newLab(t, account.Profile{}, labClass(), labService("web"), labPaths("z-old", 80, "web")), frontGroup
			if !readable {
				f := denying("elasticloadbalancing:DescribeAccountLimits")
				f.Action = "DescribeAccountLimits"
				l.fault(f)
			}
			l.settle(key)
			mark := l.mark()
			l.create(labPaths("a-young", 30, "web"))
			l.pass(10*time.Minute, nil, key)
			if got := len(l.sim.Resources().LoadBalancers[0].Listeners[0].Rules); got != 101 { // with the default one
				t.Errorf("%d rules", got)
			}
			total, by := l.counts(mark)
			if by["DescribeAccountLimits"] == 0 || by["DescribeAccountLimits"] > 4 {
				t.Errorf("%d calls: %v", total, by)
			}
			told := l.warnings(0)
			if !readable {
				if events := told["Ingress shop/a-young"]; len(told) != 1 || len(events) == 0 || !strings.Contains(events[0], "TooManyRules") {
					t.Errorf("events %v", told)
				}
				return
			}
			if total, by := l.counts(mark); by["CreateRule"] != 20 {
				t.Errorf("%d calls: %v", total, by)
			}
			if events := told["Ingress shop/a-young"]; len(told) != 1 || len(events) == 0 || !strings.Contains(events[0], "would have 110 rules besides default ones, and AWS admits 100") || !strings.Contains(events[0], "10 of the 30 rules") {
				t.Errorf("events %v", told)
			}
			l.must(l.sim.Account.SetQuota("rules-per-application-load-balancer", 200))
			l.pass(15*time.Minute, nil, key)
			if got := len(l.sim.Resources().LoadBalancers[0].Listeners[0].Rules); got != 111 {
				t.Errorf("with a higher quota: %d rules", got)
			}
		})
	}
}

func TestDenialsOfWhatNothingNeedsAreNoLack(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"DescribeAccountLimits", "DescribeManagedPrefixLists", "DescribeLoadBalancers", "DescribeTags"} {
		if !(&wiring{}).aside(awsclient.Call{Operation: operation}) {
			t.Errorf("%s is one", operation)
		}
	}
}

// A policy with a condition on tags denies what is asked of a target group that this process has deleted meanwhile.
func TestDenialsAboutDeletedGroupsAreNoLack(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{})
	gone, here := l.targetGroup(elbtypes.TargetTypeEnumIp), "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/here/0123456789abcdef"
	l.inventory.Record(stack.Key{}, awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, gone)}, awsop.Output{}, func(r stack.Ref) string { return r.Literal })
	w := wiring{inventory: l.inventory}
	for arn, want := range map[string]bool{gone: true, here: false} {
		err := fmt.Errorf("is not authorized to perform: elasticloadbalancing:DeregisterTargets on resource: %s because no identity-based policy allows it", arn)
		if got := w.aside(awsclient.Call{Operation: "DeregisterTargets", Err: err}); got != want {
			t.Errorf("%s: aside %t, want %t", arn, got, want)
		}
	}
}
