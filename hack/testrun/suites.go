package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is the path of the root module; the playground's is below it.
const module = "github.com/k8s-lbc/lbc"

// suite is one go test command.
type suite struct {
	name     string
	dir      string // module's directory, relative to the root
	race     bool
	env      []string
	args     []string // flags of go test
	packages []string
}

// playgroundArgs: tests of whole playgrounds wait far more than they compute, so more packages run at a time than there are processors.
// Go does not see that a binary of another module is tested, so results must not come from its cache.
var playgroundArgs = []string{"-count=1", "-timeout=60m", "-p=3", "-parallel=12"}

// plan returns the suites of a command, in the order in which they run.
func plan(ctx context.Context, name string, patterns []string) ([]suite, error) {
	if name == "area" {
		return area(ctx, patterns)
	}
	packages, err := list(ctx, ".", module+"/...")
	if err != nil {
		return nil, err
	}
	concurrent, others := divide(packages)
	image := suite{name: "image builder", dir: "hack/tools/image", packages: []string{"./..."}}
	switch name {
	case "check":
		return []suite{{name: "unit and golden tests", dir: ".", args: []string{"-timeout=20m"}, packages: paths(packages)}}, nil
	case "test", "all":
		suites := []suite{
			{name: "packages with concurrency, race detector on", dir: ".", race: true, args: []string{"-timeout=40m"}, packages: concurrent},
			{name: "other packages", dir: ".", args: []string{"-timeout=20m"}, packages: others},
			image,
			{name: "end to end", dir: "playground", args: playgroundArgs, packages: []string{"./..."}},
		}
		if name == "all" {
			// Under the race detector, the tests of many troubles try only a sample.
			suites = slices.Insert(suites, 1, suite{name: "packages with concurrency, every seed", dir: ".", args: []string{"-timeout=40m"}, packages: concurrent})
			for i := range suites {
				suites[i].env = []string{"LBC_TEST_ALL=1"}
			}
		}
		return suites, nil
	}
	return nil, fmt.Errorf("%q is no command: test, all, check, area or times", name)
}

// pack is a package as go list prints it.
type pack struct {
	path, dir string
	imports   []string // also indirect
	tests     []string // imports of its tests
}

// list lists packages of the module in dir, a directory relative to the root.
func list(ctx context.Context, dir string, patterns ...string) ([]pack, error) {
	const format = "{{.ImportPath}}\t{{.Dir}}\t{{join .Deps \" \"}}\t{{join .TestImports \" \"}} {{join .XTestImports \" \"}}"
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-C", dir, "-e", "-f", format}, patterns...)...) //nolint:gosec // our own arguments
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
	}
	var packages []pack
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 4 {
			packages = append(packages, pack{path: fields[0], dir: fields[1], imports: strings.Fields(fields[2]), tests: strings.Fields(fields[3])})
		}
	}
	return packages, nil
}

func paths(packages []pack) []string {
	out := make([]string, 0, len(packages))
	for _, p := range packages {
		out = append(out, p.path)
	}
	return out
}

// concurrency finds sources that start goroutines or servers, use locks or atomics, or run functions by timers. In other packages
// the race detector finds nothing, and it makes compiling and running their tests several times slower.
var concurrency = regexp.MustCompile(`\bgo func|\bgo [A-Za-z_.]+\(|\.Go\(|\b(sync|atomic)\.[A-Z]|\.AfterFunc\(|httptest\.New[A-Za-z]*Server|\.Serve\(|ListenAndServe`)

// divide tells the packages for the race detector from the others.
func divide(packages []pack) (concurrent, others []string) {
	for _, p := range packages {
		if concurrentSources(p.dir) {
			concurrent = append(concurrent, p.path)
		} else {
			others = append(others, p.path)
		}
	}
	return concurrent, others
}

func concurrentSources(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go")) //nolint:errcheck // the pattern is well-formed
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file) //nolint:gosec // a source of ours
		return err == nil && concurrency.Match(text)
	})
}

// area returns the suites of some packages: themselves, with the race detector where something is concurrent, then what depends on them, without.
func area(ctx context.Context, patterns []string) ([]suite, error) {
	if len(patterns) == 0 {
		return nil, errors.New("area: name packages, such as ./internal/compile/...")
	}
	var root, playground []string
	for _, p := range patterns {
		if rest, ok := strings.CutPrefix(p, "./playground/"); ok {
			playground = append(playground, "./"+rest)
		} else {
			root = append(root, p)
		}
	}
	var suites []suite
	if len(root) > 0 {
		own, dependents, err := dependents(ctx, root)
		if err != nil {
			return nil, err
		}
		concurrent, others := divide(own)
		suites = append(suites,
			suite{name: "the area, race detector on", dir: ".", race: true, args: []string{"-timeout=20m"}, packages: concurrent},
			suite{name: "the area", dir: ".", args: []string{"-timeout=20m"}, packages: others},
			suite{name: "packages that depend on the area", dir: ".", args: []string{"-timeout=20m"}, packages: dependents})
	}
	if len(playground) > 0 {
		suites = append(suites, suite{name: "playground", dir: "playground", args: playgroundArgs, packages: playground})
	}
	return slices.DeleteFunc(suites, func(s suite) bool { return len(s.packages) == 0 }), nil
}

// dependents returns the packages of the patterns, and the paths of those that import them, directly or not, also by their tests.
func dependents(ctx context.Context, patterns []string) (own []pack, importers []string, err error) {
	if own, err = list(ctx, ".", patterns...); err != nil {
		return nil, nil, err
	}
	all, err := list(ctx, ".", module+"/...")
	if err != nil {
		return nil, nil, err
	}
	ours, reached := map[string]bool{}, map[string]bool{}
	for _, p := range own {
		ours[p.path], reached[p.path] = true, true
	}
	isReached := func(path string) bool { return reached[path] }
	for _, p := range all {
		if slices.ContainsFunc(p.imports, func(path string) bool { return ours[path] }) {
			reached[p.path] = true
		}
	}
	for _, p := range all {
		if !ours[p.path] && (reached[p.path] || slices.ContainsFunc(p.tests, isReached)) {
			importers = append(importers, p.path)
		}
	}
	return own, importers, nil
}
