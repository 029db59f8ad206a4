package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// pathRules are the rules of the only listener by their path.
func (l *lab) pathRules() map[string]elbtypes.Rule {
	l.Helper()
	lb := l.sim.Resources().LoadBalancers[0]
	out, err := l.sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{ListenerArn: aws.String(lb.Listeners[0].ARN)})
	l.must(err)
	rules := map[string]elbtypes.Rule{}
	for _, r := range out.Rules {
		for _, c := range r.Conditions {
			if c.PathPatternConfig != nil {
				rules[c.PathPatternConfig.Values[0]] = r
			}
		}
	}
	return rules
}

// TestASwapLeavesWhatTheExistingControllerMergedServing has Ingress a-b with Service c and Ingress a with Service b-c share the one target
// group that their names join to, as the existing controller makes it, and then the controller start.
func TestASwapLeavesWhatTheExistingControllerMergedServing(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict groups %v", strict), func(t *testing.T) {
			t.Parallel()
			group, first := map[string]string{"group.name": "front"}, map[string]string{"group.name": "front", "group.order": "-1"}
			l := newLab(t, account.Profile{}, labClass(), labService("c"), labService("b-c"), labService("other"), labIngress("a-b", first, "c"), labIngress("a", group, "other"))
			l.settle(frontKey)
			merged := l.pathRules()["/c"].Actions
			_, err := l.sim.Balancing.ModifyRule(t.Context(), &elbv2.ModifyRuleInput{RuleArn: l.pathRules()["/other"].RuleArn, Actions: merged,
				Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{Values: []string{"/b-c", "/b-c/*"}}}}})
			l.must(err)
			for _, tg := range l.sim.Resources().TargetGroups { // of which the existing controller made none
				if strings.Contains(tg.Name, "other") {
					_, err := l.sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{TargetGroupArn: aws.String(tg.ARN)})
					l.must(err)
				}
			}
			for _, b := range l.allBindings() {
				if !strings.Contains(aws.ToString(merged[0].TargetGroupArn), "/"+b.Name+"/") {
					b.Finalizers = nil
					l.must(l.client.Update(t.Context(), &b))
					l.must(l.client.Delete(t.Context(), &b))
				}
			}
			l.edit("a", func(i *networkingv1.Ingress) { i.Spec.Rules = labIngress("a", group, "b-c").Spec.Rules })
			standing := func() string {
				return aws.ToString(l.pathRules()["/b-c"].RuleArn) + " to " + aws.ToString(l.pathRules()["/b-c"].Actions[0].TargetGroupArn)
			}
			was := standing()

			l.config.StrictGroups = strict
			l.events = nil
			l.restart()
			mark := l.mark()
			l.settle(frontKey)
			if w := l.writes(mark); len(w) > 0 || standing() != was {
				t.Errorf("the swap wrote %v; the rule is %s, was %s", w, standing(), was)
			}
			if told := l.whom("FailedBuildModel"); !slices.Equal(told, []string{"a"}) || !l.told("a", string(diag.TargetGroupTaken)) {
				t.Errorf("told %v:\n%s", told, strings.Join(l.events, "\n"))
			}
			l.edit("a-b", func(i *networkingv1.Ingress) {
				i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, labIngress("x", nil, "other").Spec.Rules[0].HTTP.Paths...)
			})
			l.settle(frontKey)
			if r := l.pathRules(); len(r) != 3 || standing() != was {
				t.Errorf("after an edit of the other: %d rules; the rule is %s, was %s", len(r), standing(), was)
			}
			l.edit("a", func(i *networkingv1.Ingress) { i.Spec.Rules = labIngress("a", group, "other").Spec.Rules })
			l.settle(frontKey)
			if _, there := l.pathRules()["/b-c"]; there {
				t.Error("the rule of a path that is gone stays")
			}
		})
	}
}
