// Package conformance runs the Gateway API's conformance tests in the playground, against the controller's real binary,
// and compares the results with the lists that are kept here. The package itself only reads and compares; its tests run
// the suite ("make conformance"), show that the suite's clients reach simulated load balancers, and write
// docs/conformance.md. It imports no other package of the module.
package conformance

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

//go:embed lists.yaml
var lists []byte

// Lists are what the tests of the suite are expected to result in.
type Lists struct {
	Runs     []Run     `json:"runs"`
	Features []Feature `json:"features"`
	// Constructions are how tests pass that need more than an AWS load balancer has by itself, by test.
	Constructions map[string]string `json:"constructions"`
}

// Run is the suite run once, with one GatewayClass.
type Run struct {
	Name     string   `json:"name"`
	Class    string   `json:"class"`
	Profiles []string `json:"profiles"`
	// Features are the extended features that are declared.
	Features []string `json:"features"`
	// Mode names the report's mode; a run without one writes no report.
	Mode string `json:"mode,omitempty"`
	// Skipped are tests that are not run because no load balancer of AWS can pass them, with the reason.
	Skipped map[string]string `json:"skipped,omitempty"`
	// Passes must pass. NotYet must not: one that passes goes to Passes. Together they are the goal.
	Passes []string `json:"passes"`
	NotYet []string `json:"notYet"`
}

// Feature is an extended feature of a profile: how it is built, or why it is not declared.
type Feature struct {
	Name string `json:"name"`
	How  string `json:"how,omitempty"`
	Not  string `json:"not,omitempty"`
}

// Outcome is what became of a test.
type Outcome string

// The outcomes of a test.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	Left   Outcome = "skipped"
	NotRun Outcome = "not run" // the setup before the tests failed
)

// Load reads the lists of this package.
func Load() (Lists, error) {
	var l Lists
	if err := yaml.UnmarshalStrict(lists, &l); err != nil {
		return l, fmt.Errorf("lists.yaml: %w", err)
	}
	return l, nil
}

// Run finds a run by its name.
func (l Lists) Run(name string) (Run, bool) {
	i := slices.IndexFunc(l.Runs, func(r Run) bool { return r.Name == name })
	if i < 0 {
		return Run{}, false
	}
	return l.Runs[i], true
}

// Tests are all tests of the run, in alphabetical order; a test that is listed twice is there twice.
func (r Run) Tests() []string {
	return slices.Sorted(slices.Values(slices.Concat(r.Passes, r.NotYet, slices.Collect(maps.Keys(r.Skipped)))))
}

// Differences are the results that are not as listed, one line each, with what to do. Results of tests that are not
// part of the run are skipped ones; a test without a result did not run.
func (r Run) Differences(results map[string]Outcome) []string {
	var out []string
	result := func(test string) Outcome {
		if o, ok := results[test]; ok {
			return o
		}
		return NotRun
	}
	for _, test := range r.Passes {
		if o := result(test); o != Passed {
			out = append(out, fmt.Sprintf("%s: %s %s: it passed before; its output says why it does not", r.Name, test, o))
		}
	}
	for _, test := range r.NotYet {
		if o := result(test); o == Passed || o == Left {
			out = append(out, fmt.Sprintf("%s: %s %s, which is more than listed: move it from notYet to passes in "+
				"playground/conformance/lists.yaml", r.Name, test, o))
		}
	}
	for test := range r.Skipped {
		if o := result(test); o != Left && o != NotRun {
			out = append(out, fmt.Sprintf("%s: %s %s although it is to be skipped", r.Name, test, o))
		}
	}
	known := r.Tests()
	for test, o := range results {
		if o != Left && !slices.Contains(known, test) {
			out = append(out, fmt.Sprintf("%s: %s %s and is not listed: add it to playground/conformance/lists.yaml",
				r.Name, test, o))
		}
	}
	slices.Sort(out)
	return out
}
