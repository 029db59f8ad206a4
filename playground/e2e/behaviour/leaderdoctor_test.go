package behaviour

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// The test in this file is not parallel: the controller is its own.

// TestLeaderFindsAndForgetsAMissingClass shows that lbc doctor --leader has an Ingress whose class is missing, until
// its end. The leader has found it by itself.
func TestLeaderFindsAndForgetsAMissingClass(t *testing.T) {
	if testing.Short() {
		t.Skip("the leader examines once a minute; internal/controller/leaderdoctor shows each check")
	}
	c := cluster(t)
	const ns = "leaderdoctor"
	c.RestartController(t, elected, "--leader-election-namespace=kube-system")
	t.Cleanup(func() {
		_, _ = c.TryKubectl(t, "delete", "configmap", "-n", "kube-system", "aws-lbc-doctor")
		_, _ = c.TryKubectl(t, "delete", "ingressclass", "nowhere")
		c.RestartController(t)
	})
	const class = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nowhere}\nspec: {controller: " +
		"example.com/none}\n---\n"
	c.Apply(t, class+scene.Namespace(ns, 1)+scene.Ingress(ns, "web", "nowhere", public(nil), scene.Path{Path: "/"}))
	c.Kubectl(t, "delete", "ingressclass", "nowhere") // admission refuses Ingresses whose class is missing from the start
	const found = "error ingress-class-missing: Ingress " + ns + "/web"
	report := func(want bool) func() string {
		return func() string {
			out, errOut, status := runLBC(t, c, "doctor", "--leader", "--leader-election-namespace", "kube-system")
			if strings.Contains(out, found) != want || want && (status != 2 || !strings.Contains(out, "→ create the class")) ||
				!strings.Contains(out, "report of the leader") {
				return out + errOut
			}
			return ""
		}
	}
	wait(t, c, "the finding", report(true))
	c.Kubectl(t, "delete", "ingress", "web", "-n", ns)
	wait(t, c, "a report without it", report(false))
}
