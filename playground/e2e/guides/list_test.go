package guides

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/testlist"
)

// TestWhatGuidesInstallLeadsToATest shows that each example and command of the guides names a test
// that exists.
func TestWhatGuidesInstallLeadsToATest(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/installation.txt")
	if err != nil {
		t.Fatal(err)
	}
	tests := testlist.Under("../../..")
	var cases []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), " | ")
		if len(f) < 3 || slices.Contains(cases, f[0]) {
			t.Errorf("a case twice, or without sentence or proof: %s", line)
			continue
		}
		cases = append(cases, f[0])
		for _, proof := range f[2:] {
			if err := tests.Find(proof); err != nil {
				t.Errorf("%s: %v", f[0], err)
			}
		}
	}
	want := strings.Fields("12 13 14 15 16 19 20 21 22 23 39 51 53")
	for i, n := range slices.Concat(want, want[:11]) {
		kind := "example "
		if i >= len(want) {
			kind = "command "
		}
		if !slices.Contains(cases, kind+n) {
			t.Errorf("%s%s is not in the list", kind, n)
		}
	}
}
