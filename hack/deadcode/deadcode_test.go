// Package deadcode holds internal/ and cmd/ free of functions that neither the controller nor lbc reaches.
package deadcode

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/k8s-lbc/lbc/"

// Who calls what neither the controller nor lbc reaches.
const (
	pages      = "hack/gendocs, for the pages of docs"
	policies   = "hack/gendocs, for the policies of docs/install; the playground, for the rights of its controller"
	simulator  = "the simulator's data plane"
	fixture    = "fixtures of tests in several packages"
	everything = "tests in several packages that try each one"
)

// elsewhere lists the functions that something else than the two programs needs. Code that only tests of one package
// call belongs into its tests, code that only writes pages into hack/gendocs.
var elsewhere = map[string]string{
	"internal/aws/awsclient.Causes":             pages,
	"internal/model/partition.Prefixes":         pages,
	"internal/aws/awsclient.Limiter.Do":         "playground/alerts, whose world calls through a controller's own limiter",
	"internal/aws/iampolicy.Accelerators":       policies,
	"internal/aws/iampolicy.Bindings":           policies,
	"internal/aws/iampolicy.Calls":              policies,
	"internal/aws/iampolicy.Certificates":       policies,
	"internal/aws/iampolicy.Defaults":           fixture,
	"internal/aws/iampolicy.Migration":          policies,
	"internal/aws/iampolicy.Missing":            pages,
	"internal/aws/iampolicy.StatementsByAction": "hack/gendocs, for the remedies of denied actions",
	"internal/aws/iampolicy.place":              "hack/gendocs, for the remedies of denied actions",
	"internal/aws/iampolicy.Published":          policies,
	"internal/controller/checkpoint.Names":      "playground/chart, for the rights to checkpoints",
	"internal/controller/config.GateDocs":       pages,
	"internal/controller/metrics.Row.SeriesPer": pages,
	"internal/controller/metrics.Stages":        pages,
	"internal/kube/annotation.Entries":          pages,
	"internal/kube/objects.FromObjects":         fixture,
	"internal/lbc/checks.Page":                  pages,
	"internal/model/diag.Codes":                 pages,
	"internal/model/traffic.Pick":               simulator,
	"internal/plan/awsop.Operations":            everything,
}

// TestNoFunctionIsDead runs the tool that LBC_DEADCODE names. make lint builds it.
func TestNoFunctionIsDead(t *testing.T) {
	t.Parallel()
	tool := os.Getenv("LBC_DEADCODE")
	if tool == "" {
		t.Skip("LBC_DEADCODE is not set: make lint builds the tool and runs this test")
	}
	//nolint:gosec // make names the tool
	cmd := exec.Command(tool, "-json", "-filter", "^"+module+"(internal|cmd)/", "./cmd/controller", "./cmd/lbc")
	cmd.Dir, cmd.Stderr = "../..", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	var packages []struct {
		Path  string
		Funcs []struct {
			Name      string
			Generated bool
			Position  struct {
				File string
				Line int
			}
		}
	}
	if err := json.Unmarshal(out, &packages); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range packages {
		for _, f := range p.Funcs {
			name := strings.TrimPrefix(p.Path, module) + "." + f.Name
			found[name] = true
			if elsewhere[name] == "" && !f.Generated {
				t.Errorf("%s:%d: neither the controller nor lbc reaches %s. Delete it, or move it to what calls it.",
					f.Position.File, f.Position.Line, name)
			}
		}
	}
	for name, why := range elsewhere {
		if !found[name] {
			t.Errorf("the controller or lbc reaches %s, or it is gone. Remove its row, which says it is for %s.", name, why)
		}
	}
}
