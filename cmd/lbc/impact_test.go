package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/internal/lbc/impact"
)

func TestPlanFailsOnWhatItIsTold(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]error{
		"":                               nil,
		"--fail-on exposure":             exitFailOn,
		"--fail-on exposure --exit-code": exitFailOn,
		"--fail-on replacement,deletion": nil,
		"--fail-on replacement --fail-on deletion,exposure": exitFailOn,
		"--exit-code": exitChanges,
	} {
		_, errOut, err := lbc(t, "", strings.Fields("plan -f testdata/settings.yaml "+args)...)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", args, err, want)
		}
		const line = "lbc: --fail-on exposure: ingress.k8s.aws:web/settings: tcp 80 opens to 198.51.100.0/24"
		if fails := errors.Is(want, exitFailOn); strings.Contains(errOut, line) != fails {
			t.Errorf("%s: %s", args, errOut)
		}
	}
	if _, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--fail-on", "exposures"); err == nil ||
		!strings.Contains(err.Error(), "exposure, replacement, deletion") {
		t.Errorf("a wrong value: %v", err)
	}
}

func TestFailOnComesBeforeInvalidObjects(t *testing.T) {
	t.Parallel()
	if _, _, err := lbc(t, "", "plan", "-f", "testdata/gateway.yaml", "--fail-on", "exposure"); !errors.Is(err,
		exitFailOn) {
		t.Errorf("%v", err)
	}
}

func TestPlanAsJSONHasItsImpact(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", strings.Fields("plan -f testdata/settings.yaml -o json --fail-on exposure")...)
	if !errors.Is(err, exitFailOn) {
		t.Fatal(err)
	}
	var got struct {
		Impact impact.Report
		FailOn []impact.Trigger
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Impact.Bill) != len(impact.Units) || len(got.Impact.Exposure) == 0 || len(got.FailOn) == 0 ||
		len(got.FailOn[0].Steps) == 0 {
		t.Errorf("%s", out)
	}
}

// TestPipelinesOfThePageRun runs the commands of the page's workflow and hook, with an account in place of the
// recording or the cluster.
func TestPipelinesOfThePageRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(repository, "docs", "tasks", "pipelines.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{}
	for _, b := range pages.Blocks(string(page)) {
		switch b.File() {
		case "load-balancers.yaml":
			commands["workflow"] = workflowCommands(t, b.Text)
			if !strings.Contains(b.Text, "lbc_${VERSION}_linux_amd64.tar.gz") {
				t.Error("the workflow does not install lbc from a release")
			}
			if !strings.Contains(b.Text, "types: [opened, synchronize, reopened, labeled, unlabeled]") {
				t.Error("the workflow does not run again when somebody sets the label that allows an exposure")
			}
		case "plan-hook.yaml":
			commands["hook"] = hookCommands(t, b.Text)
		}
	}
	if len(commands["workflow"]) != 2 || len(commands["hook"]) != 1 {
		t.Fatalf("the page has these commands: %q", commands)
	}
	exposes, err := filepath.Abs("testdata/settings.yaml")
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.yaml")
	if err := os.WriteFile(none,
		[]byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for manifests, fails := range map[string]bool{exposes: true, none: false} {
		for name, lines := range commands {
			for _, line := range lines {
				args := offlineCommand(line, manifests)
				_, errOut, err := lbc(t, "", args...)
				if want := fails && args[0] == "plan"; errors.Is(err, exitFailOn) != want || err != nil && !want {
					t.Errorf("%s: %s: %v\n%s", name, line, err, errOut)
				}
			}
		}
	}
}

// TestHookOfThePageHasItsAccount: the ServiceAccount of the hook is on the page, with the reader's role of the chart.
func TestHookOfThePageHasItsAccount(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(repository, "docs", "tasks", "pipelines.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, b := range pages.Blocks(string(page)) {
		blocks[b.File()] = b.Text
	}
	var account corev1.ServiceAccount
	var binding rbacv1.ClusterRoleBinding
	first, second, _ := strings.Cut(blocks["plan-account.yaml"], "\n---\n")
	for text, into := range map[string]any{first: &account, second: &binding} {
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if hook := blocks["plan-hook.yaml"]; account.Name == "" ||
		!strings.Contains(hook, "serviceAccountName: "+account.Name+"\n") ||
		!strings.Contains(hook, "namespace: "+account.Namespace+"\n") {
		t.Errorf("the hook does not use ServiceAccount %s/%s", account.Namespace, account.Name)
	}
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: account.Name, Namespace: account.Namespace}
	if binding.RoleRef.Name != "aws-load-balancer-controller-lbc-reader" || !slices.Contains(binding.Subjects, subject) {
		t.Errorf("role %s is bound to %v", binding.RoleRef.Name, binding.Subjects)
	}
}

// TestRecordingWorkflowOfThePageRuns runs the command that renews the recording, in the simulated account.
func TestRecordingWorkflowOfThePageRuns(t *testing.T) {
	sim, _ := simulated(t)
	useSimulated(t, sim)
	page, err := os.ReadFile(filepath.Join(repository, "docs", "tasks", "pipelines.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	for _, b := range pages.Blocks(string(page)) {
		if b.File() != "record.yaml" {
			continue
		}
		file := filepath.Join(t.TempDir(), "recorded.json")
		for _, line := range workflowCommands(t, b.Text) {
			line = strings.NewReplacer("recorded.json", file, "vpc-0123456789abcdef0", "vpc-0a1de000000000001").Replace(line)
			if _, errOut, err := lbc(t, "", strings.Fields(line)[1:]...); err != nil {
				t.Errorf("%s: %v\n%s", line, err, errOut)
			}
			ran = true
		}
		if _, _, err := lbc(t, "", "plan", "-f", "testdata/settings.yaml", "--account", file); err != nil {
			t.Error(err)
		}
	}
	if !ran {
		t.Error("the page has no workflow that records")
	}
}

// offlineCommand is a command of a pipeline that reads other manifests, and neither a recording nor a cluster.
func offlineCommand(line, manifests string) []string {
	line, _, _ = strings.Cut(line, " > ")
	line = strings.NewReplacer("/manifests", manifests, "manifests", manifests, "--account recorded.json", "",
		"--kubeconfig /config/kubeconfig", "",
		`"$FAIL_ON"`, strings.Join(impact.FailOn, ",")).Replace(line)
	return strings.Fields(line)[1:]
}

// workflowCommands are the commands of a GitHub workflow that run lbc.
func workflowCommands(t *testing.T, text string) (out []string) {
	t.Helper()
	var w struct {
		On   map[string]any
		Jobs map[string]struct {
			Steps []struct{ Uses, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	for _, j := range w.Jobs {
		for _, s := range j.Steps {
			for line := range strings.Lines(s.Run) {
				if strings.HasPrefix(line, "lbc ") {
					out = append(out, strings.TrimSpace(line))
				}
			}
		}
	}
	return out
}

// hookCommands are the commands of the Jobs among manifests that are hooks of Argo CD.
func hookCommands(t *testing.T, text string) (out []string) {
	t.Helper()
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var j struct {
			Kind     string
			Metadata struct{ Annotations map[string]string }
			Spec     struct {
				Template struct {
					Spec struct {
						Containers []struct{ Command, Args []string }
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(doc), &j); err != nil {
			t.Fatal(err)
		}
		if j.Metadata.Annotations["argocd.argoproj.io/hook"] != "PreSync" {
			t.Errorf("%s is no hook before the synchronization", j.Kind)
		}
		for _, c := range j.Spec.Template.Spec.Containers {
			out = append(out, strings.Join(append(c.Command, c.Args...), " "))
		}
	}
	return out
}
