package behaviour

import (
	"fmt"
	"strings"
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestForeignALPNPolicyIsResetByGateOnly shows that a controller started with the feature gate
// EnhancedDefaultBehavior resets an ALPN policy, and one without leaves it. Another controller or a
// person gave the NLB the policy.
func TestForeignALPNPolicyIsResetByGateOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	const ns, certificate = "alpn", "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	const fresh = "--enable-checkpoints=false" // what was done by hand is read at once
	c := harness.Start(t, harness.Options{ExtraArgs: []string{fresh}})
	c.Apply(t, scene.Namespace(ns, 1)+balanced(ns, "nlb", map[string]string{"scheme": "internal", "nlb-target-type": "ip",
		"ssl-cert": certificate}))
	lb := c.LoadBalancer(t, c.ServiceAddress(t, ns, "nlb"))
	c.WaitHealthy(t, lb)
	lb = c.LoadBalancer(t, lb.Name)
	policy := func() string {
		out, err := c.Simulator.Balancing.DescribeListeners(t.Context(), &elb.DescribeListenersInput{
			LoadBalancerArn: &lb.ARN})
		if err != nil || len(out.Listeners) != 1 {
			return fmt.Sprintf("%d listeners, %v", len(out.Listeners), err)
		}
		return strings.Join(out.Listeners[0].AlpnPolicy, ",")
	}
	if _, err := c.Simulator.Balancing.ModifyListener(t.Context(), &elb.ModifyListenerInput{
		ListenerArn: &lb.Listeners[0].ARN, AlpnPolicy: []string{"HTTP2Preferred"}}); err != nil {
		t.Fatal(err)
	}
	mark := c.Mark()
	c.RestartController(t, fresh)
	scene.Change(t, c, balanced(ns, "nlb", map[string]string{"scheme": "internal", "nlb-target-type": "ip",
		"ssl-cert": certificate, "attributes": "load_balancing.cross_zone.enabled=true"}))
	wait(t, c, "an edit of something else", func() string {
		return differs("attribute", c.LoadBalancer(t, lb.Name).Attributes["load_balancing.cross_zone.enabled"], "true")
	})
	if complaint := differs("ALPN policy without the gate", policy(), "HTTP2Preferred") + differs("writes of listeners",
		strings.Join(modified(c, mark, ns), ","), ""); complaint != "" {
		t.Error(complaint)
	}
	c.RestartController(t, fresh, "--feature-gates=EnhancedDefaultBehavior=true")
	wait(t, c, "the default", func() string { return differs("ALPN policy", policy(), "None") })
}

// modified are the changes of listeners after mark by the controller.
func modified(c *harness.Cluster, mark uint64, ns string) (out []string) {
	for _, w := range scene.Writes(c, mark, scene.Marks(ns)...) {
		if strings.HasPrefix(w, "ModifyListener ") {
			out = append(out, w)
		}
	}
	return out
}
