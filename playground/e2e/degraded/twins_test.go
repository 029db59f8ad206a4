package degraded

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// ofAnotherCluster makes what the controller of another cluster with the same name would: a load balancer like another
// one and a target group, with the tags of a stack.
func ofAnotherCluster(t *testing.T, c *harness.Cluster, like simclient.LoadBalancer, key string) (balancer,
	group string) {
	t.Helper()
	tags := func(resource string) []types.Tag {
		return []types.Tag{
			{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(c.Simulator.Seed().Cluster.Name)},
			{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String(key)}, {Key: aws.String("ingress.k8s.aws/resource"),
				Value: aws.String(resource)},
		}
	}
	in := &elb.CreateLoadBalancerInput{Name: aws.String("k8s-elsewher-web-0123456789"),
		Scheme: types.LoadBalancerSchemeEnumInternal, Tags: tags("LoadBalancer"), Type: types.LoadBalancerTypeEnumNetwork}
	for _, z := range like.Zones {
		in.Subnets = append(in.Subnets, z.Subnet)
	}
	lb, err := c.Simulator.Balancing.CreateLoadBalancer(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	tg, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: aws.String("k8s-elsewher-web-abcdef0123"), Port: aws.Int32(80), Protocol: types.ProtocolEnumTcp,
		VpcId:      aws.String(strings.TrimPrefix(vpc, "--aws-vpc-id=")),
		TargetType: types.TargetTypeEnumIp, Tags: tags(key + "-web:80"),
	})
	if err != nil {
		t.Fatal(err)
	}
	balancer, group = aws.ToString(lb.LoadBalancers[0].LoadBalancerArn), aws.ToString(tg.TargetGroups[0].TargetGroupArn)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, _ = c.Simulator.Balancing.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &balancer})
		_, _ = c.Simulator.Balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &group})
	})
	return balancer, group
}

// TestLoadBalancersOfATwinClusterAreKept shows that a controller reports load balancers of another
// cluster with its name, and deletes none. Another writer creates a load
// balancer while the controller runs.
func TestLoadBalancersOfATwinClusterAreKept(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a search, and a minute in which nothing is to happen")
	}
	const ns = "shared-name"
	c := playground(t)
	account := newCloud(t, c)
	started := c.Mark() // the playground is that of earlier tests too
	p := c.StartProcess(t, keys(account), region, vpc, alone)
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}))
	t.Cleanup(func() {
		_, _ = c.TryKubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String(),
			"--ignore-not-found")
	})
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
	lists := func() (at []time.Time) {
		for _, call := range c.Calls(started) {
			if call.Action == "DescribeTargetGroups" {
				at = append(at, call.Time)
			}
		}
		return at
	}
	// What a list shows that began right after the first one may have been there before: AWS's lists lag.
	c.WaitFor(t, "the second list of the account", func(context.Context) error {
		at := lists()
		if n := len(at); n < 2 || at[n-1].Sub(at[0]) < 5*time.Second || time.Since(at[n-1]) < time.Second {
			return fmt.Errorf("lists at %v", at)
		}
		return nil
	})
	own := c.LoadBalancer(t, c.IngressAddress(t, ns, "web"))
	balancer, group := ofAnotherCluster(t, c, own, "elsewhere/web")

	// What is missing of an Ingress has the controller list the account.
	mark := c.Mark()
	if _, err := c.Simulator.Balancing.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{
		LoadBalancerArn: &own.ARN}); err != nil {
		t.Fatal(err)
	}
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip", "load-balancer-attributes": "idle_timeout.timeout_seconds=75"}))
	eventually(t, c, p.Metrics+"/metrics", 200, `lbc_degraded{reason="shared-cluster-name"} 1`)
	eventually(t, c, p.Health+"/readyz?verbose", 200, "cluster-name",
		"another cluster of the account has the same --cluster-name, and its controller manages "+
			"ingress.k8s.aws:elsewhere/web", "give one of the clusters another --cluster-name")
	time.Sleep(time.Minute) // nothing is to be deleted
	for _, call := range c.Calls(mark) {
		if call.Action == "DescribeTargetHealth" || harness.IsRead(call.Action) {
			continue
		}
		if text := fmt.Sprintf("%v", call); strings.Contains(text, balancer) || strings.Contains(text, group) {
			t.Errorf("it writes to what the other cluster has: %s", text)
		}
	}
	r := c.Simulator.Resources()
	if !slices.ContainsFunc(r.LoadBalancers, func(x simclient.LoadBalancer) bool { return x.ARN == balancer }) ||
		!slices.ContainsFunc(r.TargetGroups, func(x simclient.TargetGroup) bool { return x.ARN == group }) {
		t.Error("what the other cluster has is gone")
	}
	if n := logged(t, p, `"degraded","reason":"shared-cluster-name"`); n != 1 {
		t.Errorf("%d lines about the name", n)
	}
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
}

// TestASecondControllerInAClusterIsReportedByBoth shows that two controller processes in one
// cluster, of which one runs without election, both report it.
func TestASecondControllerInAClusterIsReportedByBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits half a minute in which nothing is to happen")
	}
	const ns = "second"
	c := playground(t)
	account := newCloud(t, c)
	first := c.StartProcess(t, keys(account), region, vpc, "--enable-leader-election=true")
	ingress := func(timeout int) string {
		return scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing", "target-type": "ip",
			"load-balancer-attributes": fmt.Sprintf("idle_timeout.timeout_seconds=%d", timeout)})
	}
	c.Apply(t, scene.Namespace(ns, 1)+ingress(61))
	t.Cleanup(func() {
		_, _ = c.TryKubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String(),
			"--ignore-not-found")
	})
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
	writer := func(want string) {
		t.Helper()
		c.WaitFor(t, "the writer in the status", func(context.Context) error {
			out, err := c.TryKubectl(t, "get", "loadbalancers.elbv2.k8s.aws", "-n", ns, "-o",
				"jsonpath={.items[*].status.controller}")
			if err == nil && out != want {
				err = fmt.Errorf("it is %q", out)
			}
			return err
		})
	}
	writer("Lease kube-system/aws-load-balancer-controller-leader")
	eventually(t, c, first.Metrics+"/metrics", 200, `lbc_degraded{reason="second-controller"} 0`)

	second := c.StartProcess(t, keys(account), region, vpc, alone,
		"--leader-election-id=aws-load-balancer-controller-second")
	writer("without election (kube-system/aws-load-balancer-controller-second)")
	timeout, edited := 61, time.Time{}
	for what, p := range map[string]*harness.Process{"the first": first, "the second": second} {
		c.WaitFor(t, what+" controller to report the other one", func(ctx context.Context) error {
			if time.Since(edited) > 5*time.Second { // each edit has both write the status
				timeout, edited = timeout+1, time.Now()
				c.Apply(t, ingress(timeout))
			}
			_, page, err := harness.Page(ctx, p.Metrics+"/metrics")
			if err == nil && !strings.Contains(page, `lbc_degraded{reason="second-controller"} 1`) {
				err = fmt.Errorf("it does not")
			}
			return err
		})
		eventually(t, c, p.Health+"/readyz?verbose", 200, "leader", "a second controller works in this cluster",
			"keep one release of the controller")
		if n := logged(t, p, `"degraded","reason":"second-controller"`); n != 1 {
			t.Errorf("%s says it in %d lines", what, n)
		}
	}

	// At rest neither writes to AWS because of the other.
	eventually(t, c, first.Health+"/readyz", 200, "ok")
	mark := c.Mark()
	time.Sleep(30 * time.Second) // nothing is to be written
	writes := 0
	for _, call := range c.Calls(mark) {
		if !harness.IsRead(call.Action) {
			writes++
		}
	}
	if writes > 4 { // of the last edit
		t.Errorf("%d writes at rest", writes)
	}
}
