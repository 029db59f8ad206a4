package degraded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	conditions "github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// TestOutdatedDefinitionIsShownUntilApplied shows that a controller names the fields that an older
// definition lacks, until the command of the installation page has upgraded it.
func TestOutdatedDefinitionIsShownUntilApplied(t *testing.T) {
	c := playground(t)
	const name = "albtargetcontrolconfigs.elbv2.k8s.aws"
	const field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/resources"
	c.Kubectl(t, "patch", "customresourcedefinition", name, "--type=json", "-p", `[{"op": "remove", "path": "`+field+`"}]`)
	command := applyDefinitions(t, c)
	t.Cleanup(func() { _, _ = c.TryKubectl(t, command...) })
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone)
	eventually(t, c, p.Health+"/readyz?verbose", 200, "[!]definitions degraded: ", name+" v1beta1 lacks spec.resources",
		conditions.ApplyDefinitions)
	c.Kubectl(t, command...)
	eventually(t, c, p.Health+"/readyz?verbose", 200, "[+]definitions ok")
	if n := logged(t, p, `"degraded","reason":"definitions-outdated"`); n != 1 {
		t.Errorf("%d lines of the log are about the definition", n)
	}
}

// applyDefinitions are the arguments of the kubectl command by which docs/install.md upgrades definitions.
func applyDefinitions(t *testing.T, c *harness.Cluster) []string {
	t.Helper()
	const chart = "charts/aws-load-balancer-controller/crds"
	page, err := os.ReadFile(filepath.Join(string(c.Repo), "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if args, ok := strings.CutPrefix(line, "    kubectl "); ok && strings.Contains(args, chart) {
			return strings.Fields(strings.Replace(args, chart, filepath.Join(string(c.Repo), chart), 1))
		}
	}
	t.Fatal("docs/install.md has no command for the definitions")
	return nil
}
