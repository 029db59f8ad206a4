package ingresses

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAttributesOfAWSDecide has an Ingress declare one attribute, and AWS have others that were set by hand. A new
// process reads these without a call that it does not make anyway.
func TestAttributesOfAWSDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		declared      string
		byHand        []string
		before, after []string // texts of an event; nil = none about attributes
	}{
		"switch is on": {"stickiness.lb_cookie.duration_seconds=60", []string{"stickiness.enabled=true"}, []string{
			"stickiness.lb_cookie.duration_seconds has no effect"}, nil},
		"switch excludes": {"load_balancing.algorithm.type=least_outstanding_requests", []string{
			"load_balancing.algorithm.type=round_robin", "slow_start.duration_seconds=30"}, nil, []string{"load_balancing.algorithm.type cannot be", "AWS has slow_start.duration_seconds=30"}},
	} {
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{
			"target-group-attributes": c.declared}, "web"))
		l.Settle(lab.Key("web"))
		told := func(when string, texts []string) {
			if texts == nil && l.Saw("Ingress shop/web", "attribute ") || !l.Saw("Ingress shop/web", texts...) {
				t.Errorf("%s, %s:\n%s", name, when, strings.Join(l.Events, "\n"))
			}
		}
		told("before", c.before)
		for _, attribute := range c.byHand {
			setByHand(l, attribute)
		}
		l.Restart()
		l.Events = nil
		mark := l.Mark()
		l.Settle(lab.Key("web"))
		told("after", c.after)
		if refused := l.RefusedCalls(mark); len(refused) > 0 {
			t.Errorf("%s: AWS refuses %v", name, refused)
		}
		if _, by := l.Counts(mark); by["DescribeTargetGroupAttributes"] != 1 || by["DescribeRules"] != 1 ||
			by["DescribeListeners"] != 1 {
			t.Errorf("%s: calls %v", name, by)
		}
	}
}

// setByHand sets an attribute, KEY=VALUE, of the target group.
func setByHand(l *lab.Lab, attribute string) {
	l.Helper()
	key, value, _ := strings.Cut(attribute, "=")
	_, err := l.Sim.Balancing.ModifyTargetGroupAttributes(l.Context(), &elbv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: aws.String(l.Sim.Resources().TargetGroups[0].ARN),
		Attributes:     []elbtypes.TargetGroupAttribute{{Key: &key, Value: &value}}})
	l.Must(err)
}
