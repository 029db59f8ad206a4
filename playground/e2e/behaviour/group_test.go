package behaviour

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// member is a member of a group that is named like the namespace.
func member(namespace, name, order string, more scene.Annotations, paths ...scene.Path) string {
	a := public(scene.Annotations{"group.name": namespace, "group.order": order})
	for k, v := range more {
		a[k] = v
	}
	if len(paths) == 0 {
		paths = []scene.Path{{Path: "/" + name}}
	}
	return scene.Ingress(namespace, name, scene.Class, a, paths...)
}

// TestABadMemberOfAGroupStopsNoOther shows that requests to a group are answered while one member
// turns invalid, is invalid from the start, is corrected or deleted.
func TestABadMemberOfAGroupStopsNoOther(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "quarantine"
	c.Apply(t, scene.Namespace(ns, 2)+member(ns, "good", "1", nil)+member(ns, "turning", "2", nil))
	lb := serve(t, c, ns, "good", "/good")
	c.WaitGet(t, url(lb, "/turning"), "", 200, "web")
	good := scene.Send(t, c, url(lb, "/good"), "", scene.OK)
	turning := scene.Send(t, c, url(lb, "/turning"), "", scene.OK)

	// A member that was good keeps its last valid rules, whatever it declares now.
	scene.Change(t, c, member(ns, "turning", "2", scene.Annotations{"healthcheck-interval-seconds": "soon"},
		scene.Path{Path: "/turned"}))
	c.WaitEvent(t, "Ingress", ns, "turning", "FailedBuildModel")
	// One that never was good answers 503, on its own paths.
	scene.Change(t, c, member(ns, "never", "3", scene.Annotations{"success-codes": "200", "target-type": "lambda"}))
	c.WaitEvent(t, "Ingress", ns, "never", "FailedBuildModel")
	c.WaitGet(t, url(lb, "/never"), "", 503, "")
	// The others go on, edits included.
	scene.Change(t, c, member(ns, "good", "1", nil, scene.Path{Path: "/good"}, scene.Path{Path: "/better"}))
	c.WaitGet(t, url(lb, "/better"), "", 200, "web")
	c.WaitGet(t, url(lb, "/turned"), "", 404, "")
	for _, w := range scene.Warnings(t, c, ns) {
		if !strings.HasPrefix(w, "Ingress turning ") && !strings.HasPrefix(w, "Ingress never ") {
			t.Errorf("a warning about another member: %s", w)
		}
	}
	noneWrong(t, "the member that turned bad", turning.Stop())

	// Corrected, they serve what they declare.
	scene.Change(t, c, member(ns, "turning", "2", nil, scene.Path{Path: "/turned"})+member(ns, "never", "3", nil))
	c.WaitGet(t, url(lb, "/turned"), "", 200, "web")
	c.WaitGet(t, url(lb, "/turning"), "", 404, "")
	c.WaitGet(t, url(lb, "/never"), "", 200, "web")
	c.WaitEvent(t, "Ingress", ns, "never", "SuccessfullyReconciled")

	// A bad member can be deleted, too.
	scene.Change(t, c, member(ns, "never", "3", scene.Annotations{"target-type": "lambda"}))
	c.Kubectl(t, "delete", "ingress", "-n", ns, "never", "--timeout="+harness.Timeout.String())
	c.WaitGet(t, url(lb, "/never"), "", 404, "")
	noneWrong(t, "the good member", good.Stop())
}

// TestAMemberThatChangesItsGroupMovesAndLeavesNothingBehind shows that no request to the other
// members fails while one moves to another group and then to its own load balancer.
func TestAMemberThatChangesItsGroupMovesAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns, other = "moving", "moved"
	c.Apply(t, scene.Namespace(ns, 1)+member(ns, "stays", "1", nil)+member(ns, "moves", "2", nil))
	lb := serve(t, c, ns, "stays", "/stays")
	c.WaitGet(t, url(lb, "/moves"), "", 200, "web")
	stays := scene.Send(t, c, url(lb, "/stays"), "", scene.OK)

	scene.Change(t, c, member(ns, "moves", "2", scene.Annotations{"group.name": other}))
	c.WaitGet(t, url(lb, "/moves"), "", 404, "")
	wait(t, c, "another load balancer", func() string {
		if host := c.IngressAddress(t, ns, "moves"); !strings.HasPrefix(host, "k8s-"+other) {
			return "its address is " + host
		}
		return ""
	})
	second := serve(t, c, ns, "moves", "/moves")
	wait(t, c, "the old group to let it go", func() string {
		return differs("finalizers of the member that moved", scene.Query(t, c, "get", "ingress", "-n", ns, "moves", "-o",
			"jsonpath={.metadata.finalizers}"), `["group.ingress.k8s.aws/`+other+`"]`)
	})

	// And on to a load balancer of its own; the group that it leaves has no members any more.
	scene.Change(t, c, scene.Ingress(ns, "moves", scene.Class, public(nil), scene.Path{Path: "/moves"}))
	c.Kubectl(t, "annotate", "ingress", "-n", ns, "moves", "alb.ingress.kubernetes.io/group.name-")
	wait(t, c, "the end of group "+other, func() string {
		for _, lb := range c.Simulator.Resources().LoadBalancers {
			if lb.ARN == second.ARN {
				return "its load balancer is there"
			}
		}
		if host := c.IngressAddress(t, ns, "moves"); host == second.DNSName {
			return "the member shows its name"
		}
		return ""
	})
	serve(t, c, ns, "moves", "/moves")
	noneWrong(t, "the member that stays", stays.Stop())
	expectNoWarnings(t, c, ns)
}

// bindings waits until there are so many TargetGroupBindings in the namespace.
func bindings(t *testing.T, c *harness.Cluster, namespace string, n int) {
	t.Helper()
	wait(t, c, "TargetGroupBindings", func() string {
		names := strings.Fields(scene.Query(t, c, "get", "targetgroupbindings", "-n", namespace, "-o",
			"jsonpath={.items[*].metadata.name}"))
		if len(names) != n {
			return "there are " + strings.Join(names, ", ")
		}
		return ""
	})
}
