package overlap

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/cputime"
)

// TestCostlyExpressionsAreNotParsed has expressions of 128 characters that take long to parse.
func TestCostlyExpressionsAreNotParsed(t *testing.T) {
	t.Parallel()
	for _, part := range []string{`[B-\x{1e942}]`, "[B-\U0001e942]", `\pL`, `\PL`, `[A-\777]`} {
		v := "(?i)" + strings.Repeat(part, 124/len(part))
		if took := cputime.Of(func() {
			for range 200 {
				if _, err := Parse(v); err != nil {
					t.Error(err)
				}
			}
		}); took > 100*time.Millisecond {
			t.Errorf("%.40s: %s for 200 expressions", v, took)
		}
	}
}

func TestStepsCountRepetitions(t *testing.T) {
	t.Parallel()
	for v, want := range map[string][2]int{`^/api/v[0-9]+$`: {5, 20}, `a{1000}`: {1000, 3000}, `(ab|[^c]){500}`: {1000, 5000},
		`(a{30}){30}`: {900, 3000}} {
		re, err := Parse(v)
		if err != nil || re == nil {
			t.Fatalf("%s: %v", v, err)
		}
		if got := Steps(re); got < want[0] || got > want[1] {
			t.Errorf("%s: %d steps, want %v", v, got, want)
		}
	}
	if _, err := Parse("("); err == nil {
		t.Error("it is not refused")
	}
}
