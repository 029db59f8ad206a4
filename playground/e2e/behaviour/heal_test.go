package behaviour

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

func TestABindingOrTargetGroupThatSomebodyDeletesComesBackByItself(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "heals"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}))
	lb := serve(t, c, ns, "web", "/")

	uid := func() string {
		return scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o", "jsonpath={.items[*].metadata.uid}")
	}
	was := uid()
	c.Kubectl(t, "delete", "targetgroupbindings", "-n", ns, "--all", "--timeout=30s")
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
	for _, l := range c.LoadBalancer(t, lb.Name).Listeners {
		if _, err := c.Simulator.Balancing.DeleteListener(t.Context(), &elb.DeleteListenerInput{ListenerArn: aws.String(l.ARN)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Simulator.Balancing.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(group)}); err != nil {
		t.Fatal(err)
	}
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
