package overlap

import (
	"testing"
)

func TestStepsCountRepetitions(t *testing.T) {
	t.Parallel()
	for v, want := range map[string][2]int{`^/api/v[0-9]+$`: {5, 20}, `a{1000}`: {1000, 3000},
		`(ab|[^c]){500}`: {1000, 5000}, `(a{30}){30}`: {900, 3000}} {
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
