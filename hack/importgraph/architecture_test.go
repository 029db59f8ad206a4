package importgraph

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// packagePages are the pages whose tables list packages.
var packagePages = []string{"docs/architecture/packages.md", "docs/architecture/simulator.md"}

// rows are the packages that a table of packagePages lists, with the rest of their row.
func rows(t *testing.T) map[string]string {
	t.Helper()
	var lines []string
	for _, name := range packagePages {
		page, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(page), "\n")...)
	}
	out, isTable := map[string]string{}, false
	for _, line := range lines {
		if strings.HasPrefix(line, "| Package | Pure | Content") || line == "| Package | Content |" {
			isTable = true
			continue
		}
		if !strings.HasPrefix(line, "|") {
			isTable = false
		}
		if !isTable {
			continue
		}
		first, rest, _ := strings.Cut(strings.Trim(line, "| "), "|")
		for _, m := range quoted.FindAllStringSubmatch(first, -1) {
			out[m[1]] = rest
		}
		if strings.HasPrefix(strings.TrimSpace(first), "`awssim/wire`") { // its row names the generator too
			out["awssim/wire/internal/names"] = rest
		}
	}
	return out
}

func TestTheArchitectureListsEveryPackageAndWhichArePure(t *testing.T) {
	t.Parallel()
	told, pkgs := rows(t), list(t)
	for name := range pkgs {
		of := []string{"internal/", "awssim", "cmd/", "api/"}
		if _, ok := told[name]; !ok && slices.ContainsFunc(of, func(p string) bool { return strings.HasPrefix(name, p) }) {
			t.Errorf("no table of docs/architecture lists %s", name)
		}
	}
	// The playground is a module of its own. Its e2e has tests only.
	files, err := filepath.Glob("../../playground/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../playground/c*/*/*.go")
	if err != nil || len(files)*len(more) == 0 {
		t.Fatalf("no files of the playground: %v", err)
	}
	for _, f := range append(files, more...) {
		name := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(f)), "../../")
		_, isTold := told[name]
		if _, seen := pkgs[name]; !seen && !isTold {
			t.Errorf("no table of docs/architecture lists %s", name)
		}
		pkgs[name] = pkg{}
	}
	for name, rest := range told {
		if _, ok := pkgs[name]; !ok {
			t.Errorf("a table of docs/architecture lists %s, which does not exist", name)
		}
		if !strings.HasPrefix(name, "internal/") {
			continue
		}
		if said := strings.HasPrefix(strings.TrimSpace(rest), "yes"); said != slices.Contains(pure, name) {
			t.Errorf("docs/architecture/packages.md says that %s is pure: %t; here: %t", name, said, !said)
		}
	}
}

// services are those of the simulator; they meet in its account.
var services = []string{
	"awssim/acm", "awssim/ec2", "awssim/elbv2", "awssim/globalaccelerator", "awssim/route53", "awssim/s3", "awssim/shield",
	"awssim/sts", "awssim/tagging",
	"awssim/wafv2",
}

// serviceOf is the service that a package is, or is a part of; "" for others.
func serviceOf(name string) string {
	for _, s := range services {
		if name == s || strings.HasPrefix(name, s+"/") {
			return s
		}
	}
	return ""
}

func TestTheSimulatorJudgesByItself(t *testing.T) {
	t.Parallel()
	shared := []string{"internal/model/stack", "internal/model/traffic", "internal/lib/sleep"}
	pkgs := list(t)
	for _, s := range services {
		if _, ok := pkgs[s]; !ok {
			t.Errorf("%s is listed as a service and does not exist", s)
		}
	}
	for name, p := range pkgs {
		if name != "awssim" && !strings.HasPrefix(name, "awssim/") {
			continue
		}
		for _, imp := range p.Imports {
			own, isOwn := strings.CutPrefix(imp, module)
			switch {
			case !isOwn:
			case strings.HasPrefix(own, "internal/") && !slices.Contains(shared, own):
				t.Errorf("%s imports %s: a mistake there would be hidden by the same mistake here", name, own)
			case serviceOf(name) != "" && serviceOf(own) != "" && serviceOf(name) != serviceOf(own):
				t.Errorf("%s imports %s: what services share is in awssim/account", name, own)
			}
		}
	}
}
