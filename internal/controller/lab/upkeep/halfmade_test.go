package upkeep

import (
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestTakenNameLeavesNoTargetGroup has a Service with the name of another Service's load balancer, and of one that is
// nobody's in the cluster. Nothing else is made before the name is free, and everything then.
func TestTakenNameLeavesNoTargetGroup(t *testing.T) {
	t.Parallel()
	const name = "service.beta.kubernetes.io/aws-load-balancer-name"
	for holder, c := range map[string]struct {
		text       string
		take, free func(*lab.Lab)
	}{
		"another Service": {"shared-edge belongs to Service shop/one", func(l *lab.Lab) {
			one := lab.CrashBalancer("one")
			one.Annotations[name] = "shared-edge"
			one.Annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] = "internal"
			l.Create(one)
			l.Settle(lab.ServiceKey("one"))
		}, func(l *lab.Lab) {
			l.Must(l.Client.Delete(t.Context(), lab.CrashBalancer("one")))
			l.Settle(lab.ServiceKey("one"))
		}},
		"somebody else": {"shared-edge", func(l *lab.Lab) { l.Foreign("shared-edge") }, func(l *lab.Lab) {
			arn := l.Sim.Resources().LoadBalancers[0].ARN
			_, err := l.Sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: &arn})
			l.Must(err)
		}},
	} {
		t.Run(holder, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{})
			c.take(l)
			mark := l.Mark()
			two := lab.CrashBalancer("two")
			two.Annotations[name] = "shared-edge"
			l.Create(two)
			l.Pass(10*time.Minute, nil, lab.ServiceKey("two"))
			if got := l.Writes(mark); slices.Contains(got, "CreateTargetGroup") || !slices.Contains(got, "CreateLoadBalancer") {
				t.Errorf("written: %v", got)
			}
			if !l.Saw("Service shop/two", "[NameTaken]", c.text) || holder == "another Service" &&
				l.Saw("Service shop/two", "delete") {
				t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
			}
			c.free(l)
			l.Pass(35*time.Minute, nil, lab.ServiceKey("two")) // no event says that somebody else has freed it
			if r := l.Sim.Resources(); len(r.LoadBalancers) != 1 || len(r.TargetGroups) != 1 {
				t.Errorf("%d load balancers, %d target groups", len(r.LoadBalancers), len(r.TargetGroups))
			}
		})
	}
}

func TestDeletedTargetGroupsAreNotRead(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("web"))
	mark := l.Mark()
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil, "web")))
	l.PassWith(20*time.Minute, lab.Key("web"))
	var after []string
	deleted := false
	calls := l.Sim.Gate.Calls(gate.Filter{After: mark})
	slices.SortFunc(calls, func(a, b gate.Call) int { return int(a.Number) - int(b.Number) })
	for _, c := range calls {
		if deleted && c.Action == "DescribeTargetHealth" {
			after = append(after, c.Action)
		}
		deleted = deleted || c.Action == "DeleteTargetGroup"
	}
	if !deleted || len(after) > 0 {
		t.Errorf("deleted: %t; then %d reads of its targets", deleted, len(after))
	}
}
