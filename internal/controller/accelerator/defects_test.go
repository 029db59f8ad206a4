package accelerator

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/testlist"
)

// TestEachDefectOfTheExistingControllerHasATest reads testdata/defects.txt: "SUBJECT | DEFECT | TEST | TEST…". A test
// without a directory is one of this package.
func TestEachDefectOfTheExistingControllerHasATest(t *testing.T) {
	t.Parallel()
	lines, err := testlist.Read("testdata/defects.txt")
	if err != nil {
		t.Fatal(err)
	}
	tests, seen := testlist.Under("../../.."), map[string]bool{}
	for _, line := range lines {
		if len(line.Proofs) < 2 || line.Proofs[0] == "" || seen[line.Fact] {
			t.Errorf("%s is listed twice, or without its sentence or test", line.Fact)
			continue
		}
		seen[line.Fact] = true
		for _, test := range line.Proofs[1:] {
			if strings.HasPrefix(test, "Test") {
				test = "internal/controller/accelerator." + test
			}
			if err := tests.Find(test); err != nil {
				t.Errorf("%s: %v", line.Fact, err)
			}
		}
	}
	if len(lines) == 0 {
		t.Error("the list is empty")
	}
}
