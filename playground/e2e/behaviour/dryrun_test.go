package behaviour

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const planKey = `jsonpath={.metadata.annotations.alb\.ingress\.kubernetes\.io/dry-run-plan}`

// planOf waits for the plan annotation of an Ingress and returns the types of resources in it.
func planOf(t *testing.T, c *harness.Cluster, ns, name, want string) string {
	t.Helper()
	var text string
	wait(t, c, "the plan of "+name, func() string {
		text = scene.Query(t, c, "get", "ingress", name, "-n", ns, "-o", planKey)
		if !strings.Contains(text, want) {
			return want + " is not in the plan: " + text
		}
		return ""
	})
	var p struct {
		ID        string
		Resources map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.ID == "" ||
		len(p.Resources["AWS::ElasticLoadBalancingV2::LoadBalancer"]) != 1 {
		t.Errorf("%v: %s", err, text)
	}
	return text
}

// TestADryRunIsPlannedAndNotDeployedUntilItEnds shows that an Ingress under dry run gets a plan and
// an event, no AWS write, and traffic only after the dry run ends.
func TestADryRunIsPlannedAndNotDeployedUntilItEnds(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "planned"
	mark := c.Mark()
	dry := scene.Annotations{"dry-run": "true"}
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, public(dry), scene.Path{Path: "/"}))
	e := c.WaitEvent(t, "Ingress", ns, "web", "DryRun")
	if e.Type != "Normal" || !strings.Contains(e.Message, "nothing of this Ingress is deployed; deploying it means ") ||
		!strings.Contains(e.Message, "to create") {
		t.Errorf("event: %s %s", e.Type, e.Message)
	}
	planOf(t, c, ns, "web", `"scheme":"internet-facing"`)
	if f := scene.Query(t, c, "get", "ingress", "web", "-n", ns, "-o",
		"jsonpath={.metadata.finalizers}{.status.loadBalancer}"); f != "{}" {
		t.Errorf("finalizers and status: %s", f)
	}
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 {
		t.Errorf("written to AWS: %q", w)
	}

	// The end of the dry run deploys, and the plan goes.
	c.Kubectl(t, "annotate", "ingress", "web", "-n", ns, "alb.ingress.kubernetes.io/dry-run-")
	lb := serve(t, c, ns, "web", "/")
	wait(t, c, "the end of the plan", func() string {
		return scene.Query(t, c, "get", "ingress", "web", "-n", ns, "-o", planKey)
	})

	scene.WaitSuccess(t, c, ns, "web", 0)

	// Of what is deployed, an edit under dry run is planned and changes nothing.
	mark = c.Mark()
	scene.Change(t, c, scene.Ingress(ns, "web", scene.Class, public(dry), scene.Path{Path: "/"}, scene.Path{Path: "/new"}))
	wait(t, c, "the new path", func() string {
		if !strings.Contains(scene.Query(t, c, "get", "ingress", "web", "-n", ns, "-o", planKey), `"/new"`) {
			return "is not in the plan"
		}
		return ""
	})
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 {
		t.Errorf("written to AWS: %q", w)
	}
	c.WaitGet(t, url(lb, "/new"), "", 200, "web") // by the old rule
	c.Kubectl(t, "annotate", "ingress", "web", "-n", ns, "alb.ingress.kubernetes.io/dry-run-")
	wait(t, c, "the rule of the new path", func() string {
		for _, l := range c.LoadBalancer(t, lb.Name).Listeners {
			if len(l.Rules) >= 2 {
				return ""
			}
		}
		return "is not there"
	})
	expectNoWarnings(t, c, ns)
}
