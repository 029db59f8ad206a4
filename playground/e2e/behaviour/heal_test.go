package behaviour

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestADeletedBindingOrTargetGroupComesBackByItself shows that the controller replaces a binding
// deleted with kubectl and a target group deleted in AWS, until requests are answered.
func TestADeletedBindingOrTargetGroupComesBackByItself(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "heals"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}))
	lb := serve(t, c, ns, "web", "/")

	uid := func() string {
		return scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "jsonpath={.items[*].metadata.uid}")
	}
	was := uid()
	c.Kubectl(t, "delete", "targetgroupbindings", "-n", ns, "--all", "--timeout="+harness.Timeout.String())
	wait(t, c, "another binding", func() string {
		if now := uid(); now == "" || now == was {
			return "there is " + now
		}
		return ""
	})
	c.WaitGet(t, url(lb, "/"), "", 200, "web")
	c.WaitHealthy(t, c.LoadBalancer(t, lb.Name))

	// AWS deletes no target group that is in use, so the listener goes with it. Pods that come have the binding look.
	group := scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "jsonpath={.items[*].spec.targetGroupARN}")
	// a pass that is under way may make a listener
	c.WaitFor(t, "the target group to be deleted", func(ctx context.Context) error {
		for _, l := range c.LoadBalancer(t, lb.Name).Listeners {
			if _, err := c.Simulator.Balancing.DeleteListener(ctx, &elb.DeleteListenerInput{
				ListenerArn: aws.String(l.ARN)}); err != nil {
				return err
			}
		}
		_, err := c.Simulator.Balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(group)})
		return err
	})
	c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=2")
	wait(t, c, "another target group", func() string {
		now := scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "jsonpath={.items[*].spec.targetGroupARN}")
		if now == "" || now == group {
			return "the binding is to " + now
		}
		return ""
	})
	c.WaitGet(t, url(lb, "/"), "", 200, "web")
	c.WaitHealthy(t, c.LoadBalancer(t, lb.Name))
}
