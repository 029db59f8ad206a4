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

// frontend waits until the status of an Ingress names a second load balancer, behind the first, and returns that.
func frontend(t *testing.T, c *harness.Cluster, namespace, name string) simclient.LoadBalancer {
	t.Helper()
	var host string
	wait(t, c, "the frontend of "+name, func() string {
		names := strings.Fields(scene.Query(t, c, "get", "ingress", "-n", namespace, name, "-o",
			"jsonpath={.status.loadBalancer.ingress[*].hostname}"))
		if len(names) != 2 || names[1] == names[0] {
			return fmt.Sprintf("the status names %v", names)
		}
		host = names[1]
		return ""
	})
	lb := c.LoadBalancer(t, host)
	if lb.Type != "network" {
		t.Errorf("the second name is that of %s, of type %s", lb.Name, lb.Type)
	}
	return lb
}

// checks are the paths of the health checks of the target groups of a load balancer, by port.
func checks(c *harness.Cluster, lb simclient.LoadBalancer) map[int32]string {
	out := map[int32]string{}
	for _, tg := range c.TargetGroups(lb) {
		if f := strings.Fields(tg.HealthCheck); len(f) > 1 { // "HTTP /health on …"
			out[tg.Port] = f[1]
		}
	}
	return out
}

// TestAFrontendServesWhatItsALBServesAndGoesWithoutIt shows that clients reach pods through the
// frontend NLB of an ALB, without failures while it is edited, removed and added.
func TestAFrontendServesWhatItsALBServesAndGoesWithoutIt(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "fronted"
	front := scene.Annotations{"enable-frontend-nlb": "true", "frontend-nlb-scheme": "internet-facing",
		"frontend-nlb-healthcheck-path": "/health"}
	c.Apply(t, scene.Namespace(ns, 2)+scene.Ingress(ns, "web", scene.Class, public(front)))
	alb := serve(t, c, ns, "web", "/")
	nlb := frontend(t, c, ns, "web")
	c.WaitGet(t, url(nlb, "/"), "", 200, "web")
	c.WaitHealthy(t, nlb)
	if got := checks(c, nlb); len(got) != 1 || got[80] != "/health" {
		t.Errorf("health checks %v", got)
	}
	direct, behind := scene.Send(t, c, url(alb, "/"), "", scene.OK), scene.Send(t, c, url(nlb, "/"), "", scene.OK)

	// An edit of what is checked, and a further port of both.
	front["frontend-nlb-healthcheck-path"], front["listen-ports"], front["frontend-nlb-listener-port-mapping"] =
		"/healthz", `[{"HTTP":80},{"HTTP":8080}]`, "80=80,9000=8080"
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(front)))
	c.WaitGet(t, "http://"+nlb.DNSName+":9000/", "", 200, "web")
	wait(t, c, "another health check", func() string {
		return differs("checks", checks(c, nlb), map[int32]string{80: "/healthz", 8080: "/healthz"})
	})
	scene.More(t, c, behind, 50)
	noneWrong(t, "through the frontend", behind.Stop())

	// Without the annotation it goes, and its target groups with it; the ALB goes on.
	delete(front, "enable-frontend-nlb")
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(nil)))
	wait(t, c, "the end of the frontend", func() string {
		if left := scene.Left(c, nlb.Name, "FrontendNlb"); slices.ContainsFunc(left,
			func(l string) bool { return strings.Contains(l, "fronted") }) {
			return strings.Join(left, ", ")
		}
		return differs("status", scene.Query(t, c, "get", "ingress", "-n", ns, "web", "-o",
			"jsonpath={.status.loadBalancer.ingress[*].hostname}"), alb.DNSName)
	})
	scene.More(t, c, direct, 50)
	noneWrong(t, "directly", direct.Stop())

	// And back again, then all of it goes: the ALB is no target when it is deleted.
	front = scene.Annotations{"enable-frontend-nlb": "true", "frontend-nlb-scheme": "internet-facing"}
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(front)))
	c.WaitGet(t, url(frontend(t, c, ns, "web"), "/"), "", 200, "web")
	c.Kubectl(t, "delete", "ingress", "-n", ns, "web", "--timeout="+harness.Timeout.String())
	scene.WaitGone(t, c, scene.Marks(ns)...)
	expectNoWarnings(t, c, ns)
}
