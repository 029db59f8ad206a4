package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestWhatIsChangedByHandIsPutBack is not parallel: load balancers are looked at one after the other, and with few of them its turn
// comes soon.
func TestWhatIsChangedByHandIsPutBack(t *testing.T) {
	c := cluster(t)
	const ns = "drifting"
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"load-balancer-attributes": "idle_timeout.timeout_seconds=77", "tags": "team=shop"}), scene.Path{Path: "/path"}))
	want := balancer{groups: []string{"ip HTTP 1, 2 targets"}}
	lb := check(t, c, ns, "web", want)
	rule, group := lb.Listeners[0].Rules[0], c.TargetGroups(lb)[0]
	target := group.Targets[0]
	service := c.Simulator.Balancing
	for what, change := range map[string]func() error{
		"the load balancer's attribute": func() error {
			_, err := service.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &lb.ARN,
				Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("30")}}})
			return err
		},
		"the rule": func() error {
			_, err := service.DeleteRule(t.Context(), &elb.DeleteRuleInput{RuleArn: &rule.ARN})
			return err
		},
		"the health check": func() error {
			_, err := service.ModifyTargetGroup(t.Context(), &elb.ModifyTargetGroupInput{TargetGroupArn: &group.ARN, HealthCheckPath: aws.String("/healthz")})
			return err
		},
		"a target": func() error {
			_, err := service.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &group.ARN, Targets: []types.TargetDescription{{Id: &target.ID, Port: &target.Port}}})
			return err
		},
		"a tag": func() error {
			_, err := service.RemoveTags(t.Context(), &elb.RemoveTagsInput{ResourceArns: []string{group.ARN}, TagKeys: []string{"team"}})
			return err
		},
	} {
		if err := change(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// Nothing happens in the cluster: what is changed in AWS is found by looking.
	wait(t, c, "what was there before", func() string {
		now := c.LoadBalancer(t, lb.Name)
		if complaint := compare(c, now, want); complaint != "" {
			return complaint
		}
		var wrong []string
		if got := now.Attributes["idle_timeout.timeout_seconds"]; got != "77" {
			wrong = append(wrong, "idle timeout "+got)
		}
		if rules := now.Listeners[0].Rules; len(rules) != 2 || rules[0].Text != rule.Text {
			wrong = append(wrong, fmt.Sprintf("rules %+v", rules))
		}
		if tags := c.TargetGroups(now)[0].Tags; tags["team"] != "shop" {
			wrong = append(wrong, fmt.Sprintf("tags %v", tags))
		}
		return strings.Join(wrong, "; ")
	})
	c.WaitGet(t, url(lb, "/path"), "", 200, "web")
	if now := c.LoadBalancer(t, lb.Name); now.ARN != lb.ARN || c.TargetGroups(now)[0].ARN != group.ARN {
		t.Errorf("replaced: %s, %s", now.ARN, c.TargetGroups(now)[0].ARN)
	}
	expectNoWarnings(t, c, ns)
}

// TestWhatIsChangedByHandBehindAGatewayIsPutBack is not parallel either.
func TestWhatIsChangedByHandBehindAGatewayIsPutBack(t *testing.T) {
	s := &site{Cluster: cluster(t), ns: "drifting-gateway", targets: "ip"}
	s.Apply(t, scene.Namespace(s.ns, 1)+s.groups("/health")+scene.Gateway(s.ns, "web", "alb", facing, onHTTP, "name: other, protocol: HTTP, port: 8080"))
	s.route(t, "web", "parentRefs: [{name: web, sectionName: http}]", toWeb)
	lb := s.balancer(t, 1, "HTTP 80", "HTTP 8080")
	for _, l := range lb.Listeners {
		var err error
		if l.Port == 80 {
			_, err = s.Simulator.Balancing.DeleteRule(t.Context(), &elb.DeleteRuleInput{RuleArn: &l.Rules[0].ARN})
		} else {
			_, err = s.Simulator.Balancing.DeleteListener(t.Context(), &elb.DeleteListenerInput{ListenerArn: &l.ARN})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.rules(t, lb, 80, "if path-pattern is /*, forward to TG")
	if now := s.balancer(t, 1, "HTTP 80", "HTTP 8080"); now.ARN != lb.ARN {
		t.Errorf("replaced: %s", now.ARN)
	}
	s.WaitGet(t, url(lb, "/"), "", 200, "web")
}
