package conformance

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
)

// keptReport is the file of the report of a run's mode that is kept with the code.
func keptReport(mode string) string { return filepath.Join("reports", "standard-"+mode+"-report.yaml") }

// readReport reads a report without its date and version, with its profiles in alphabetical order.
func readReport(t *testing.T, file string) (r confv1.ConformanceReport) {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // of the suite, or kept
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	r.Date, r.Version = "", ""
	slices.SortFunc(r.ProfileReports, func(a, b confv1.ProfileReport) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(r.SucceededProvisionalTests)
	return r
}

// compareReport fails the test if a report is not the kept one of its mode. With -update, it becomes the kept one.
func compareReport(t *testing.T, mode, file string) {
	t.Helper()
	got := readReport(t, file)
	if *update {
		text, err := yaml.Marshal(got)
		if err == nil {
			err = os.WriteFile(keptReport(mode), text, 0o644) //nolint:gosec // for all to read
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(readReport(t, keptReport(mode)), got); diff != "" {
		t.Errorf("%s is not the kept report; if it is right, run \"make conformance-reports\" (-kept +got)\n%s", file, diff)
	}
}

// TestKeptReportsAgreeWithTheLists compares the kept reports with the lists that the suite's results must equal.
func TestKeptReportsAgreeWithTheLists(t *testing.T) {
	longtest.Long(t, "make conformance runs the suite; this is about its lists and clients")
	t.Parallel()
	for _, r := range load(t).Runs {
		if r.Mode == "" {
			continue
		}
		var reported, features []string
		for _, p := range readReport(t, keptReport(r.Mode)).ProfileReports {
			reported = append(reported, p.Name)
			statistics := []confv1.Statistics{p.Core.Statistics}
			if p.Extended != nil {
				statistics = append(statistics, p.Extended.Statistics)
			}
			for _, s := range statistics {
				if s.Failed > 0 && len(r.NotYet) == 0 {
					t.Errorf("%s: %s has %d failed tests, and the lists none", r.Mode, p.Name, s.Failed)
				}
			}
			if p.Extended != nil {
				features = append(features, p.Extended.SupportedFeatures...)
			}
		}
		for _, f := range r.Features {
			if !slices.Contains(features, f) {
				t.Errorf("%s: no report has feature %s", r.Mode, f)
			}
		}
		want := slices.Sorted(slices.Values(r.Profiles))
		if !slices.Equal(reported, want) {
			t.Errorf("%s: reports of %q, want %q", r.Mode, reported, want)
		}
	}
}

// counts is a table of a kept report's profiles.
func counts(t *testing.T, mode string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| Profile | Core tests | Extended tests | Extended features |\n|---|---|---|---|\n")
	of := func(s confv1.Statistics) string {
		return fmt.Sprintf("%d of %d", s.Passed, s.Passed+s.Failed+s.Skipped)
	}
	for _, p := range readReport(t, keptReport(mode)).ProfileReports {
		extended, features := "0", 0
		if p.Extended != nil {
			extended, features = of(p.Extended.Statistics), len(p.Extended.SupportedFeatures)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d |\n", p.Name, of(p.Core.Statistics), extended, features)
	}
	return b.String()
}
