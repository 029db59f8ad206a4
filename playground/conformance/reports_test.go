package conformance

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the kept reports anew after a run of the suite")

// keptReport is the file of the report of a run's mode that is kept with the code.
func keptReport(mode string) string { return filepath.Join("reports", "standard-"+mode+"-report.yaml") }

// readReport reads a report without its date and version, with its profiles in alphabetical order.
func readReport(t *testing.T, file string) (r confv1.ConformanceReport) {
	t.Helper()
	text, err := os.ReadFile(file)
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
			err = os.WriteFile(keptReport(mode), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(readReport(t, keptReport(mode)), got); diff != "" {
		t.Errorf("%s is not the kept report; if it is right, run \"make conformance UPDATE=1\" (-kept +got)\n%s", file, diff)
	}
}
