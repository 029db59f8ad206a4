// Package docs holds README.md, CHANGELOG.md and the pages of docs/ to what is there: links, files, flags, make
// targets, tests and metrics that they name exist, and every metric is named. It has tests only.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/pages"
	"github.com/k8s-lbc/lbc/hack/pages/links"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
)

const root = "../.."

// allPages are the pages for people, by their path from the root.
func allPages(t *testing.T) map[string]string {
	t.Helper()
	all, err := pages.Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sources is the text of all Go files of both modules that keep says.
func sources(t *testing.T, keep func(path string) bool) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range []string{"api", "awssim", "bench", "cmd", "hack", "internal", "playground"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || !keep(filepath.ToSlash(path)) {
				return err
			}
			text, err := os.ReadFile(path) //nolint:gosec // ours
			b.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") || strings.Contains(path, "internal/controller/lab/")
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	if err := links.Check(os.DirFS(root)); err != nil {
		t.Error(err)
	}
}

// inRepository are paths of ours by their first part; other words with a slash are names of AWS, Kubernetes or Go.
var inRepository = regexp.MustCompile(
	"(?:`|^|[ (])((?:api|awssim|bench|charts|cmd|config|docs|examples|hack|internal|playground)/[A-Za-z0-9_./*-]*[A-Za-z0-9_*])")

func TestFilesThatAreNamedExist(t *testing.T) {
	t.Parallel()
	for name, text := range allPages(t) {
		for _, m := range inRepository.FindAllStringSubmatch(text, -1) {
			if found, err := filepath.Glob(filepath.Join(root, m[1])); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", name, m[1])
			}
		}
	}
}

var (
	continued = regexp.MustCompile(`\\\n\s*`)
	code      = regexp.MustCompile("(?m)`([^`\n]+)`|^    +(\\S.*)$")
	// ours is a command of ours, up to a pipe or the like. What follows "playground kubectl" is kubectl's.
	ours = regexp.MustCompile(`(?:^|[\s(&])(?:bin/|kubectl )?(?:lbc|playground|awssim|controller) ([^|;&#]*)`)
	flag = regexp.MustCompile(`(?:^|[\s(])--([a-z][a-z0-9-]*[a-z0-9])`)
)

// flags are those of our programs that a page names: alone in a piece of code, or in a command of ours.
func flags(page string) []string {
	var out []string
	for _, m := range code.FindAllStringSubmatch(continued.ReplaceAllString(page, " "), -1) {
		text := m[1] + m[2]
		commands := []string{}
		if strings.HasPrefix(text, "--") {
			commands = append(commands, text)
		}
		for _, c := range ours.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(c[1], "kubectl") {
				commands = append(commands, c[1])
			}
		}
		for _, c := range commands {
			for _, f := range flag.FindAllStringSubmatch(c, -1) {
				out = append(out, f[1])
			}
		}
	}
	return out
}

func TestFlagsAreFoundWhereTheyAreOurs(t *testing.T) {
	t.Parallel()
	page := "Start it with `--idp ADDRESS` or `bin/awssim --iam`, not `aws --query x`.\n\n    bin/playground kubectl " +
		"get --show-events\n" +
		"    (eval x && bin/lbc plan --kubeconfig x \\\n      --exit-code) | jq --raw\n"
	if got, want := flags(page), []string{"idp", "iam", "kubeconfig", "exit-code"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFlagsThatAreNamedExist(t *testing.T) {
	t.Parallel()
	programs := sources(t, func(path string) bool { return !isTest(path) })
	declared := regexp.MustCompile(`Var(?:P)?\([^"\n]*"([a-z][a-z0-9-]*)"`)
	exist := map[string]bool{"help": true}
	for _, m := range declared.FindAllStringSubmatch(programs, -1) {
		exist[m[1]] = true
	}
	// Flags that are declared in other words.
	for _, f := range []string{"feature-gates", "aws-api-throttle", "aws-api-endpoints", "quota", "timing", "kubeconfig"} {
		if !strings.Contains(programs, `"`+f+`"`) {
			t.Errorf("no flag %s", f)
		}
		exist[f] = true
	}
	for name, text := range allPages(t) {
		for _, f := range flags(text) {
			if !exist[f] {
				t.Errorf("%s names --%s, which no program has", name, f)
			}
		}
	}
}

func TestMakeTargetsThatAreNamedExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("(?m)(?:`|^    )(?:[A-Z_]+=\\S+ )*make ([a-z][a-z0-9-]*)")
	for name, text := range allPages(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which does not exist", name, m[1])
			}
		}
	}
}

func TestTestsThatAreNamedExist(t *testing.T) {
	t.Parallel()
	tests := sources(t, isTest)
	test := regexp.MustCompile(`\bTest[A-Z][A-Za-z0-9]+`)
	for name, text := range allPages(t) {
		for _, n := range test.FindAllString(text, -1) {
			if !strings.Contains(tests, "\nfunc "+n+"(") {
				t.Errorf("%s names %s, which does not exist", name, n)
			}
		}
	}
}

// TestMetricsAreDocumented compares both ways.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	for _, r := range metrics.Table {
		made[r.Name] = true
	}
	page := allPages(t)["docs/metrics.md"]
	for name := range made {
		if !strings.Contains(page, "`"+name) {
			t.Errorf("docs/metrics.md does not name %s", name)
		}
	}
	for where, text := range allPages(t) {
		for _, m := range regexp.MustCompile("`((?:aws|awslbc|lbc)_[a-z_]+)[`{]").FindAllStringSubmatch(text, -1) {
			if !made[m[1]] {
				t.Errorf("%s names %s, which no one makes", where, m[1])
			}
		}
	}
}

func TestThePictureOfTheArchitectureNamesPackages(t *testing.T) {
	t.Parallel()
	picture, err := os.ReadFile(filepath.Join(root, "docs", "images", "architecture.svg"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`<text class="package"[^>]*>([^<]*)<`).FindAllStringSubmatch(string(picture), -1)
	if len(named) < 8 {
		t.Errorf("the picture has %d packages", len(named))
	}
	for _, m := range named {
		if _, err := os.Stat(filepath.Join(root, "internal", m[1])); err != nil {
			t.Errorf("the picture names internal/%s: %v", m[1], err)
		}
	}
}
