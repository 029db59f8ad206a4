package behaviour

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

func TestTargetsOfAnotherClusterStayInASharedTargetGroup(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "sharing"
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{"multi-cluster-target-group": "true"})))
	lb := serve(t, c, ns, "web", "/")
	groups := c.TargetGroups(lb)
	if len(groups) != 1 {
		t.Fatalf("target groups: %v", groups)
	}
	arn, binding := groups[0].ARN, groups[0].Name
	theirs := []types.TargetDescription{{Id: aws.String("100.64.9.9"), Port: aws.Int32(8080), AvailabilityZone: aws.String("all")}}
	if _, err := c.Simulator.Balancing.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &arn, Targets: theirs}); err != nil {
		t.Fatal(err)
	}
	claimed := func() string {
		return scene.Query(t, c, "get", "configmap", "-n", ns, "aws-lbc-targets-"+binding, "-o", "jsonpath={.data.targets}")
	}
	for _, replicas := range []string{"3", "1"} {
		c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas="+replicas)
		n := int(replicas[0] - '0')
		scene.WaitTargets(t, c, arn, n+1)
		wait(t, c, "what is claimed", func() string {
			return differs("claimed", len(strings.Split(claimed(), ",")), n)
		})
	}
	if strings.Contains(claimed(), "100.64.9.9") {
		t.Errorf("the other cluster's target is claimed: %s", claimed())
	}

	// What is shared no more is kept no longer.
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(nil)))
	wait(t, c, "the end of the list", func() string {
		return scene.Query(t, c, "get", "configmap", "-n", ns, "--field-selector", "metadata.name=aws-lbc-targets-"+binding, "-o", "name")
	})
	expectNoWarnings(t, c, ns)
}
