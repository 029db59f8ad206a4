package behaviour

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestABindingShowsHowManyTargetsThereAreAndHowManyAreHealthy shows that kubectl prints the counts
// of registered and healthy targets that the controller writes.
func TestABindingShowsHowManyTargetsThereAreAndHowManyAreHealthy(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "counted"
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class, public(nil), scene.Path{Path: "/"}))
	serve(t, c, ns, "web", "/")
	shows := func(want string) {
		t.Helper()
		wait(t, c, "the counts "+want, func() string {
			return differs("status.targets", scene.Query(t, c, "get", "targetgroupbindings", "-n", ns, "-o",
				"jsonpath={.items[*].status.targets.registered} {.items[*].status.targets.healthy}"), want)
		})
		lines := strings.Split(c.Kubectl(t, "get", "targetgroupbindings", "-n", ns, "-o", "wide"), "\n")
		var values []string
		for _, column := range []string{"REGISTERED", "HEALTHY"} {
			if at := strings.Index(lines[0], column); at >= 0 && len(lines) > 1 && len(lines[1]) > at {
				values = append(values, strings.Fields(lines[1][at:])[0])
			}
		}
		if strings.Join(values, " ") != want {
			t.Errorf("kubectl get -o wide shows\n%s", strings.Join(lines, "\n"))
		}
	}
	shows("2 2")
	c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=3")
	shows("3 3")
}

// sharedBinding binds to a target group in which other clusters may have targets, too.
func sharedBinding(namespace, arn string) string {
	return bind(namespace, "shared", "targetGroupARN: "+arn+", multiClusterTargetGroup: true")
}

// The test is not parallel: the controller has flags of its own, and nodes get another security group and a label.

// TestFlagsOfBindingsHoldForTheControllerThatIsStartedWithThem shows that the flags of bindings
// take effect in a controller process that is started with them. The test is not parallel: nodes
// get another security group and a label.
func TestFlagsOfBindingsHoldForTheControllerThatIsStartedWithThem(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the controller with flags or a policy of its own, while nothing else runs")
	}
	before := cluster(t)
	withoutLoadBalancers(t, before)
	const ns, named, excluded = "flagged", "sg-0a1de0000000000f1",
		"node.kubernetes.io/exclude-from-external-load-balancers"
	node := alsoOnNodes(t, before, named)
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--node-security-group=" + named,
		"--exclude-ip-targets-by-node-label", "--open-readiness-gates-after=3s", "--drift-check-interval=10s"}})
	c.ApplyFile(t, "../../../config/multi-cluster/rbac.yaml")
	arn, other := targetGroup(t, c, "flagged", types.TargetTypeEnumIp), targetGroup(t, c, "flagged-shared",
		types.TargetTypeEnumIp)
	c.Apply(t, scene.Namespace(ns, 4)+sharedBinding(ns, other)+
		bind(ns, "own", "targetGroupARN: "+arn+
			`, networking: {ingress: [{from: [{ipBlock: {cidr: 10.9.0.0/16}}], ports: [{protocol: TCP}]}]}`))
	scene.WaitTargets(t, c, arn, 4)
	targets := scene.WaitTargets(t, c, other, 4)

	t.Run("--node-security-group is the group that gets the rules, where tags mean another one", func(t *testing.T) {
		open := func(group string) bool {
			for _, g := range c.Simulator.Resources().SecurityGroups {
				if g.ID == group {
					return strings.Contains(fmt.Sprint(g.Ingress), "10.9.0.0/16")
				}
			}
			return false
		}
		wait(t, c, "the rule of the binding", func() string {
			if !open(named) {
				return named + " is closed"
			}
			return ""
		})
		if open(node) {
			t.Errorf("%s, which has the cluster's tag, is open", node)
		}
	})

	t.Run("a target of a shared target group that somebody deregisters is registered again", func(t *testing.T) {
		mark := c.Mark()
		gone := targets[0]
		if _, err := c.Simulator.Balancing.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{
			TargetGroupArn: aws.String(other), Targets: []types.TargetDescription{
				{Id: aws.String(gone.ID), Port: aws.Int32(gone.Port)}},
		}); err != nil {
			t.Fatal(err)
		}
		c.WaitFor(t, "the target to be registered again", func(context.Context) error {
			for _, call := range c.Calls(mark) {
				in, ok := call.Input.(*elb.RegisterTargetsInput)
				if ok && aws.ToString(in.TargetGroupArn) == other && slices.ContainsFunc(in.Targets,
					func(x types.TargetDescription) bool { return aws.ToString(x.Id) == gone.ID }) {
					return nil
				}
			}
			return fmt.Errorf("targets %v", scene.Targets(c, other))
		})
		scene.WaitTargets(t, c, other, 4)
	})

	t.Run("--open-readiness-gates-after opens gates of pods whose target group no load balancer uses", func(t *testing.T) {
		c.Kubectl(t, "label", "namespace", ns, "elbv2.k8s.aws/pod-readiness-gate-inject=enabled")
		c.Kubectl(t, "scale", "deployment", "-n", ns, "web", "--replicas=5")
		c.Kubectl(t, "rollout", "status", "deployment", "-n", ns, "web", "--timeout="+harness.Timeout.String())
		if gates := scene.Query(t, c, "get", "pods", "-n", ns, "-o",
			"jsonpath={.items[*].spec.readinessGates[*].conditionType}"); !strings.Contains(gates,
			"target-health.elbv2.k8s.aws/own") {
			t.Errorf("the pods have the gates %q", gates)
		}
	})

	t.Run("--exclude-ip-targets-by-node-label takes pods on labelled nodes out", func(t *testing.T) {
		on := map[string][]string{}
		for _, pod := range strings.Fields(scene.Query(t, c, "get", "pods", "-n", ns, "-o",
			`jsonpath={range .items[*]}{.spec.nodeName}={.status.podIP} {end}`)) {
			node, ip, _ := strings.Cut(pod, "=")
			on[node] = append(on[node], ip)
		}
		least := ""
		for node, ips := range on {
			if least == "" || len(ips) < len(on[least]) {
				least = node
			}
		}
		t.Cleanup(func() { _ = relabel(c, least, excluded, "") })
		if err := relabel(c, least, excluded, "true"); err != nil {
			t.Fatal(err)
		}
		for _, x := range scene.WaitTargets(t, c, arn, 5-len(on[least])) {
			if slices.Contains(on[least], x.ID) {
				t.Errorf("%s on %s is a target", x.ID, least)
			}
		}
	})
}

// alsoOnNodes makes a security group without tags and gives it to each network interface that has the group of the
// nodes, whose id it returns.
func alsoOnNodes(t *testing.T, c *harness.Cluster, id string) (node string) {
	t.Helper()
	a, seeded := c.Simulator.Account, c.Simulator.Seed()
	a.Lock()
	defer a.Unlock()
	if _, err := a.NewSecurityGroup(seeded.VPC.ID, id, "named", "named"); err != nil {
		t.Fatal(err)
	}
	for _, g := range a.SecurityGroups {
		if g.Tags["kubernetes.io/cluster/"+seeded.Cluster.Name] == "owned" {
			node = g.ID
		}
	}
	for _, n := range a.Interfaces {
		if slices.Contains(n.Groups, node) {
			n.Groups = append(slices.Clone(n.Groups), id)
		}
	}
	t.Cleanup(func() { // after what is applied is gone
		a.Lock()
		defer a.Unlock()
		for _, n := range a.Interfaces {
			n.Groups = slices.DeleteFunc(slices.Clone(n.Groups), func(g string) bool { return g == id })
		}
		delete(a.SecurityGroups, id)
	})
	return node
}
