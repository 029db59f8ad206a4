package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// The tests in this file are not parallel: they take nodes out of service, and have flags of their own.

// TestNodeShowsWhenItsTargetsHaveDrained shows that a drained node gets the condition for its
// drained targets only after the delay, with the rights of the manifest.
func TestNodeShowsWhenItsTargetsHaveDrained(t *testing.T) {
	longtest.Long(t, "it starts the controller with flags or a policy of its own, while nothing else runs")
	before := cluster(t)
	withoutLoadBalancers(t, before) // targets of an earlier test drain for longer than this one waits
	wait(t, before, "bindings of earlier tests to go", func() string {
		return scene.Query(t, before, "get", "targetgroupbindings", "-A", "-o", "name")
	})
	c := harness.Start(t, harness.Options{ExtraArgs: []string{"--enable-node-drain-condition"}})
	c.ApplyFile(t, "../../../config/node-drain/rbac.yaml")
	const ns, delay = "leaving", 4 * time.Second
	settings := map[string]string{"scheme": "internal", "target-group-attributes": fmt.Sprintf("deregistration_delay.timeout_seconds=%d", int(delay.Seconds()))}
	manifests := scene.Namespace(ns, 2)
	for _, targets := range []string{"ip", "instance"} {
		settings["nlb-target-type"] = targets
		manifests += balanced(ns, targets, settings)
	}
	c.Apply(t, manifests)
	for _, targets := range []string{"ip", "instance"} {
		c.WaitHealthy(t, c.LoadBalancer(t, c.ServiceAddress(t, ns, targets)))
	}
	node := scene.Query(t, c, "get", "pods", "-n", ns, "-o", "jsonpath={.items[0].spec.nodeName}")
	conditions := func() string {
		return scene.Query(t, c, "get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name}{range .status.conditions[?(@.type=="elbv2.k8s.aws/TargetsDrained")]} {.status} {.reason}{end};{end}`)
	}
	back := func() {
		_, _ = c.TryKubectl(t, "taint", "node", node, "ToBeDeletedByClusterAutoscaler-") // it may not be there any more
		c.Kubectl(t, "uncordon", node)
	}
	shown := func(want string) {
		t.Helper()
		wait(t, c, "the condition "+want, func() string {
			if all := conditions(); !strings.Contains(all, node+want+";") || strings.Contains(strings.Replace(all, node+want+";", "", 1), "Targets") {
				return all
			}
			return ""
		})
	}
	shown("")
	c.Kubectl(t, "cordon", node)
	defer back() // also after a failure
	shown(" False TargetsRegistered")

	mark := c.Mark()
	c.Kubectl(t, "taint", "node", node, "ToBeDeletedByClusterAutoscaler=1:NoSchedule")
	c.Kubectl(t, "delete", "pods", "-n", ns, "--field-selector=spec.nodeName="+node, "--wait=false")
	shown(" True NoTargets")
	c.Kubectl(t, "wait", "--for=condition=elbv2.k8s.aws/TargetsDrained", "node/"+node, "--timeout="+harness.Timeout.String())
	var last time.Time
	var arns []string
	for _, call := range c.Calls(mark) {
		in, ok := call.Input.(*elb.DeregisterTargetsInput)
		if !ok || !strings.Contains(aws.ToString(in.TargetGroupArn), "k8s-"+ns) {
			continue
		}
		arns = append(arns, aws.ToString(in.TargetGroupArn))
		if call.Time.After(last) {
			last = call.Time
		}
	}
	slices.Sort(arns)
	if n := len(slices.Compact(arns)); n != 2 {
		t.Errorf("targets of %d target groups were deregistered, want both", n)
	}
	since, err := time.Parse(time.RFC3339, scene.Query(t, c, "get", "node", node, "-o", `jsonpath={.status.conditions[?(@.type=="elbv2.k8s.aws/TargetsDrained")].lastTransitionTime}`))
	if err != nil || since.Add(time.Second).Before(last.Add(delay)) { // the condition has whole seconds
		t.Errorf("drained at %s, and the last target was deregistered at %s, with a delay of %s; %v", since, last, delay, err)
	}
	shown(" True NoTargets")
	back()
	shown("")
}

// TestForeignALPNPolicyIsResetByGateOnly shows that a controller started with the feature gate
// EnhancedDefaultBehavior resets an ALPN policy, and one without leaves it. Another controller or a
// person gave the NLB the policy.
func TestForeignALPNPolicyIsResetByGateOnly(t *testing.T) {
	longtest.Long(t, "it starts the controller with flags or a policy of its own, while nothing else runs")
	const ns, certificate = "alpn", "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	const fresh = "--enable-checkpoints=false" // what was done by hand is read at once
	c := harness.Start(t, harness.Options{ExtraArgs: []string{fresh}})
	c.Apply(t, scene.Namespace(ns, 1)+balanced(ns, "nlb", map[string]string{"scheme": "internal", "nlb-target-type": "ip", "ssl-cert": certificate}))
	lb := c.LoadBalancer(t, c.ServiceAddress(t, ns, "nlb"))
	c.WaitHealthy(t, lb)
	lb = c.LoadBalancer(t, lb.Name)
	policy := func() string {
		out, err := c.Simulator.Balancing.DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: &lb.ARN})
		if err != nil || len(out.Listeners) != 1 {
			return fmt.Sprintf("%d listeners, %v", len(out.Listeners), err)
		}
		return strings.Join(out.Listeners[0].AlpnPolicy, ",")
	}
	if _, err := c.Simulator.Balancing.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: &lb.Listeners[0].ARN, AlpnPolicy: []string{"HTTP2Preferred"}}); err != nil {
		t.Fatal(err)
	}
	mark := c.Mark()
	c.RestartController(t, fresh)
	scene.Change(t, c, balanced(ns, "nlb", map[string]string{"scheme": "internal", "nlb-target-type": "ip", "ssl-cert": certificate, "attributes": "load_balancing.cross_zone.enabled=true"}))
	wait(t, c, "an edit of something else", func() string {
		return differs("attribute", c.LoadBalancer(t, lb.Name).Attributes["load_balancing.cross_zone.enabled"], "true")
	})
	if complaint := differs("ALPN policy without the gate", policy(), "HTTP2Preferred") + differs("writes of listeners", strings.Join(modified(c, mark, ns), ","), ""); complaint != "" {
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
