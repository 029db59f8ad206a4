package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// edit is one edit of an Ingress, and what is true soon after it.
type edit struct {
	name        string
	annotations scene.Annotations // beside those of public; "" takes an annotation away
	writes      int               // at most; 0: not counted
	actions     []string          // all that may be called; nil: not looked at
	look        func(c *harness.Cluster, lb simclient.LoadBalancer) string
}

func differs(what string, got, want any) string {
	if fmt.Sprint(got) == fmt.Sprint(want) {
		return ""
	}
	return fmt.Sprintf("%s is %v, want %v", what, got, want)
}

func ports(lb simclient.LoadBalancer) []int32 {
	var all []int32
	for _, l := range lb.Listeners {
		all = append(all, l.Port)
	}
	slices.Sort(all)
	return all
}

// edits follow each other on one Ingress; none of them interrupts its traffic on port 80.
var edits = []edit{
	{name: "tags", annotations: scene.Annotations{"tags": "team=shop"}, look: func(c *harness.Cluster,
		lb simclient.LoadBalancer) string {
		return differs("tag team", lb.Tags["team"]+c.TargetGroups(lb)[0].Tags["team"]+lb.Listeners[0].Tags["team"],
			"shopshopshop")
	}, actions: []string{"AddTags", "CreateTags"}},
	{name: "a tag less", annotations: scene.Annotations{"tags": ""}, look: func(c *harness.Cluster,
		lb simclient.LoadBalancer) string {
		return differs("tag team", lb.Tags["team"]+c.TargetGroups(lb)[0].Tags["team"], "")
	}, actions: []string{"RemoveTags", "DeleteTags"}},
	{name: "an attribute", annotations: scene.Annotations{"load-balancer-attributes": "idle_timeout.timeout_seconds=88"},
		look: func(_ *harness.Cluster, lb simclient.LoadBalancer) string {
			return differs("idle timeout", lb.Attributes["idle_timeout.timeout_seconds"], "88")
		}, writes: 1, actions: []string{"ModifyLoadBalancerAttributes"}},
	{name: "an attribute of targets", annotations: scene.Annotations{
		"target-group-attributes": "deregistration_delay.timeout_seconds=7"},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string {
			return differs("delay", c.TargetGroups(lb)[0].Attributes["deregistration_delay.timeout_seconds"], "7")
		}, writes: 1, actions: []string{"ModifyTargetGroupAttributes"}},
	{name: "health check", annotations: scene.Annotations{"success-codes": "200-299"},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string {
			if check := c.TargetGroups(lb)[0].HealthCheck; !strings.Contains(check, "200-299") {
				return "health check " + check
			}
			return ""
		}, writes: 1, actions: []string{"ModifyTargetGroup"}},
	{name: "one port more", annotations: scene.Annotations{"listen-ports": `[{"HTTP": 80}, {"HTTP": 8080}]`},
		look: func(_ *harness.Cluster, lb simclient.LoadBalancer) string {
			return differs("ports", ports(lb), []int32{80, 8080})
		}, writes: 3, actions: []string{"CreateListener", "CreateRule", "AuthorizeSecurityGroupIngress"}},
	{name: "one port less", annotations: scene.Annotations{"listen-ports": ""},
		look: func(_ *harness.Cluster, lb simclient.LoadBalancer) string {
			return differs("ports", ports(lb), []int32{80})
		}, writes: 2, actions: []string{"DeleteListener", "RevokeSecurityGroupIngress"}},
	{name: "security groups of the user", annotations: scene.Annotations{"security-groups": "sg-0a1de000000000002",
		"manage-backend-security-group-rules": "true"},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string {
			if left := managed(c, lb); left != "" {
				return left + " is there"
			}
			return differs("first security group", lb.SecurityGroups[0], "sg-0a1de000000000002")
		}},
	{name: "managed security group again", annotations: scene.Annotations{"security-groups": "",
		"manage-backend-security-group-rules": ""},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string {
			if managed(c, lb) == "" || slices.Contains(lb.SecurityGroups, "sg-0a1de000000000002") {
				return fmt.Sprintf("security groups %v", lb.SecurityGroups)
			}
			return ""
		}},
	{name: "targets are nodes", annotations: scene.Annotations{"target-type": "instance"},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string { return onlyTargets(c, lb, "instance") }},
	{name: "targets are pods", annotations: scene.Annotations{"target-type": "ip"},
		look: func(c *harness.Cluster, lb simclient.LoadBalancer) string { return onlyTargets(c, lb, "ip") }},
}

// managed is the name of the security group that the controller made for the load balancer alone; empty if there is
// none.
func managed(c *harness.Cluster, lb simclient.LoadBalancer) string {
	for _, sg := range c.Simulator.Resources().SecurityGroups {
		if sg.Tags["ingress.k8s.aws/resource"] == "ManagedLBSecurityGroup" && sg.Tags["ingress.k8s.aws/stack"] ==
			lb.Tags["ingress.k8s.aws/stack"] {
			return sg.Name
		}
	}
	return ""
}

func onlyTargets(c *harness.Cluster, lb simclient.LoadBalancer, targetType string) string {
	groups := c.TargetGroups(lb)
	if len(groups) != 1 {
		return fmt.Sprintf("%d target groups", len(groups))
	}
	return differs("target type", groups[0].TargetType, targetType)
}

// TestEditsChangeOnlyTheirSettingsAndInterruptNoRequest shows that each of eleven edits of an
// Ingress makes only its own AWS calls and fails no request.
func TestEditsChangeOnlyTheirSettingsAndInterruptNoRequest(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "edited"
	now := public(nil)
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class, now))
	first := serve(t, c, ns, "web", "/")
	scene.WaitTargets(t, c, c.TargetGroups(first)[0].ARN, 2) // the second pod may be late
	reported := scene.WaitSuccess(t, c, ns, "web", 0)
	for _, e := range edits {
		traffic := scene.Send(t, c, url(first, "/"), "", scene.OK)
		mark := c.Mark()
		for key, value := range e.annotations {
			now[key] = value
			if value == "" {
				delete(now, key)
			}
		}
		scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, now))
		wait(t, c, e.name, func() string { return e.look(c, c.LoadBalancer(t, first.Name)) })
		reported = scene.WaitSuccess(t, c, ns, "web", reported)
		c.WaitHealthy(t, c.LoadBalancer(t, first.Name))
		scene.More(t, c, traffic, 20)
		writes := scene.Writes(c, mark, append(scene.Marks(ns), first.SecurityGroups[0])...)
		if e.writes > 0 && len(writes) > e.writes {
			t.Errorf("%s: %d writes, at most %d expected:\n%s", e.name, len(writes), e.writes, strings.Join(writes, "\n"))
		}
		for _, w := range writes {
			if action, _, _ := strings.Cut(w, " "); e.actions != nil && !slices.Contains(e.actions, action) {
				t.Errorf("%s: %s", e.name, w)
			}
		}
		noneWrong(t, e.name, traffic.Stop())
	}
	if lb := c.LoadBalancer(t, first.Name); lb.ARN != first.ARN {
		t.Errorf("the load balancer was replaced: %s", lb.ARN)
	}
	expectNoWarnings(t, c, ns)
}
