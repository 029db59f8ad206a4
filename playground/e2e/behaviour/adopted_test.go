package behaviour

import (
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

func TestALoadBalancerOfOthersAnswersAsItDidUntilItsTakeoverIsApproved(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "takeover"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "old", scene.Class, public(scene.Annotations{"load-balancer-name": "taken-over", "deletion-policy": "RetainWithoutTags"}), scene.Path{Path: "/"}))
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "old"))
	wait(t, c, "its rule", func() string {
		if lb = c.LoadBalancer(t, lb.Name); len(lb.Listeners) == 0 || len(lb.Listeners[0].Rules) < 2 {
			return "it is not there"
		}
		return ""
	})
	c.Kubectl(t, "delete", "ingress", "old", "-n", ns, "--timeout=2m")
	if _, err := c.Simulator.Balancing.AddTags(t.Context(), &elb.AddTagsInput{ResourceArns: []string{lb.ARN}, Tags: []types.Tag{{Key: aws.String("elbv2.k8s.aws/shared-with"), Value: aws.String("demo-cluster/" + ns)}}}); err != nil {
		t.Fatal(err)
	}
	listener := lb.Listeners[0].ARN
	theirs := &elb.CreateRuleInput{ListenerArn: &listener, Priority: aws.Int32(900), Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/theirs"}}},
		Actions: []types.Action{{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("418")}}}}
	balancing := c.Simulator.Balancing
	if _, err := balancing.DeleteRule(t.Context(), &elb.DeleteRuleInput{RuleArn: &lb.Listeners[0].Rules[0].ARN}); err != nil { // that for all paths
		t.Fatal(err)
	}
	if _, err := balancing.CreateRule(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}

	c.Apply(t, scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"ownership": "adopted", "existing-load-balancer": "taken-over"}), scene.Path{Path: "/web"}))
	if host := c.IngressAddress(t, ns, "web"); host != lb.DNSName {
		t.Errorf("the address is %s, and was %s", host, lb.DNSName)
	}
	e := c.WaitEvent(t, "Ingress", ns, "web", "FailedDeployModel")
	digest := regexp.MustCompile(`approved-plan: ([0-9a-f]{16})`).FindStringSubmatch(e.Message)
	if digest == nil {
		t.Fatalf("no digest in %q", e.Message)
	}
	c.WaitGet(t, url(lb, "/theirs"), "", 418, "")

	c.Kubectl(t, "annotate", "ingress", "web", "-n", ns, "alb.ingress.kubernetes.io/approved-plan="+digest[1])
	c.WaitGet(t, url(lb, "/theirs"), "", 404, "")
	c.WaitGet(t, url(lb, "/web"), "", 200, "web")
}
