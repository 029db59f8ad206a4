package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// byHand changes what AWS holds as somebody with the console of AWS does.
type byHand struct {
	t *testing.T
	c *harness.Cluster
}

func (h byHand) check(_ any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h byHand) setIdleTimeout(loadBalancer, seconds string) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.ModifyLoadBalancerAttributes(h.t.Context(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &loadBalancer,
		Attributes:      []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: &seconds}}}))
}

func (h byHand) deleteRule(rule string) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.DeleteRule(h.t.Context(), &elb.DeleteRuleInput{RuleArn: &rule}))
}

func (h byHand) setHealthCheck(group, path string) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.ModifyTargetGroup(h.t.Context(), &elb.ModifyTargetGroupInput{TargetGroupArn: &group,
		HealthCheckPath: &path}))
}

func (h byHand) deregister(group, target string, port int32) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.DeregisterTargets(h.t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &group,
		Targets: []types.TargetDescription{{Id: &target, Port: &port}}}))
}

func (h byHand) removeTag(resource, key string) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.RemoveTags(h.t.Context(), &elb.RemoveTagsInput{ResourceArns: []string{resource},
		TagKeys: []string{key}}))
}

func (h byHand) setTag(resource, key, value string) {
	h.t.Helper()
	h.check(h.c.Simulator.Balancing.AddTags(h.t.Context(), &elb.AddTagsInput{ResourceArns: []string{resource},
		Tags: []types.Tag{{Key: &key, Value: &value}}}))
}

func (h byHand) openPort(securityGroup string, port int32, cidr string) {
	h.t.Helper()
	h.check(h.c.Simulator.Compute.AuthorizeSecurityGroupIngress(h.t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &securityGroup,
		IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: &port, ToPort: &port,
			IpRanges: []ec2types.IpRange{{CidrIp: &cidr}}}}}))
}

// TestWhatIsChangedByHandIsPutBack shows that the running controller finds changes made in AWS by
// hand, without any event in the cluster, and reverts them. The test is not parallel: the
// controller checks load balancers one after the other, and with few of them the turn comes soon.
func TestWhatIsChangedByHandIsPutBack(t *testing.T) {
	c := cluster(t)
	const ns = "drifting"
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class,
		public(scene.Annotations{"load-balancer-attributes": "idle_timeout.timeout_seconds=77", "tags": "team=shop"}),
		scene.Path{Path: "/path"}))
	want := balancer{groups: []string{"ip HTTP 1, 2 targets"}}
	lb := check(t, c, ns, "web", want)
	rule, group := lb.Listeners[0].Rules[0], c.TargetGroups(lb)[0]
	target := group.Targets[0]
	hand := byHand{t, c}
	hand.setIdleTimeout(lb.ARN, "30")
	hand.deleteRule(rule.ARN)
	hand.setHealthCheck(group.ARN, "/healthz")
	hand.deregister(group.ARN, target.ID, target.Port)
	hand.removeTag(group.ARN, "team")
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
