package behaviour

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// protections are the places where deletion protection is declared, each with what lifts it later.
var protections = []struct {
	ns       string
	class    func(value string) string // parameters of the class
	member   func(value string) scene.Annotations
	declared string // where it is declared, in the event
	lift     func(t *testing.T, c *harness.Cluster, ns string)
}{
	{
		ns:       "guardann",
		class:    func(string) string { return "{scheme: internet-facing, targetType: ip}" },
		member:   func(v string) scene.Annotations { return scene.Annotations{"load-balancer-attributes": protecting(v)} },
		declared: "load-balancer-attributes",
		lift: func(t *testing.T, c *harness.Cluster, ns string) {
			c.Kubectl(t, "annotate", "-n", ns, "ingress", "--all", "--overwrite", "alb.ingress.kubernetes.io/load-balancer-attributes="+protecting("false"))
		},
	},
	{
		ns: "guardclass",
		class: func(v string) string {
			return `{scheme: internet-facing, targetType: ip, loadBalancerAttributes: [{key: deletion_protection.enabled, value: "` + v + `"}]}`
		},
		member:   func(string) scene.Annotations { return scene.Annotations{} },
		declared: "IngressClassParams",
		lift: func(t *testing.T, c *harness.Cluster, ns string) {
			c.Kubectl(t, "patch", "ingressclassparams", ns, "--type=merge", "-p", `{"spec":{"loadBalancerAttributes":[{"key":"deletion_protection.enabled","value":"false"}]}}`)
		},
	},
}

func protecting(value string) string { return "deletion_protection.enabled=" + value }

// TestDeletionProtectionKeepsALoadBalancerUntilItIsLifted shows that an Ingress deleted with
// kubectl keeps serving and waits with an event until its protection is lifted. The test deletes
// the last member of a group whose load balancer is protected: of two members that are deleted
// together, the first may be released earlier.
func TestDeletionProtectionKeepsALoadBalancerUntilItIsLifted(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	for _, p := range protections {
		t.Run(p.ns, func(t *testing.T) {
			t.Parallel()
			ns := p.ns
			a := p.member("true")
			a["group.name"] = ns
			c.Apply(t, scene.IngressClass(ns, p.class("true"))+scene.Namespace(ns, 1)+scene.Ingress(ns, "first", ns, a, scene.Path{Path: "/first"}))
			lb := serve(t, c, ns, "first", "/first")
			wait(t, c, "protection", func() string {
				return differs("protection", c.LoadBalancer(t, lb.Name).Attributes["deletion_protection.enabled"], "true")
			})
			traffic := scene.Send(t, c, url(lb, "/first"), "", scene.OK)
			mark := c.Mark()
			remove(t, c, "-n", ns, "ingress", "--all")
			if e := c.WaitEvent(t, "Ingress", ns, "first", "FailedDeployModel"); !strings.Contains(e.Message, "deletion protection") || !strings.Contains(e.Message, p.declared) {
				t.Errorf("event: %s", e.Message)
			}
			scene.More(t, c, traffic, 20)
			noneWrong(t, "traffic of a protected load balancer", traffic.Stop())
			for _, w := range scene.Writes(c, mark, scene.Marks(ns)...) {
				if strings.HasPrefix(w, "Delete") {
					t.Errorf("despite the protection: %s", w)
				}
			}
			p.lift(t, c, ns)
			scene.WaitGone(t, c, append(scene.Marks(ns), "ingress.k8s.aws/stack="+ns)...)
			wait(t, c, "the objects to go", func() string {
				return scene.Query(t, c, "get", "ingress,targetgroupbindings", "-n", ns, "--ignore-not-found", "-o", "name")
			})
		})
	}
}
