package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/repository"
)

var update = flag.Bool("update", false, "write docs/conformance.md, or after a run of the suite the kept reports, anew")

func TestThePageOfTheConformanceTestsIsCurrent(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(string(root), "docs", "conformance.md")
	want := page(t, load(t))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("docs/conformance.md is not current (%v): run \"make conformance-page\"", err)
	}
}

// page is docs/conformance.md.
func page(t *testing.T, l Lists) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `# Conformance with the Gateway API

For users of Gateways who compare implementations, and for contributors.
Afterwards you know which conformance tests pass, which do not, and why.

This page is generated from playground/conformance/lists.yaml and the reports in playground/conformance/reports by "make conformance-page".

"make conformance" runs the conformance tests of sigs.k8s.io/gateway-api v1.7.0 against the controller's binary.
The tests run in the [playground](quick-start.md): an API server on your machine, with a simulated AWS account.
Run the command as root, or with the sysctl net.ipv4.ip_unprivileged_port_start=0, because the tests' clients use the real ports of load balancers.

The command compares the results with playground/conformance/lists.yaml.
It fails if a test that is listed as passing fails, or if a test that is not listed as passing passes.
It writes the results, and the reports for the Gateway API's project, to bin/conformance.
It also fails if one of these reports differs from the stored report in playground/conformance/reports.

The goal is that all tests pass, except the skipped ones, which AWS's load balancers cannot pass.
Tests that are listed as "not yet" do not pass yet.

The heading of each run names its GatewayClass: "alb" creates ALBs.
With "auto", the protocols of a Gateway's listeners decide between an ALB and an NLB.
The column "Level" contains "core", or the extended features that the test needs.
"natively" means: to pass the test, the controller needs only what a load balancer of AWS has by itself.
`)
	for _, r := range l.Runs {
		fmt.Fprintf(&b, "\n## %s: class %s, %s\n\n", r.Name, r.Class, strings.Join(r.Profiles, ", "))
		fmt.Fprintf(&b, "%d tests: %d pass, %d not yet, %d skipped.", len(r.Tests()), len(r.Passes), len(r.NotYet),
			len(r.Skipped))
		if r.Mode == "" {
			b.WriteString("\nThis run writes no report for the Gateway API's project.\n")
		} else {
			b.WriteString("\n" + counts(t, r.Mode))
		}
		b.WriteString("\n| Test | Level | Result | How, or why not |\n|---|---|---|---|\n")
		for _, name := range r.Tests() {
			result, how := "not yet", "natively"
			if c, ok := l.Constructions[name]; ok {
				how = c
			}
			if slices.Contains(r.Passes, name) {
				result = "passes"
			}
			if why, ok := r.Skipped[name]; ok {
				result, how = "skipped", why
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, level(r, name), result, how)
		}
	}
	b.WriteString("\n## Extended features\n\n| Feature | Declared | How, or why not |\n|---|---|---|\n")
	for _, f := range l.Features {
		if f.How != "" {
			fmt.Fprintf(&b, "| %s | yes | %s |\n", f.Name, f.How)
		} else {
			fmt.Fprintf(&b, "| %s | no | %s |\n", f.Name, f.Not)
		}
	}
	return b.String()
}

// level is core, or the extended features that select a test.
func level(r Run, name string) string {
	i := slices.IndexFunc(tests.ConformanceTests, func(t suite.ConformanceTest) bool { return t.ShortName == name })
	if i < 0 {
		return "unknown"
	}
	core := suite.FeaturesSet{}
	for _, p := range r.Profiles {
		core = core.Union(profiles[p].CoreFeatures)
	}
	var extended []string
	for _, f := range tests.ConformanceTests[i].Features {
		if !core.Has(f) {
			extended = append(extended, string(f))
		}
	}
	if len(extended) == 0 {
		return "core"
	}
	return strings.Join(extended, ", ")
}
