package acceptance

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/hack/testlist"
)

// lists are the numbers of cases of each list, which are numbered; what is beside them has a name.
var lists = map[string]int{"ingress": 25, "gatewayalb": 19, "gatewaynlb": 8, "gatewayother": 5, "accelerator": 18,
	"service": 0, "migration": 4}

// TestEveryCaseOfTheListsLeadsToATest shows that each case of the acceptance lists names a test
// that exists.
func TestEveryCaseOfTheListsLeadsToATest(t *testing.T) {
	t.Parallel()
	for name, cases := range lists {
		t.Run(name, func(t *testing.T) { leads(t, name, cases) })
	}
}

func leads(t *testing.T, name string, cases int) {
	raw, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	endToEnd, cheaper := testlist.Under(".."), testlist.Under("../../..")
	seen := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), " | ")
		if len(f) < 3 || seen[f[0]] {
			t.Errorf("a case twice, or without sentence or proof: %s", line)
			continue
		}
		seen[f[0]] = true
		for _, proof := range f[2:] {
			tests := endToEnd
			if pkg, _, _ := strings.Cut(proof, "."); strings.Contains(pkg, "/") {
				tests = cheaper
			}
			if err := tests.Find(proof); err != nil {
				t.Errorf("%s: %v", f[0], err)
			}
		}
	}
	for i := range cases {
		if n := strconv.Itoa(i + 1); !seen[n] {
			t.Errorf("case %s is not in the list", n)
		}
	}
}
