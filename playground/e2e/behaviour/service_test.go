package behaviour

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/await"
	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const balancing = "service.beta.kubernetes.io/aws-load-balancer-"

// annotated is a Service of the pods of Backend web with annotations and the fields of a spec.
func annotated(namespace, name, annotations, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s, annotations: {%s}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}], %s}
---
`, name, namespace, annotations, spec)
}

// TestAServiceThatIsNotOfTypeLoadBalancerIsServedAndItsAddressIsInANote reads the address from the note and from the LoadBalancer object.
func TestAServiceThatIsNotOfTypeLoadBalancerIsServedAndItsAddressIsInANote(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "otherkind"
	kinds := map[string]string{"nodeport": "type: NodePort", "clusterip": "type: ClusterIP", "headless": "type: ClusterIP, clusterIP: None"}
	manifests := scene.Namespace(ns, 1)
	for name, spec := range kinds {
		manifests += annotated(ns, name, fmt.Sprintf("%[1]stype: external, %[1]snlb-target-type: ip, %[1]sscheme: internet-facing", balancing), spec)
	}
	c.Apply(t, manifests)
	for name := range kinds {
		e := c.WaitEvent(t, "Service", ns, name, "Note")
		_, rest, _ := strings.Cut(e.Message, " has the address ")
		host, _, _ := strings.Cut(rest, ";")
		c.WaitGet(t, "http://"+host+"/", "", 200, "web")
		c.WaitFor(t, host+" in the LoadBalancer object of "+name, func(context.Context) error { // which is written later
			if shown, err := c.TryKubectl(t, "-n", ns, "get", "lb", "service-"+name); err != nil || !strings.Contains(shown, host) {
				return fmt.Errorf("%w: %s", err, shown)
			}
			return nil
		})
	}
	expectNoWarnings(t, c, ns)
	c.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	scene.WaitGone(t, c, scene.Marks(ns)...)
}

// TestAServiceThatNoControllerServesHasANote has one that the webhook of Services never saw of type LoadBalancer.
func TestAServiceThatNoControllerServesHasANote(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "unserved"
	c.Apply(t, scene.Namespace(ns, 0)+annotated(ns, "later", balancing+"scheme: internal", "type: ClusterIP")+annotated(ns, "untyped", balancing+"type: external", "type: NodePort")+
		annotated(ns, "typo", balancing+"scheme: internal", "type: LoadBalancer, loadBalancerClass: service.k8s.aws/nbl"))
	c.Kubectl(t, "-n", ns, "patch", "service", "later", "-p", `{"spec": {"type": "LoadBalancer"}}`)
	for name, want := range map[string]string{
		"later": "a Service without load balancer class is left to the cloud provider's controller", "untyped": "no controller serves a Service without load balancer class of load balancer type external",
		"typo": "leaves this one, of class service.k8s.aws/nbl, to another controller",
	} {
		if e := c.WaitEvent(t, "Service", ns, name, "Note"); !strings.Contains(e.Message, want) {
			t.Errorf("%s: %s", name, e.Message)
		}
	}
}

// TestABindingThatContradictsItsTargetGroupReportsIt edits the protocol of a complete binding of a user.
func TestABindingThatContradictsItsTargetGroupReportsIt(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	t.Parallel()
	c := cluster(t)
	const ns = "mismatch"
	group := targetGroup(t, c, ns, types.TargetTypeEnumIp)
	complete := func(protocol string) string {
		return bind(ns, "mine", fmt.Sprintf("targetGroupARN: %q, targetType: ip, targetGroupProtocol: %s, ipAddressType: ipv4, vpcID: %s", group, protocol, c.Simulator.Seed().VPC.ID))
	}
	c.Apply(t, scene.Namespace(ns, 1)+complete("HTTP"))
	scene.WaitTargets(t, c, group, 1)
	scene.Change(t, c, complete("TCP"))
	if e := c.WaitEvent(t, "TargetGroupBinding", ns, "mine", "FailedReconcile"); !strings.Contains(e.Message, "protocol differs (got TCP, expected HTTP)") {
		t.Error(e.Message)
	}
	c.WaitFor(t, "condition Ready to be False", func(context.Context) error {
		if got := c.Kubectl(t, "-n", ns, "get", "targetgroupbinding", "mine", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`); got != "False" {
			return errors.New(got)
		}
		return nil
	})
	scene.WaitTargets(t, c, group, 1)
}

// TestTheDeletionOfANamespaceCostsFewReads has the account for itself.
func TestTheDeletionOfANamespaceCostsFewReads(t *testing.T) {
	longtest.Long(t, "it starts the controller with flags or a policy of its own, while nothing else runs")
	c := harness.Start(t, harness.Options{ExtraArgs: []string{noSearch}})
	await.Pause(6 * time.Second) // lists of the first five seconds do not prove what does not exist, as AWS's lists may lag
	for ns, object := range map[string]string{
		"endednlb": annotated("endednlb", "net", fmt.Sprintf("%[1]snlb-target-type: ip, %[1]sscheme: internet-facing", balancing), "type: LoadBalancer"),
		"endedalb": scene.Ingress("endedalb", "web", scene.Class, public(nil)),
	} {
		t.Run(ns, func(t *testing.T) {
			withoutLoadBalancers(t, c)
			c.Apply(t, scene.Namespace(ns, 1)+object)
			if ns == "endednlb" {
				c.WaitGet(t, "http://"+c.ServiceAddress(t, ns, "net")+"/", "", 200, "web")
			} else {
				serve(t, c, ns, "web", "/")
			}
			mark := c.Mark()
			c.Kubectl(t, "delete", "namespace", ns)
			scene.WaitGone(t, c, scene.Marks(ns)...)
			by := map[string]int{}
			for _, call := range c.Calls(mark) {
				if harness.IsRead(call.Action) && call.Action != "DescribeTargetHealth" { // which loops beside the passes read, too
					by[call.Action]++
				}
			}
			total := 0
			for _, n := range by {
				total += n
			}
			if t.Logf("%d reads: %v", total, by); total > 6 {
				t.Errorf("%d reads", total)
			}
		})
	}
}
