package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tested are the programs of other projects whose versions the pages name, and where their versions come from.
var tested = []struct{ name, module, from string }{
	{"external-dns", "sigs.k8s.io/external-dns", "hack/tools/externaldns"},
	{"Argo Rollouts", "github.com/argoproj/argo-rollouts", "hack/tools/argorollouts"},
	{"Flagger", "github.com/fluxcd/flagger", "hack/tools/flagger"},
	{"Helm", "helm.sh/helm/v4", "hack/tools/helm"},
	{"cert-manager", "github.com/cert-manager/cert-manager", "hack/tools/certmanager"},
	{"Pebble", "github.com/letsencrypt/pebble/v2", "hack/tools/certmanager"},
	{"conformance tests of the Gateway API", "sigs.k8s.io/gateway-api/conformance", "playground"},
}

// TestVersionsOfOtherProgramsAreThoseThatAreTested compares the pages with the modules that "make companions" builds.
func TestVersionsOfOtherProgramsAreThoseThatAreTested(t *testing.T) {
	t.Parallel()
	for _, p := range tested {
		mod, err := os.ReadFile(filepath.Join(root, p.from, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		required := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(p.module) + ` (v\S+)`).FindSubmatch(mod)
		if required == nil {
			t.Errorf("%s/go.mod has no %s", p.from, p.module)
			continue
		}
		named, version := 0, regexp.MustCompile(regexp.QuoteMeta(p.name)+` (v\d+\.\d+\.\d+)`)
		for name, text := range allPages(t) {
			if !strings.HasPrefix(name, "docs/tasks/") {
				continue
			}
			for _, found := range version.FindAllStringSubmatch(text, -1) {
				named++
				if found[1] != string(required[1]) {
					t.Errorf("%s names %s %s, %s/go.mod has %s", name, p.name, found[1], p.from, required[1])
				}
			}
		}
		if named == 0 {
			t.Errorf("no page of docs/tasks names the version of %s", p.name)
		}
	}
}
