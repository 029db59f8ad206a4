package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
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
	// importers says that the packages only import the area: tests that -run names are not among them.
	importers bool
	left      []string // packages that depend on the area and do not run
}

// playgroundArgs: tests of whole playgrounds wait far more than they compute, so more packages run at a time than there
// are processors. Go does not see that a binary of another module is tested, so results must not come from its cache.
var playgroundArgs = []string{"-count=1", "-timeout=60m", "-p=4", "-parallel=8"}

// plan returns the suites of a command, in the order in which they run.
func plan(ctx context.Context, name string, patterns []string) ([]suite, error) {
	switch name {
	case "area":
		return area(ctx, patterns)
	case "long":
		return longForms(ctx)
	}
	packages, err := list(ctx, ".", module+"/...")
	if err != nil {
		return nil, err
	}
	concurrent, others := divide(packages, name == "all")
	var playground []string
	var sliced suite
	switch name {
	case "test":
		slice := os.Getenv(longtest.SliceVariable)
		if playground, err = core(ctx, slice); err != nil {
			return nil, err
		}
		if sliced, err = longOf(packages, concurrent, slice); err != nil {
			return nil, err
		}
	case "all":
		all, err := list(ctx, "playground", "./...")
		if err != nil {
			return nil, err
		}
		playground = paths(all)
	}
	image := suite{name: "image builder", dir: "hack/tools/image", packages: []string{"./..."}}
	switch name {
	case "check":
		return []suite{{name: "unit and golden tests", dir: ".", args: []string{"-timeout=20m"}, packages: paths(packages)}},
			nil
	case "test", "all":
		suites := []suite{
			{name: "packages with concurrency, race detector on", dir: ".", race: true, args: []string{"-timeout=2h"},
				packages: concurrent},
			{name: "other packages", dir: ".", args: []string{"-timeout=20m"}, packages: others},
			image,
			{name: "end to end", dir: "playground", args: playgroundArgs, packages: playground},
		}
		// The race detector gets the short forms: it makes code several times slower, and looks for the same races in
		// each seed.
		if name == "test" {
			suites[0].env = []string{longtest.SliceVariable + "="}
		}
		if len(sliced.packages) > 0 {
			suites = slices.Insert(suites, 1, sliced)
		}
		if name == "all" {
			suites = slices.Insert(suites, 1, suite{name: "packages with concurrency, every seed", dir: ".", args: []string{
				"-timeout=2h"}, packages: concurrent})
			for i := range suites {
				if !suites[i].race {
					suites[i].env = []string{longtest.Variable + "=1"}
				}
			}
		}
		return suites, nil
	}
	return nil, fmt.Errorf("%q is no command: test, all, long, check, area, times or list", name)
}

// longForms returns the suites of the packages that have a long form or long tests. All others run alike in "test" and
// in "all".
func longForms(ctx context.Context) ([]suite, error) {
	suites := []suite{
		{name: "packages with long forms", dir: ".", args: []string{"-timeout=2h"}},
		{name: "end to end, packages with long tests", dir: "playground", args: playgroundArgs},
	}
	for i := range suites {
		packages, err := list(ctx, suites[i].dir, "./...")
		if err != nil {
			return nil, err
		}
		isShort := func(p pack) bool { return !slices.Contains(p.tests, module+"/internal/lib/longtest") }
		suites[i].packages = paths(slices.DeleteFunc(packages, isShort))
		suites[i].env = []string{longtest.Variable + "=1"}
	}
	return suites, nil
}

// pack is a package as go list prints it, and the bytes of its tests.
type pack struct {
	path, dir string
	size      int
	imports   []string
	tests     []string // imports of its tests
}

// list lists packages of the module in dir, a directory relative to the root. Those with the largest tests come first:
// go test begins packages in the order of its arguments, and one of several minutes that begins last runs alone.
func list(ctx context.Context, dir string, patterns ...string) ([]pack, error) {
	const format = "{{.ImportPath}}\t{{.Dir}}\t{{join .Imports \" \"}}\t{{join .TestImports \" \"}} {{join " +
		".XTestImports \" \"}}"
	//nolint:gosec // our own arguments
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-C", dir, "-e", "-f", format}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
	}
	var packages []pack
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) == 4 {
			_, tests := sources(fields[1])
			packages = append(packages, pack{path: fields[0], dir: fields[1], size: len(strings.Join(tests, "")),
				imports: strings.Fields(fields[2]), tests: strings.Fields(fields[3])})
		}
	}
	slices.SortStableFunc(packages, func(a, b pack) int { return cmp.Compare(b.size, a.size) })
	return packages, nil
}

func paths(packages []pack) []string {
	out := make([]string, 0, len(packages))
	for _, p := range packages {
		out = append(out, p.path)
	}
	return out
}

// starts finds sources that start goroutines or servers, or run functions by timers; shares finds locks and atomics
// too.
var (
	starts = regexp.MustCompile(
		`\bgo func|\bgo [A-Za-z_.]+\(|\.Go\(|\.AfterFunc\(|httptest\.New[A-Za-z]*Server|\.Serve\(|ListenAndServe`)
	shares = regexp.MustCompile(starts.String() + `|\b(sync|atomic)\.[A-Z]`)
)

// withRace is the directory below which every package has the race detector: its tests run whole controllers.
const withRace = "internal/controller/lab/"

// withoutRace are the directories whose tests run without the race detector although something in them is concurrent,
// and why. make test-all runs those of controllers with it.
var withoutRace = map[string]string{
	"cmd/lbc":                           "it prints what its packages report, and those have the detector",
	"hack/testrun":                      "its tests plan suites, one at a time",
	"internal/controller/lab/accounts":  otherLabs,
	"internal/controller/lab/chaos":     otherLabs,
	"internal/controller/lab/consent":   otherLabs,
	"internal/controller/lab/gateways":  otherLabs,
	"internal/controller/lab/ingresses": otherLabs,
	"internal/controller/lab/restart":   otherLabs,
	"internal/controller/lab/tenants":   otherLabs,
	"internal/controller/lab/unread":    otherLabs,
	"internal/controller/lab/upkeep":    otherLabs,
	"awssim/wire":                       "it encodes what one goroutine has",
}

const otherLabs = "the controller's code has the detector in the labs bindings and inbound"

// divide tells the packages for the race detector from the others. The detector makes tests several times slower and
// finds nothing where nothing is concurrent.
func divide(packages []pack, long bool) (concurrent, others []string) {
	for _, p := range packages {
		if isConcurrent(p.dir, long) {
			concurrent = append(concurrent, p.path)
		} else {
			others = append(others, p.path)
		}
	}
	return concurrent, others
}

// isConcurrent reports whether the tests of a package need the race detector: its code has locks, atomics, timers,
// goroutines or servers, and its code or its tests start goroutines.
func isConcurrent(dir string, long bool) bool {
	code, tests := sources(dir)
	dir = filepath.ToSlash(dir)
	lab := strings.Contains(dir, "/"+withRace) && len(tests) > 0
	if lab && long {
		return true
	}
	for d := range withoutRace {
		if strings.HasSuffix(dir, "/"+d) {
			return false
		}
	}
	return lab || matches(shares, code) && matches(starts, slices.Concat(code, tests))
}

// sources returns the contents of the Go files of a directory.
func sources(dir string) (code, tests []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a source of ours
		switch {
		case err != nil: // go test reports it
		case strings.HasSuffix(file, "_test.go"):
			tests = append(tests, string(text))
		default:
			code = append(code, string(text))
		}
	}
	return code, tests
}

func matches(pattern *regexp.Regexp, texts []string) bool {
	return slices.ContainsFunc(texts, pattern.MatchString)
}

// core returns the packages of the playground with a test that the short form runs, or that a slice of the long tests
// has. Others would only be linked with a Kubernetes.
func core(ctx context.Context, slice string) ([]string, error) {
	packages, err := list(ctx, "playground", "./...")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range packages {
		_, tests := sources(p.dir)
		runs, err := hasCore(tests, slice)
		if err != nil {
			return nil, err
		}
		if runs {
			out = append(out, p.path)
		}
	}
	return out, nil
}

// longCall begins each long test.
const longCall = "longtest.Long(t, "

// begun finds the beginnings of tests: the name, and the call of Long if the test begins with it.
var begun = regexp.MustCompile(`(?m)^func ((?:Test|Example|Fuzz)[A-Z0-9_]\w*)\(.*\{\n(?:\tt\.Parallel\(\)\n)?(\t` +
	regexp.QuoteMeta(longCall) + `)?`)

// testsIn returns the names of the tests in sources: those of the short form, and those that are long as a whole.
func testsIn(sources ...string) (core, long []string) {
	for _, text := range sources {
		for _, m := range begun.FindAllStringSubmatch(text, -1) {
			switch {
			case m[1] == "TestMain":
			case m[2] != "":
				long = append(long, m[1])
			default:
				core = append(core, m[1])
			}
		}
	}
	return core, long
}

// hasCore reports whether one of the tests in the sources runs: one of the short form, or a long one in the slice.
func hasCore(tests []string, slice string) (bool, error) {
	core, long := testsIn(tests...)
	if len(core) > 0 {
		return true, nil
	}
	sliced, err := inSlice(long, slice)
	return len(sliced) > 0, err
}

// inSlice returns those of long tests that a slice has.
func inSlice(long []string, slice string) (names []string, err error) {
	for _, name := range long {
		runs, err := longtest.InSlice(name, slice)
		if err != nil {
			return nil, err
		}
		if runs {
			names = append(names, name)
		}
	}
	return names, nil
}

// longOf returns a suite of the long tests of a slice, of those packages whose paths are listed. Without such tests,
// the suite has no packages.
func longOf(packages []pack, paths []string, slice string) (suite, error) {
	s := suite{name: "long tests of the slice", dir: "."}
	var names []string
	for _, p := range packages {
		if !slices.Contains(paths, p.path) {
			continue
		}
		_, tests := sources(p.dir)
		_, long := testsIn(tests...)
		sliced, err := inSlice(long, slice)
		if err != nil {
			return suite{}, err
		}
		if len(sliced) > 0 {
			names = append(names, sliced...)
			s.packages = append(s.packages, p.path)
		}
	}
	s.args = []string{"-timeout=2h", "-run=^(" + strings.Join(names, "|") + ")$"}
	return s, nil
}
