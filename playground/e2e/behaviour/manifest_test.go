package behaviour

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheManifestsOfAnInstallationAreAcceptedAsTheyAre applies them on trial, as files and through kustomize.
func TestTheManifestsOfAnInstallationAreAcceptedAsTheyAre(t *testing.T) {
	c := cluster(t)
	// Those of the playground's webhooks have URLs, which do not go together with the Service of an installation's.
	text := strings.ReplaceAll(c.Kubectl(t, "kustomize", c.Repo.Config()), "  name: aws-load-balancer-webhook\n", "  name: on-trial\n")
	if d, w := strings.Count(text, "\nkind: Deployment\n"), strings.Count(text, "  name: on-trial\n"); d != 1 || w != 2 {
		t.Fatalf("%d Deployments and %d configurations of webhooks in\n%s", d, w, text)
	}
	full := filepath.Join(t.TempDir(), "full.yaml")
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{full, filepath.Join(c.Repo.Config(), "ingclass", "ingclass.yaml")} {
		out := c.Kubectl(t, "apply", "--dry-run=server", "-f", file)
		for line := range strings.Lines(out) {
			if !strings.Contains(line, "server dry run") && !strings.Contains(line, "last-applied-configuration") {
				t.Errorf("%s: %s", filepath.Base(file), line)
			}
		}
	}
}
