package behaviour

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// webACL makes a web ACL that lets everything through.
func webACL(t *testing.T, c *harness.Cluster, name string) string {
	t.Helper()
	out, err := c.Simulator.Firewall.CreateWebACL(t.Context(), &wafv2.CreateWebACLInput{
		Name: aws.String(name), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String(name)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background() // the test's has ended
		in := &wafv2.GetWebACLInput{Name: out.Summary.Name, Id: out.Summary.Id, Scope: waftypes.ScopeRegional}
		now, err := c.Simulator.Firewall.GetWebACL(ctx, in)
		if err == nil {
			_, err = c.Simulator.Firewall.DeleteWebACL(ctx, &wafv2.DeleteWebACLInput{Name: in.Name, Id: in.Id, Scope: in.Scope, LockToken: now.LockToken})
		}
		if err != nil {
			t.Error(err)
		}
	})
	return aws.ToString(out.Summary.ARN)
}

// guards lists the web ACLs in front of a load balancer, by name.
func guards(c *harness.Cluster, arn string) []string {
	names := []string{}
	for _, w := range c.Simulator.Resources().WebACLs {
		if slices.Contains(w.LoadBalancers, arn) {
			names = append(names, w.Name)
		}
	}
	return names
}

// shielded counts the Shield protections of a load balancer.
func shielded(c *harness.Cluster, arn string) int {
	n := 0
	for _, p := range c.Simulator.Resources().Protections {
		if p.Resource == arn {
			n++
		}
	}
	return n
}

// reserved is the reserved capacity of a load balancer.
func reserved(t *testing.T, c *harness.Cluster, arn string) int32 {
	t.Helper()
	out, err := c.Simulator.Balancing.DescribeCapacityReservation(t.Context(), &elb.DescribeCapacityReservationInput{LoadBalancerArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	if out.MinimumLoadBalancerCapacity == nil {
		return 0
	}
	return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits)
}

func TestShieldAndCapacityFollowTheirAnnotations(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "addons"
	allowCapacity(t, c)
	var there smithy.APIError // since an earlier run of the test: a subscription cannot be ended
	if _, err := c.Simulator.Shield.CreateSubscription(t.Context(), &shield.CreateSubscriptionInput{}); err != nil && (!errors.As(err, &there) || there.ErrorCode() != "ResourceAlreadyExistsException") {
		t.Fatal(err)
	}
	apply := func(a scene.Annotations) string { return scene.Ingress(ns, "web", scene.Class, public(a)) }
	c.Apply(t, scene.Namespace(ns, 1)+apply(scene.Annotations{
		"shield-advanced-protection": "true", "minimum-load-balancer-capacity": "CapacityUnits=200",
	}))
	lb := serve(t, c, ns, "web", "/")
	is := func(protected int, units int32) func() string {
		return func() string {
			return differs("protections", shielded(c, lb.ARN), protected) + differs("capacity", reserved(t, c, lb.ARN), units)
		}
	}
	wait(t, c, "all add-ons", is(1, 200))
	expectNoWarnings(t, c, ns)
	mark := c.Mark()
	scene.Change(t, c, apply(scene.Annotations{"tags": "addons=gone"}))
	wait(t, c, "the tag", func() string { return differs("tag", c.LoadBalancer(t, lb.Name).Tags["addons"], "gone") })
	if complaint := is(1, 200)(); complaint != "" {
		t.Errorf("without annotations: %s", complaint)
	}
	for _, w := range scene.Writes(c, mark, scene.Marks(ns)...) {
		if strings.Contains(w, "Protection") || strings.Contains(w, "WebACL") || strings.Contains(w, "Capacity") {
			t.Errorf("without annotations: %s", w)
		}
	}
	scene.Change(t, c, apply(scene.Annotations{
		"shield-advanced-protection": "false", "minimum-load-balancer-capacity": "CapacityUnits=0",
	}))
	wait(t, c, "no add-ons", is(0, 0))
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

func TestAnOutageOfAWSWAFLeavesTrafficTargetsAndRulesWorking(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns, name = "wafout", "guard-of-wafout"
	arn := webACL(t, c, name)
	outage, err := c.Simulator.Gate.AddFault(gate.Fault{Service: "wafv2", Resource: "loadbalancer/app/k8s-wafout", Code: "WAFInternalErrorException", Status: 500, Message: "AWS WAF is out"})
	if err != nil {
		t.Fatal(err)
	}
	end := func() { c.Simulator.Gate.RemoveFault(outage) }
	t.Cleanup(end)
	ingress := func(annotations scene.Annotations, paths ...scene.Path) string {
		return scene.Ingress(ns, "web", scene.Class, public(annotations), paths...)
	}
	guarded := scene.Annotations{"wafv2-acl-arn": arn}
	c.Apply(t, scene.Namespace(ns, 1)+ingress(guarded))
	lb := serve(t, c, ns, "web", "/")
	e := c.WaitEvent(t, "Ingress", ns, "web", "FailedDeployModel")
	if !strings.Contains(e.Message, "AWS WAF is out") || !strings.Contains(e.Message, "AssociateWebACL") {
		t.Errorf("the event: %s", e.Message)
	}

	// What matters goes on: targets come, rules change, a member of the group leaves.
	c.Kubectl(t, "scale", "deployment", "web", "-n", ns, "--replicas=3")
	wait(t, c, "three healthy targets", func() string {
		healthy := 0
		for _, tg := range c.TargetGroups(c.LoadBalancer(t, lb.Name)) {
			for _, x := range tg.Targets {
				if x.State == "healthy" {
					healthy++
				}
			}
		}
		return differs("healthy targets", healthy, 3)
	})
	scene.Change(t, c, ingress(guarded, scene.Path{Path: "/only"}))
	c.WaitGet(t, url(lb, "/only"), "", 200, "web")
	c.WaitGet(t, url(lb, "/other"), "", 404, "")
	if have := guards(c, lb.ARN); len(have) > 0 {
		t.Errorf("guarded by %v during the outage", have)
	}

	end()
	wait(t, c, "the web ACL", func() string { return differs("web ACLs", guards(c, lb.ARN), []string{name}) })
	mark := c.Mark()
	scene.Change(t, c, ingress(scene.Annotations{"wafv2-acl-name": "none"}, scene.Path{Path: "/only"}))
	wait(t, c, "the end of the association", func() string { return differs("web ACLs", guards(c, lb.ARN), []string{}) })
	if scene.Count(c, mark, "DisassociateWebACL", scene.Marks(ns)...) == 0 {
		t.Errorf("written: %v", scene.Writes(c, mark, scene.Marks(ns)...))
	}
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}
