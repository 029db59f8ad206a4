package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAreaRunsWhatImportsItAndThePipeline(t *testing.T) {
	t.Parallel()
	pkg := func(dir string, tests []string, imports ...string) pack {
		p := pack{path: module + "/" + dir, size: 1}
		for _, i := range imports {
			p.imports = append(p.imports, module+"/"+i)
		}
		for _, i := range tests {
			p.tests = append(p.tests, module+"/"+i)
		}
		return p
	}
	own := []pack{pkg("area", nil), pkg("area/part", nil, "area")}
	untested := pkg("untested", nil, "area")
	untested.size = 0
	all := append(slices.Clone(own),
		pkg("direct", nil, "area/part"),
		pkg("indirect", nil, "direct"),
		pkg("tested", []string{"area"}),
		pkg("testedThrough", []string{"indirect"}),
		pkg("other", []string{"unrelated"}, "unrelated"), pkg("unrelated", nil),
		pkg("internal/front", nil, "indirect"), pkg("internal/compile", nil, "unrelated"),
		pkg(labs, nil, "area"), pkg(labs+"/chaos", nil, "area"),
		untested)
	run, left := dependents(all, own)
	check := func(name string, got []string, dirs ...string) {
		t.Helper()
		var want []string
		for _, d := range dirs {
			want = append(want, module+"/"+d)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	check("run", run, "direct", "internal/front")
	check("left", left, "indirect", "tested", "testedThrough", labs, labs+"/chaos")

	text := leftOut([]suite{{left: left}})
	for _, want := range []string{"not run: 5 packages", "./indirect ./internal/controller/lab ", "make check",
		"make test"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if text := leftOut([]suite{{packages: run}}); text != "" {
		t.Errorf("nothing is left out, but: %q", text)
	}
}

// TestAreaOfTheCompilerNeedsNoLab holds what made the area take twice as long: tests of whole controllers.
func TestAreaOfTheCompilerNeedsNoLab(t *testing.T) {
	t.Chdir("../..")
	suites, err := plan(t.Context(), "area", []string{"./internal/compile/..."})
	if err != nil {
		t.Fatal(err)
	}
	var all, left []string
	for _, s := range suites {
		if s.importers && s.race {
			t.Errorf("%s: race detector on", s.name)
		}
		if len(s.packages) == 0 {
			t.Errorf("%s: no packages", s.name)
		}
		all, left = append(all, s.packages...), append(left, s.left...)
	}
	for p, runs := range map[string]bool{"/internal/compile": true, "/internal/compile/rules": true,
		"/internal/front": true, "/internal/controller/stacks": true, "/internal/controller/lab/restart": false} {
		if slices.Contains(all, module+p) != runs || slices.Contains(left, module+p) == runs {
			t.Errorf("%s: runs %v, want %v", p, !runs, runs)
		}
	}
}

func TestPackagesThatAreasNameExist(t *testing.T) {
	t.Chdir("../..")
	for _, dir := range append(slices.Clone(pipeline), labs+"/restart") {
		if _, tests := sources(dir); len(tests) == 0 {
			t.Errorf("%s has no tests", dir)
		}
	}
}
