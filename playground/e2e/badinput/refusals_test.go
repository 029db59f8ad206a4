package badinput

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// refusal is one row of what AWS may refuse although the objects are right.
type refusal struct {
	name  string // also the namespace
	fault gate.Fault
	// annotation and value are what the Ingress needs for the refused call to be made at all.
	annotation, value string

	kind     string // of the object that the event is about; empty: Ingress
	reason   string
	contains []string
	// meanwhile is looked at while AWS refuses: what can go on does.
	meanwhile func(t *testing.T, c *harness.Cluster, namespace string)
}

// denied is the answer of AWS to an action that no policy allows. It names the action in most services, but not in all.
func denied(action, resource string) gate.Fault {
	return gate.Fault{Action: action, Resource: resource, Code: "AccessDenied", Status: 403,
		Message: "User: arn:aws:sts::123456789012:assumed-role/lbc/session is not authorized to perform this operation"}
}

func full(action, resource, code string) gate.Fault {
	return gate.Fault{Action: action, Resource: resource, Code: code, Message: "You have reached the maximum number"}
}

var refusals = []refusal{
	{
		name: "denylb", fault: denied("CreateLoadBalancer", "k8s-denylb-"), reason: "FailedDeployModel",
		contains: []string{"CreateLoadBalancer", "AccessDenied",
			"allow the controller's role the action elasticloadbalancing:CreateLoadBalancer", "request id"},
	},
	{
		name: "denytg", fault: denied("CreateTargetGroup", "k8s-denytg-"), reason: "FailedDeployModel",
		contains:  []string{"allow the controller's role the action elasticloadbalancing:CreateTargetGroup"},
		meanwhile: hasAddress,
	},
	{
		name: "denyrule", fault: denied("CreateRule", "k8s-denyrule-"), reason: "FailedDeployModel",
		contains: []string{"allow the controller's role the action elasticloadbalancing:CreateRule"},
		meanwhile: func(t *testing.T, c *harness.Cluster, ns string) {
			c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 404, "") // the listener is there
			c.WaitHealthy(t, c.LoadBalancer(t, c.IngressAddress(t, ns, "web")))     // and so are its targets
		},
	},
	{
		name: "denyattr", annotation: "load-balancer-attributes", value: "idle_timeout.timeout_seconds=99",
		fault: denied("ModifyLoadBalancerAttributes", "k8s-denyattr-"), reason: "FailedDeployModel",
		contains: []string{"allow the controller's role the action elasticloadbalancing:ModifyLoadBalancerAttributes"},
		meanwhile: func(t *testing.T, c *harness.Cluster, ns string) {
			c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
		},
	},
	{
		name: "denysg", annotation: "inbound-cidrs", value: "0.0.0.0/0, 198.51.100.0/24", // no other row has that range
		fault: denied("AuthorizeSecurityGroupIngress", "198.51.100.0/24"), reason: "FailedDeployModel",
		contains:  []string{"allow the controller's role the action ec2:AuthorizeSecurityGroupIngress"},
		meanwhile: hasAddress,
	},
	{
		name: "denyreg", fault: denied("RegisterTargets", "k8s-denyreg-"), kind: "TargetGroupBinding",
		reason:    "FailedReconcile",
		contains:  []string{"RegisterTargets", "allow the controller's role the action elasticloadbalancing:RegisterTargets"},
		meanwhile: hasAddress,
	},
	{
		name: "manylbs", fault: full("CreateLoadBalancer", "k8s-manylbs-", "TooManyLoadBalancers"),
		reason:   "FailedDeployModel",
		contains: []string{"AWS refused CreateLoadBalancer", "TooManyLoadBalancers", "quota"},
	},
	{
		name: "manytgs", fault: full("CreateTargetGroup", "k8s-manytgs-", "TooManyTargetGroups"), reason: "FailedDeployModel",
		contains:  []string{"AWS refused CreateTargetGroup", "TooManyTargetGroups", "quota"},
		meanwhile: hasAddress,
	},
	{
		name: "manyrule", fault: full("CreateRule", "k8s-manyrule-", "TooManyRules"), reason: "FailedDeployModel",
		contains:  []string{"AWS refused CreateRule", "TooManyRules", "quota"},
		meanwhile: hasAddress,
	},
	{
		name: "manysgs", fault: full("CreateSecurityGroup", "k8s-manysgs-", "SecurityGroupLimitExceeded"),
		reason:   "FailedDeployModel",
		contains: []string{"AWS refused CreateSecurityGroup", "SecurityGroupLimitExceeded", "quota"},
	},
	{
		name: "failing", fault: gate.Fault{Action: "CreateLoadBalancer", Resource: "k8s-failing-", Code: "InternalFailure",
			Status: 500, Message: "An internal failure occurred"},
		reason: "FailedDeployModel", contains: []string{"CreateLoadBalancer: InternalFailure"},
	},
}

func hasAddress(t *testing.T, c *harness.Cluster, ns string) { c.IngressAddress(t, ns, "web") }

func refusalsHeal(t *testing.T, c *harness.Cluster) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.play(t, c)
		})
	}
}

func (r refusal) play(t *testing.T, c *harness.Cluster) {
	t.Helper()
	id := "badinput " + r.name
	r.fault.ID = id
	if _, err := c.Simulator.Gate.AddFault(r.fault); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Simulator.Gate.RemoveFault(id) })
	annotations := scene.Annotations{"target-type": "ip"}
	if r.annotation != "" {
		annotations[r.annotation] = r.value
	}
	c.Apply(t, scene.Namespace(r.name, 1)+scene.Ingress(r.name, "web", scene.Class, annotations))
	if r.kind == "" {
		r.kind = "Ingress"
	}
	e := waitEvent(t, c, r.name, r.kind, r.reason)
	t.Logf("%s %s: %s", e.Type, e.Reason, e.Message)
	for _, s := range r.contains {
		if !strings.Contains(e.Message, s) {
			t.Errorf("the message has no %q", s)
		}
	}
	if r.meanwhile != nil {
		r.meanwhile(t, c, r.name)
	}
	if all := scene.Warnings(t, c, r.name); len(all) != 1 {
		t.Errorf("there are several warnings:\n%s", strings.Join(all, "\n"))
	}
	c.Simulator.Gate.RemoveFault(id)
	served(t, c, r.name)
	c.WaitEvent(t, "Ingress", r.name, "web", "SuccessfullyReconciled")
}

// waitEvent waits for a Warning with the reason on any object of the kind.
func waitEvent(t *testing.T, c *harness.Cluster, namespace, kind, reason string) corev1.Event {
	t.Helper()
	var found corev1.Event
	c.WaitFor(t, "warning "+reason+" on a "+kind+" in "+namespace, func(ctx context.Context) error {
		list, err := c.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
			FieldSelector: "type=Warning,involvedObject.kind=" + kind + ",reason=" + reason})
		if err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return fmt.Errorf("no such event yet")
		}
		found = list.Items[0]
		return nil
	})
	return found
}

func throttlingCausesNoStorm(t *testing.T, c *harness.Cluster) {
	const ns = "throttle"
	mark := c.Mark()
	id := "badinput throttle"
	if _, err := c.Simulator.Gate.AddFault(gate.Fault{ID: id, Action: "*", Resource: "k8s-throttle-", Code: "Throttling",
		Message: "Rate exceeded"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Simulator.Gate.RemoveFault(id) })
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, nil))
	struck := 0
	c.WaitFor(t, "five seconds of throttling", func(context.Context) error {
		var first time.Time
		struck = 0
		for _, call := range c.Calls(mark) {
			if call.Fault != id {
				continue
			}
			if struck++; first.IsZero() {
				first = call.Time
			}
		}
		if first.IsZero() || time.Since(first) < 5*time.Second {
			return fmt.Errorf("%d calls were throttled since %v", struck, first)
		}
		return nil
	})
	// Three first steps, each retried with growing pauses; a loop without pauses would make hundreds of calls per second.
	if struck > 100 {
		t.Errorf("%d calls were throttled", struck)
	}
	c.Simulator.Gate.RemoveFault(id)
	served(t, c, ns)
	if all := scene.Warnings(t, c, ns); len(all) > 0 {
		t.Errorf("warnings:\n%s", strings.Join(all, "\n"))
	}
}
