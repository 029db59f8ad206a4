package registrar

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// podsAt are the endpoints of pods, in order. Those of rank 1 are other pods at the same addresses.
func podsAt(ranks map[int]int) (out []Endpoint) {
	for _, n := range slices.Sorted(maps.Keys(ranks)) {
		out = append(out, Endpoint{Target: Target{ID: fmt.Sprintf("10.0.%03d.1", n), Port: 80}, Namespace: "shop",
			Pod: fmt.Sprint("web-", n, "-", ranks[n])})
	}
	return out
}

// someChange adds, replaces or removes the pods of a range.
func someChange(t *rapid.T, ranks map[int]int) {
	from := rapid.IntRange(0, 399).Draw(t, "from")
	to := from + rapid.SampledFrom([]int{1, 2, 70, 400}).Draw(t, "pods")
	rank := rapid.IntRange(-1, 1).Draw(t, "rank")
	for n := from; n < min(to, 400); n++ {
		if ranks[n] = rank; rank < 0 {
			delete(ranks, n)
		}
	}
}

// TestRevisedListIsThatOfItsEndpoints shows that lists which share parts have the endpoints that lists in one piece
// have, and differ in the same ones.
func TestRevisedListIsThatOfItsEndpoints(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ranks, list, g := map[int]int{}, Endpoints{}, newGroup(Group{}, new(shares))
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			someChange(t, ranks)
			before, all := list, podsAt(ranks)
			list = before.revised(all)
			if !slices.Equal(list.Slice(), all) || list.Len() != len(all) || !list.Equal(EndpointsOf(all...)) ||
				list.Equal(before) != slices.Equal(before.Slice(), all) {
				t.Fatalf("%v, want %v", list.Slice(), all)
			}
			var gone, come []Endpoint
			Differ(before, list, func(e Endpoint) { gone = append(gone, e) }, func(e Endpoint) { come = append(come, e) })
			in := func(of Endpoints) func(Endpoint) bool {
				set := map[Endpoint]bool{}
				for _, e := range of.All() {
					set[*e] = true
				}
				return func(e Endpoint) bool { return set[e] }
			}
			if !slices.Equal(gone, before.Without(in(list)).Slice()) || !slices.Equal(come, list.Without(in(before)).Slice()) {
				t.Fatalf("gone %v, come %v", gone, come)
			}
			keys, want := g.keysOf(&Request{Want: list}), newKeyCache(wants{of: list})
			if !slices.Equal(keys.list, want.list) || !maps.Equal(keys.set, want.set) {
				t.Fatalf("%v, want %v", keys.list, want.list)
			}
		}
	})
}

// TestListsShareThePartsThatAreTheSame shows that one endpoint more or less leaves all parts but one.
func TestListsShareThePartsThatAreTheSame(t *testing.T) {
	t.Parallel()
	ranks := map[int]int{}
	for n := range 1000 {
		ranks[n] = 0
	}
	list := EndpointsOf(podsAt(ranks)...)
	shared := func(a, b Endpoints) (n int) {
		for _, part := range a.parts {
			if slices.ContainsFunc(b.parts, func(x []Endpoint) bool { return &x[0] == &part[0] }) {
				n++
			}
		}
		return n
	}
	delete(ranks, 500)
	fewer := list.revised(podsAt(ranks))
	for what, of := range map[string]Endpoints{"revised": fewer, "without": list.Without(func(e Endpoint) bool {
		return e.ID == "10.0.500.1"
	})} {
		if n := shared(list, of); n != len(list.parts)-1 || of.Len() != 999 {
			t.Errorf("%s: %d of %d parts are shared", what, n, len(list.parts))
		}
	}
	if more := fewer.With(Endpoint{Pod: "x"}); shared(fewer, more) != len(fewer.parts) || more.Len() != 1000 ||
		len(fewer.Slice()) != 999 {
		t.Error("a longer list copies the other one, or changes it")
	}
	if !list.revised(list.Slice()).one(list) || !list.Without(func(Endpoint) bool { return false }).one(list) {
		t.Error("the same endpoints are another list")
	}
	if few := list.revised(podsAt(map[int]int{1: 0, 999: 0})); len(few.parts) != 1 {
		t.Errorf("two endpoints in %d parts", len(few.parts))
	}
}
