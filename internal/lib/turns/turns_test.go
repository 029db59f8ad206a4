package turns

import (
	"slices"
	"testing"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	all := []string{"a1", "a2", "a3", "a4", "b1", "c1", "b2"}
	key := func(s string) string { return s[:1] }
	for n, want := range map[int][]string{0: {}, 1: {"a1"}, 3: {"a1", "b1", "c1"}, 4: {"a1", "a2", "b1", "c1"}, 7: all,
		9: all} {
		if got := Take(all, n, key); !slices.Equal(got, want) {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	if got := Order(all, key); !slices.Equal(got, []int{0, 4, 5, 1, 6, 2, 3}) {
		t.Errorf("order %v", got)
	}
}
