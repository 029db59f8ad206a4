package behaviour

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// attach has the controller run with a published policy until the test ends.
func attach(t *testing.T, c *harness.Cluster, file string) {
	t.Helper()
	policy, err := os.ReadFile("../../../docs/install/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Simulator.PutPolicy("controller", policy); err != nil {
		t.Fatal(err)
	}
	attached := []simclient.Attachment{{Policy: "controller", AccessKey: harness.ControllerKey}}
	if err := c.Simulator.ChangeIAM(simclient.IAMChange{Attach: attached}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Simulator.ChangeIAM(simclient.IAMChange{Detach: attached}); err != nil {
			t.Error(err)
		}
	})
}

// TestThePublishedPolicySufficesForAWholeLife shows that the real controller, from start to
// deletion, needs no AWS action beyond the published policy.
func TestThePublishedPolicySufficesForAWholeLife(t *testing.T) {
	c := cluster(t)
	attach(t, c, "iam_policy.json")
	mark := c.Mark()
	const ns = "permitted"
	ingress := func(more scene.Annotations) string { return scene.Ingress(ns, "web", scene.Class, public(more)) }
	c.Apply(t, scene.Namespace(ns, 1)+ingress(nil))
	lb := serve(t, c, ns, "web", "/")
	scene.Change(t, c, ingress(scene.Annotations{
		"tags": "team=web", "listen-ports": `[{"HTTP":80},{"HTTP":8080}]`,
		"load-balancer-attributes":    "idle_timeout.timeout_seconds=30",
		"listener-attributes.HTTP-80": "routing.http.response.server.enabled=false", "healthcheck-path": "/",
	}))
	wait(t, c, "the tag, the port and the attribute", func() string {
		now := c.LoadBalancer(t, lb.Name)
		return differs("tag", now.Tags["team"], "web") + differs("ports", ports(now), []int32{80, 8080}) +
			differs("idle timeout", now.Attributes["idle_timeout.timeout_seconds"], "30")
	})
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
	if len(c.Simulator.Gate.Calls(gate.Filter{After: mark, Caller: harness.ControllerKey})) == 0 {
		t.Error("the controller's calls are not those of " + harness.ControllerKey)
	}
	for _, call := range c.Denied(mark) {
		t.Errorf("%s %s: %s", call.Service, call.Action, call.Message)
	}
}

// freeGroup makes a target group of a user, which goes with the test.
func freeGroup(t *testing.T, c *harness.Cluster, name string) (arn string) {
	t.Helper()
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String(name), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(c.Simulator.Seed().VPC.ID),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn = aws.ToString(out.TargetGroups[0].TargetGroupArn)
	t.Cleanup(func() {
		if _, err := c.Simulator.Balancing.DeleteTargetGroup(context.Background(), &elb.DeleteTargetGroupInput{
			TargetGroupArn: &arn}); err != nil {
			t.Error(err)
		}
	})
	return arn
}

// withoutLoadBalancers waits until nothing of an earlier test is in the account: neither a load balancer nor the
// backend security group, which goes after the last of them. What is left then would be deleted in the middle of the
// test, or under its policy not at all.
func withoutLoadBalancers(t *testing.T, c *harness.Cluster) {
	t.Helper()
	wait(t, c, "what earlier tests made to go", func() string {
		r := c.Simulator.Resources()
		for _, lb := range r.LoadBalancers {
			return lb.Name
		}
		for _, g := range r.SecurityGroups {
			if g.Tags["elbv2.k8s.aws/cluster"] != "" {
				return g.Name
			}
		}
		return ""
	})
}

// TestPolicyForBindingsSuffices shows that a controller for TargetGroupBindings alone starts and
// serves under its policy without reporting a missing permission. Its reads of load balancers at
// the start are refused, which is an answer. The test is not parallel: it has a controller of its
// own.
func TestPolicyForBindingsSuffices(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	c := cluster(t)
	withoutLoadBalancers(t, c)
	c.Env.StopController() // what the former one is denied does not count
	attach(t, c, "iam_policy_targetgroupbindings.json")
	mark, log, began := c.Mark(), c.Journal(t), time.Now()
	c.RestartController(t)
	const ns = "bindingsonly"
	group := freeGroup(t, c, ns)
	c.Apply(t, scene.Namespace(ns, 1)+`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: web, namespace: `+ns+`}
spec: {targetGroupARN: "`+group+`", serviceRef: {name: web, port: 80}}
`)
	scene.WaitTargets(t, c, group, 1)
	c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=2")
	scene.WaitTargets(t, c, group, 2)
	c.Kubectl(t, "wait", "--for=condition=Ready", "targetgroupbinding", "web", "-n", ns, "--timeout="+
		harness.Timeout.String())
	settled(t, c)
	denied := map[string]int{}
	for _, call := range c.Denied(mark) {
		denied[call.Action]++
	}
	if denied["DescribeLoadBalancers"] == 0 {
		t.Error("the policy does not hold")
	}
	most := 4 + int(time.Since(began)/time.Minute) // they are tried again, ever less often
	for action, n := range denied {
		if n > most || !slices.Contains([]string{"DescribeLoadBalancers", "DescribeTags", "DescribeAvailabilityZones",
			"DescribeSubnets"}, action) {
			t.Errorf("%s is denied %d times", action, n)
		}
	}
	expectNoWarnings(t, c, ns)
	m, err := scrape(t.Context(), c.Env.ControllerMetrics())
	if err != nil {
		t.Fatal(err)
	}
	if !m.has("lbc_degraded") || m.sum("lbc_degraded") != 0 {
		t.Errorf("%v conditions are reported", m.sum("lbc_degraded"))
	}
	for line := range strings.Lines(log()) {
		if strings.Contains(line, "not authorized") {
			t.Errorf("logged: %s", line)
		}
	}
	c.Kubectl(t, "delete", "targetgroupbinding", "web", "-n", ns, "--timeout="+harness.Timeout.String())
	scene.WaitTargets(t, c, group, 0)
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
}
