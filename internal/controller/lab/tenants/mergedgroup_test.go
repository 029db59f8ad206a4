package tenants

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// pathRules are the rules of the only listener by their path.
func pathRules(l *lab.Lab) map[string]elbtypes.Rule {
	l.Helper()
	lb := l.Sim.Resources().LoadBalancers[0]
	out, err := l.Sim.Balancing.DescribeRules(l.Context(), &elbv2.DescribeRulesInput{
		ListenerArn: aws.String(lb.Listeners[0].ARN)})
	l.Must(err)
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

// TestASwapLeavesWhatTheExistingControllerMergedServing has Ingress a-b with Service c and Ingress a with Service b-c
// share the one target group that their names join to, as the existing controller makes it, and then the controller
// start.
func TestASwapLeavesWhatTheExistingControllerMergedServing(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict groups %v", strict), func(t *testing.T) {
			t.Parallel()
			group, first := map[string]string{"group.name": "front"}, map[string]string{"group.name": "front",
				"group.order": "-1"}
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("c"), lab.Service("b-c"), lab.Service("other"),
				lab.Ingress("a-b", first, "c"), lab.Ingress("a", group, "other"))
			l.Settle(lab.FrontKey)
			merged := pathRules(l)["/c"].Actions
			_, err := l.Sim.Balancing.ModifyRule(t.Context(), &elbv2.ModifyRuleInput{RuleArn: pathRules(l)["/other"].RuleArn,
				Actions: merged,
				Conditions: []elbtypes.RuleCondition{
					{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{
						Values: []string{"/b-c", "/b-c/*"}}}}})
			l.Must(err)
			for _, tg := range l.Sim.Resources().TargetGroups { // of which the existing controller made none
				if strings.Contains(tg.Name, "other") {
					_, err := l.Sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
						TargetGroupArn: aws.String(tg.ARN)})
					l.Must(err)
				}
			}
			for _, b := range l.AllBindings() {
				if !strings.Contains(aws.ToString(merged[0].TargetGroupArn), "/"+b.Name+"/") {
					b.Finalizers = nil
					l.Must(l.Client.Update(t.Context(), &b))
					l.Must(l.Client.Delete(t.Context(), &b))
				}
			}
			l.Edit("a", func(i *networkingv1.Ingress) { i.Spec.Rules = lab.Ingress("a", group, "b-c").Spec.Rules })
			standing := func() string {
				return aws.ToString(pathRules(l)["/b-c"].RuleArn) + " to " +
					aws.ToString(pathRules(l)["/b-c"].Actions[0].TargetGroupArn)
			}
			was := standing()

			l.Config.StrictGroups = strict
			l.Events = nil
			l.Restart()
			mark := l.Mark()
			l.Settle(lab.FrontKey)
			if w := l.Writes(mark); len(w) > 0 || standing() != was {
				t.Errorf("the swap wrote %v; the rule is %s, was %s", w, standing(), was)
			}
			if told := l.Whom("FailedBuildModel"); !slices.Equal(told, []string{"a"}) ||
				!l.Told("a", string(diag.TargetGroupTaken)) {
				t.Errorf("told %v:\n%s", told, strings.Join(l.Events, "\n"))
			}
			l.Edit("a-b", func(i *networkingv1.Ingress) {
				i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths,
					lab.Ingress("x", nil, "other").Spec.Rules[0].HTTP.Paths...)
			})
			l.Settle(lab.FrontKey)
			if r := pathRules(l); len(r) != 3 || standing() != was {
				t.Errorf("after an edit of the other: %d rules; the rule is %s, was %s", len(r), standing(), was)
			}
			l.Edit("a", func(i *networkingv1.Ingress) { i.Spec.Rules = lab.Ingress("a", group, "other").Spec.Rules })
			l.Settle(lab.FrontKey)
			if _, there := pathRules(l)["/b-c"]; there {
				t.Error("the rule of a path that is gone stays")
			}
		})
	}
}
