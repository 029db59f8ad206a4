package upkeep

import (
	"testing"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAFailedWriteCostsReadsOfItsOwnStack has each write of a new stack fail once, with and without an effect, in an
// account that holds another stack, and counts the reads that the same without a fault does not make, and those that
// list the account, which are hundreds in a large one.
func TestAFailedWriteCostsReadsOfItsOwnStack(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, action string, lose bool) (reads, lists, left int) {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("other", nil, "web"))
		l.Settle(lab.Key("other"))
		l.Must(
			l.Client.Create(t.Context(),
				lab.Ingress("front", map[string]string{"load-balancer-attributes": "idle_timeout.timeout_seconds=75"}, "web")))
		if action != "" {
			f := gate.Fault{ID: "once", Action: action, Times: 1, Code: "InternalFailure", Lose: lose}
			if lose {
				f.Code = ""
			}
			_, err := l.Sim.Gate.AddFault(f)
			l.Must(err)
		}
		mark := l.Mark()
		l.Settle(lab.Key("front"))
		for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
			if awsclient.IsRead(c.Action) {
				reads++
			}
			if listsAccount(c) {
				lists++
			}
		}
		for _, f := range l.Sim.Gate.Faults() {
			if f.Struck != 1 {
				t.Errorf("%s failed %d times", action, f.Struck)
			}
		}
		return reads, lists, len(l.Left())
	}
	plain, none, left := run(t, "", false)
	for _, action := range []string{
		"CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "CreateTargetGroup", "CreateLoadBalancer", "CreateListener",
		"CreateRule", "ModifyLoadBalancerAttributes",
	} {
		for _, lose := range []bool{false, true} {
			t.Run(action, func(t *testing.T) {
				t.Parallel()
				reads, lists, got := run(t, action, lose)
				if reads-plain > 8 || lists > none || got != left {
					t.Errorf("effect %t: %d reads more, %d lists of the account, %d resources, want %d", lose, reads-plain,
						lists, got, left)
				}
			})
		}
	}
}

// listsAccount reports whether a call lists all load balancers or target groups.
func listsAccount(c gate.Call) bool {
	switch in := c.Input.(type) {
	case *elbv2.DescribeLoadBalancersInput:
		return len(in.LoadBalancerArns)+len(in.Names) == 0
	case *elbv2.DescribeTargetGroupsInput:
		return len(in.TargetGroupArns)+len(in.Names) == 0 && in.LoadBalancerArn == nil
	}
	return false
}
