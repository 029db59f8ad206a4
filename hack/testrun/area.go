package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pipeline are the packages whose golden files show what the whole pipeline makes of Kubernetes objects: the front ends
// with compiler and plan, the compiler, and the plan. A change of a package below shows in them first.
var pipeline = []string{"internal/front", "internal/compile", "internal/plan/diff"}

// labs is the directory of the tests that run whole controllers. They take minutes, and are left to check and test.
const labs = "internal/controller/lab"

// area returns the suites of some packages: themselves, with the race detector where something is concurrent, then some
// of the packages that depend on them, without.
func area(ctx context.Context, patterns []string) ([]suite, error) {
	if len(patterns) == 0 {
		return nil, errors.New("name the packages of the area, such as ./internal/compile")
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
		own, err := list(ctx, ".", root...)
		if err != nil {
			return nil, err
		}
		all, err := list(ctx, ".", module+"/...")
		if err != nil {
			return nil, err
		}
		concurrent, others := divide(own, false)
		run, left := dependents(all, own)
		args := []string{"-timeout=20m"}
		suites = append(suites,
			suite{name: "the area, race detector on", dir: ".", race: true, args: args, packages: concurrent},
			suite{name: "the area", dir: ".", args: args, packages: others},
			suite{name: "packages that import the area, and golden files of the whole pipeline", dir: ".", args: args,
				packages: run, importers: true})
		suites = slices.DeleteFunc(suites, func(s suite) bool { return len(s.packages) == 0 })
		if len(suites) > 0 {
			suites[0].left = left
		}
	}
	if len(playground) > 0 {
		suites = append(suites, suite{name: "playground", dir: "playground", args: playgroundArgs, packages: playground})
	}
	return suites, nil
}

// dependents divides the packages that depend on an area and have tests. Those run that import the area in their code,
// except labs, and those of the pipeline. Those are left that depend on the area through others or in their tests only:
// for a central package, that is nearly everything.
func dependents(all, own []pack) (run, left []string) {
	imports := map[string][]string{}
	for _, p := range all {
		imports[p.path] = p.imports
	}
	reached := map[string]bool{} // whether the code of a package depends on the area
	for _, p := range own {
		reached[p.path] = true
	}
	var reaches func(path string) bool
	reaches = func(path string) bool {
		if known, ok := reached[path]; ok {
			return known
		}
		reached[path] = slices.ContainsFunc(imports[path], reaches)
		return reached[path]
	}
	isOwn := func(path string) bool {
		return slices.ContainsFunc(own, func(p pack) bool { return p.path == path })
	}
	for _, p := range all {
		dir := strings.TrimPrefix(p.path, module+"/")
		switch {
		case isOwn(p.path) || p.size == 0:
		case !reaches(p.path) && !slices.ContainsFunc(p.tests, reaches):
		case slices.Contains(pipeline, dir),
			slices.ContainsFunc(p.imports, isOwn) && dir != labs && !strings.HasPrefix(dir, labs+"/"):
			run = append(run, p.path)
		default:
			left = append(left, p.path)
		}
	}
	return run, left
}

// leftOut says which tests an area leaves out, and which command runs them; nothing if there are none.
func leftOut(suites []suite) string {
	var left []string
	for _, s := range suites {
		for _, path := range s.left {
			left = append(left, short(path))
		}
	}
	if len(left) == 0 {
		return ""
	}
	slices.Sort(left)
	return fmt.Sprintf("not run: %d packages that depend on the area through others or in their tests only: %s\n"+
		"make check runs them without the race detector, make test runs all\n", len(left), strings.Join(left, " "))
}
