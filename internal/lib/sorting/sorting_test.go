package sorting_test

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

func init() { longtest.RapidChecks(50, 500) }

// TestSortsAsSlicesDoes holds the order of equal elements, too: outputs stay the same whichever of the two sorts.
func TestSortsAsSlicesDoes(t *testing.T) {
	t.Parallel()
	type element struct{ key, place int }
	compare := func(a, b element) int { return cmp.Compare(a.key, b.key) }
	rapid.Check(t, func(t *rapid.T) {
		in := make([]element, rapid.IntRange(0, 300).Draw(t, "length"))
		for i := range in {
			in[i] = element{rapid.IntRange(0, 40).Draw(t, "key"), i}
		}
		for name, sorts := range map[string][2]func([]element, func(a, b element) int){
			"By":       {sorting.By[element], slices.SortFunc[[]element, element]},
			"StableBy": {sorting.StableBy[element], slices.SortStableFunc[[]element, element]},
		} {
			got, want := slices.Clone(in), slices.Clone(in)
			sorts[0](got, compare)
			sorts[1](want, compare)
			if !slices.Equal(got, want) {
				t.Fatalf("%s of %v: %v, slices: %v", name, in, got, want)
			}
		}
	})
}

// TestInTurnLeavesRoomForOthers has many elements of one key before a few of others.
func TestInTurnLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	all := []string{"a1", "a2", "a3", "a4", "b1", "c1", "b2"}
	key := func(s string) string { return s[:1] }
	for n, want := range map[int][]string{0: {}, 1: {"a1"}, 3: {"a1", "b1", "c1"}, 4: {"a1", "a2", "b1", "c1"}, 7: all,
		9: all} {
		if got := sorting.InTurn(all, n, key); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	if got := sorting.Turns(all, key); !slices.Equal(got, []int{0, 4, 5, 1, 6, 2, 3}) {
		t.Errorf("turns %v", got)
	}
}
