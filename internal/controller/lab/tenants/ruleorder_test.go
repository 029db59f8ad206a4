package tenants

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// firstAction is what the rule in front of all others does.
func firstAction(l *lab.Lab) elbtypes.Action {
	l.Helper()
	out, err := l.Sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{
		ListenerArn: aws.String(l.Sim.Resources().LoadBalancers[0].Listeners[0].ARN)})
	l.Must(err)
	return out.Rules[0].Actions[0]
}

// TestACopyOfAnIngressInANamespaceThatSortsFirstTakesNoTraffic copies a member of a group as with sed: the same host
// and path, another namespace, where its Service does not exist.
func TestACopyOfAnIngressInANamespaceThatSortsFirstTakesNoTraffic(t *testing.T) {
	t.Parallel()
	l := lab.NewKeeper(t, slices.Concat([]client.Object{lab.Class()}, lab.GroupMember("t1", "inc", 0, nil))...)
	l.Settle(lab.FrontGroup)
	serving := aws.ToString(firstAction(l).TargetGroupArn)
	if serving == "" {
		t.Fatal("the original does not serve")
	}
	copied := lab.GroupMember("copy", "inc", 9, nil)[1]
	l.Must(l.Client.Create(t.Context(), copied))
	check := func(when string) {
		t.Helper()
		if a := firstAction(l); aws.ToString(a.TargetGroupArn) != serving {
			t.Errorf("%s: the first rule does %+v", when, a)
		}
	}
	l.Settle(lab.FrontGroup)
	check("at once")
	if !slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress copy/inc ") && strings.Contains(e, string(diag.OverlappingRule)) &&
			strings.Contains(e, "Ingress t1/inc") && strings.Contains(e, "/inc")
	}) {
		t.Errorf("told: %s", strings.Join(l.Events, "\n"))
	}
	mark := l.Mark()
	l.End()
	l.Restart()
	l.Settle(lab.FrontGroup)
	check("after a restart")
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("a restart writes %v", w)
	}
	in := &networkingv1.Ingress{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(copied), in))
	in.Annotations["alb.ingress.kubernetes.io/group.order"] = "-1"
	l.Must(l.Client.Update(t.Context(), in))
	l.Events = nil
	l.Settle(lab.FrontGroup)
	if !slices.ContainsFunc(l.Events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress t1/inc ") && strings.Contains(e, string(diag.OverlappingRule)) &&
			strings.Contains(e, "Ingress copy/inc")
	}) {
		t.Errorf("told: %s", strings.Join(l.Events, "\n"))
	}
	if a := firstAction(l); a.FixedResponseConfig == nil {
		t.Errorf("with a lower group.order the copy is not in front: %+v", a)
	}
}
