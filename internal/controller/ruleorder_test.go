package controller

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// firstAction is what the rule in front of all others does.
func (l *lab) firstAction() elbtypes.Action {
	l.Helper()
	out, err := l.sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{ListenerArn: aws.String(l.sim.Resources().LoadBalancers[0].Listeners[0].ARN)})
	l.must(err)
	return out.Rules[0].Actions[0]
}

// TestACopyOfAnIngressInANamespaceThatSortsFirstTakesNoTraffic copies a member of a group as with sed: the same host and path, another
// namespace, where its Service does not exist.
func TestACopyOfAnIngressInANamespaceThatSortsFirstTakesNoTraffic(t *testing.T) {
	t.Parallel()
	l := newKeeper(t, slices.Concat([]client.Object{labClass()}, groupMember("t1", "inc", 0, nil))...)
	l.settle(frontGroup)
	serving := aws.ToString(l.firstAction().TargetGroupArn)
	if serving == "" {
		t.Fatal("the original does not serve")
	}
	copied := groupMember("copy", "inc", 9, nil)[1]
	l.must(l.client.Create(t.Context(), copied))
	check := func(when string) {
		t.Helper()
		if a := l.firstAction(); aws.ToString(a.TargetGroupArn) != serving {
			t.Errorf("%s: the first rule does %+v", when, a)
		}
	}
	l.settle(frontGroup)
	check("at once")
	if !slices.ContainsFunc(l.events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress copy/inc ") && strings.Contains(e, string(diag.OverlappingRule)) && strings.Contains(e, "Ingress t1/inc") && strings.Contains(e, "/inc")
	}) {
		t.Errorf("told: %s", strings.Join(l.events, "\n"))
	}
	mark := l.mark()
	l.end()
	l.restart()
	l.settle(frontGroup)
	check("after a restart")
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("a restart writes %v", w)
	}
	in := &networkingv1.Ingress{}
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(copied), in))
	in.Annotations["alb.ingress.kubernetes.io/group.order"] = "-1"
	l.must(l.client.Update(t.Context(), in))
	l.events = nil
	l.settle(frontGroup)
	if !slices.ContainsFunc(l.events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress t1/inc ") && strings.Contains(e, string(diag.OverlappingRule)) && strings.Contains(e, "Ingress copy/inc")
	}) {
		t.Errorf("told: %s", strings.Join(l.events, "\n"))
	}
	if a := l.firstAction(); a.FixedResponseConfig == nil {
		t.Errorf("with a lower group.order the copy is not in front: %+v", a)
	}
}
