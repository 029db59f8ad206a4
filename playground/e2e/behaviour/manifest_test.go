package behaviour

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheManifestsOfAnInstallationAreAcceptedAsTheyAre shows that a real API server accepts the
// published manifests, as files and through kustomize, without a warning.
func TestTheManifestsOfAnInstallationAreAcceptedAsTheyAre(t *testing.T) {
	c := cluster(t)
	// Those of the playground's webhooks have URLs, which do not go together with the Service of an installation's.
	text := strings.ReplaceAll(c.Kubectl(t, "kustomize", c.Repo.Config()), "  name: aws-load-balancer-webhook\n",
		"  name: on-trial\n")
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

// TestRow20ThePatchOfTheGuideNamesTheCluster shows what kubectl makes of the guide's patch of the
// published Deployment, and of the patch as the guide once printed it.
func TestRow20ThePatchOfTheGuideNamesTheCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("each of its steps has a cheaper test; it shows them together in a cluster")
	}
	c := cluster(t)
	text, err := os.ReadFile(filepath.Join(c.Repo.Config(), "controller", "controller.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// the playground runs the controller without pods
	c.Apply(t, strings.ReplaceAll(string(text), "  replicas: 2\n", "  replicas: 0\n"))
	file := c.Repo.Example(filepath.Join("guides", "install", "20-controller-args.patch.yaml"))
	patch := func(file string) (string, error) {
		return c.TryKubectl(t, "patch", "deployment", "-n", "kube-system", "aws-load-balancer-controller",
			"--patch-file", file)
	}
	arguments := func() string {
		return c.Kubectl(t, "get", "deployment", "-n", "kube-system", "aws-load-balancer-controller", "-o",
			`jsonpath={.spec.template.spec.containers[?(@.name=="controller")].args}`)
	}
	published := arguments()
	if out, err := patch(file); err != nil {
		t.Fatal(out, err)
	}
	// All of them are repeated, since the list is replaced as a whole.
	if got, want := arguments(), strings.Replace(published, "your-cluster-name", "demo-cluster", 1); got != want ||
		got == published {
		t.Errorf("the arguments are %s, want %s", got, want)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	printed := filepath.Join(t.TempDir(), "printed.yaml")
	if err := os.WriteFile(printed, []byte(strings.Replace(string(good), "- name: controller\n          args:", "- args:",
		1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := patch(printed); err == nil || !strings.Contains(out+err.Error(),
		"does not contain declared merge key: name") {
		t.Errorf("the patch as printed: %s %v", out, err)
	}
}
