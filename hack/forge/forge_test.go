// Package forge holds the files for a forge, such as workflows, to the repository: targets that they call exist, each
// module is kept up to date, and what they run says what it could not do. It has tests only.
package forge

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path)) //nolint:gosec // ours
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type workflow struct {
	Name        string
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []struct{ Uses, Run string }
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	out := map[string]workflow{}
	for _, f := range files {
		var w workflow
		if err := yaml.Unmarshal([]byte(read(t, filepath.Join(".github/workflows", filepath.Base(f)))), &w); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[filepath.Base(f)] = w
	}
	return out
}

var called = regexp.MustCompile(`(?m)(?:^|[;&|] *)make +([a-z0-9-]+)|(?:^|\s)(hack/[a-z-]+\.sh)`)

func TestWorkflowsCallWhatExists(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	calls := map[string]bool{}
	for name, w := range workflows(t) {
		for _, j := range w.Jobs {
			for _, s := range j.Steps {
				for _, m := range called.FindAllStringSubmatch(s.Run, -1) {
					calls[m[1]] = true
					if m[1] != "" && !strings.Contains(makefile, "\n"+m[1]+":") {
						t.Errorf("%s runs make %s, which does not exist", name, m[1])
					}
					if _, err := os.Stat(filepath.Join(root, m[2])); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
		}
	}
	for _, want := range []string{"test", "test-all", "lint", "check-generated", "release", "image", "vulnerabilities"} {
		if !calls[want] {
			t.Errorf("no workflow runs make %s", want)
		}
	}
}

func TestWorkflowsMayWriteOnlyInTheReleaseJob(t *testing.T) {
	t.Parallel()
	for name, w := range workflows(t) {
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: permissions %v", name, w.Permissions)
		}
		for job, j := range w.Jobs {
			if len(j.Permissions) > 0 && name+" "+job != "release.yml release" {
				t.Errorf("%s, job %s: permissions %v", name, job, j.Permissions)
			}
			for _, s := range j.Steps {
				if s.Uses != "" && !regexp.MustCompile(`^(actions|sigstore)/[a-z-]+@`).MatchString(s.Uses) {
					t.Errorf("%s uses %s", name, s.Uses)
				}
			}
		}
	}
}

func TestEachModuleIsKeptUpToDate(t *testing.T) {
	t.Parallel()
	var d struct {
		Updates []struct {
			Ecosystem   string `json:"package-ecosystem"`
			Directories []string
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &d); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, pattern := range []string{"go.mod", "*/go.mod", "*/*/go.mod", "*/*/*/go.mod"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.Contains(f, "/third_party/") { // stand-ins without dependencies
				continue
			}
			want = append(want, "/"+strings.TrimPrefix(filepath.ToSlash(filepath.Dir(strings.TrimPrefix(f, root+"/"))), "."))
		}
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(d.Updates[0].Directories))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAReleaseIsCheckedBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	for _, dry := range []string{"", "1"} {
		cmd := exec.Command("make", "-n", "release", "VERSION=v1.2.3", "DRY_RUN="+dry)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		at := 0
		for _, step := range []string{"-version v1.2.3", " check", "rm -rf dist", "./cmd/lbc", "./cmd/controller",
			"bin/image -version v1.2.3", "hack/manifests", " pack"} {
			i := strings.Index(string(out)[at:], step)
			if i < 0 {
				t.Fatalf("no %q after %q in\n%s", step, string(out)[:at], out)
			}
			at += i
		}
		if strings.Contains(string(out), "-dry-run") != (dry == "1") || strings.Contains(string(out), "-push ghcr") {
			t.Errorf("DRY_RUN=%s:\n%s", dry, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "./cmd/controller") && strings.Contains(line, "build") &&
				(!strings.Contains(line, "CGO_ENABLED=0") || !strings.Contains(line, "GOFLAGS=-trimpath ")) &&
				!strings.Contains(line, "hack/notices") {
				t.Errorf("a production build has the playground's flags: %s", line)
			}
		}
	}
}

func TestManifestsChartAndDocsNameTheSameImage(t *testing.T) {
	t.Parallel()
	var values struct{ Image struct{ Repository string } }
	if err := yaml.Unmarshal([]byte(read(t, "charts/aws-load-balancer-controller/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	image := values.Image.Repository
	for file, want := range map[string]string{
		"Makefile":        "\nIMAGE_REPOSITORY ?= " + image + "\n",
		"docs/release.md": "cosign verify " + image + ":v1.2.3 ",
		// A fork's workflow pushes to its own owner's registry.
		".github/workflows/release.yml": strings.Replace(image, "/k8s-lbc/", "/${{ github.repository_owner }}/", 1),
	} {
		if !strings.Contains(read(t, file), want) {
			t.Errorf("%s has no %q", file, want)
		}
	}
}

// TestThePlaygroundRunsTheControllerOfTheSameModules allows make playground to build the controller in the playground's
// module.
func TestThePlaygroundRunsTheControllerOfTheSameModules(t *testing.T) {
	t.Parallel()
	modules := func(dir string) []string {
		cmd := exec.Command("go", "list", "-C", dir, "-deps", "-f",
			"{{with .Module}}{{if .Version}}{{.Path}} {{.Version}}{{end}}{{end}}",
			"github.com/k8s-lbc/lbc/cmd/controller", "github.com/k8s-lbc/lbc/cmd/lbc") //nolint:gosec // a test
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.DeleteFunc(strings.Fields(strings.ReplaceAll(string(out), " ", "@")),
			func(m string) bool { return strings.HasPrefix(m, "github.com/k8s-lbc/lbc@") })
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	got, want := modules(filepath.Join(root, "playground")), modules(root)
	if len(want) < 50 || !slices.Equal(got, want) {
		t.Errorf("the playground's go.mod has %v\nthe controller's %v", got, want)
	}
}

func TestVulnerabilitiesFailAndAnAbsentDatabaseIsReported(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		does string // the scanner
		code int
		says string
	}{
		{"echo 'No vulnerabilities found.'", 0, "No vulnerabilities found."},
		{"echo 'Vulnerability #1: GO-2026-0001'; exit 3", 3, "GO-2026-0001"},
		{`echo 'govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": dial tcp: no such host' >&2; exit 1`, 0, "NOT SCANNED: the database of vulnerabilities cannot be read"},
		{"echo 'creating client: stat /db: no such file or directory' >&2; exit 1", 0, "NOT SCANNED"},
		{"echo 'loading packages: there are errors' >&2; exit 1", 1, "loading packages"},
	} {
		scanner := filepath.Join(t.TempDir(), "govulncheck")
		if err := os.WriteFile(scanner, []byte("#!/bin/sh\n"+tt.does+"\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		cmd := exec.Command("../vulnerabilities.sh", "./...")
		cmd.Env = append(os.Environ(), "GOVULNCHECK="+scanner)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != tt.code || !strings.Contains(string(out), tt.says) {
			t.Errorf("%s: %v\n%s", tt.does, err, out)
		}
	}
}

// TestActionsArePinnedByDigest holds that nobody can change what a workflow runs by moving a tag.
func TestActionsArePinnedByDigest(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)uses: (\S+)(.*)$`)
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	for _, f := range files {
		for _, m := range uses.FindAllStringSubmatch(read(t, strings.TrimPrefix(f, root+"/")), -1) {
			if !pinned.MatchString(m[1]) || !strings.Contains(m[2], "# v") {
				t.Errorf("%s: %s: name a commit and, in a comment, its version", f, m[1])
			}
		}
	}
}

// TestFormsOfIssuesAreWellFormed reads them as the forge does.
func TestFormsOfIssuesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bug", "feature"} {
		var form struct {
			Name, Description string
			Labels            []string
			Body              []struct {
				Type, ID    string
				Attributes  struct{ Label, Description, Render string }
				Validations struct{ Required bool }
			}
		}
		if err := yaml.UnmarshalStrict([]byte(read(t, ".github/ISSUE_TEMPLATE/"+name+".yml")), &form); err != nil {
			t.Fatal(err)
		}
		for _, field := range form.Body {
			if !slices.Contains([]string{"input", "textarea"}, field.Type) || field.ID == "" || field.Attributes.Label == "" {
				t.Errorf("%s: %+v", name, field)
			}
		}
		if form.Name == "" || form.Description == "" || len(form.Body) < 3 {
			t.Errorf("%s: %+v", name, form)
		}
	}
}

func TestHelpListsTargetsByTask(t *testing.T) {
	t.Parallel()
	c := exec.Command("make", "--no-print-directory", "help")
	c.Dir = root
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	at := 0
	for _, line := range []string{"\nTry it\n", "  make playground ", "\nDevelop\n", "  make test ", "\nRelease\n", "  make release "} {
		n := strings.Index(string(out[at:]), line)
		if n < 0 {
			t.Fatalf("no %q after the lines before it:\n%s", line, out)
		}
		at += n
	}
}
