package sgrules

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Arrange distributes wanted rules over groups, so that no group has more than limit rules, or more than it has now.
// have are the existing rules of each group. An existing rule that is wanted stays in its group. Missing traffic
// gets rules that are joined as far as possible: additional rules, or larger rules that replace existing ones,
// whichever changes less. If these do not fit, all rules are joined and distributed again. ok is false if that does
// not fit either.
func (l Lists) Arrange(wanted []stack.Permission, have [][]stack.Permission, limit int) (
	rules [][]stack.Permission, ok bool) {
	a := arrangement{lists: l, wanted: wanted, traffic: Of(wanted), have: have}
	for _, h := range have {
		a.limits = append(a.limits, max(limit, l.Count(h)))
	}
	kept := a.keep()
	standing := Of(slices.Concat(kept...))
	packed := Pack(wanted)
	whole := slices.DeleteFunc(slices.Clone(packed), standing.Admits)
	replaced, n := without(kept, Of(whole))
	apart := a.traffic.Without(standing).Rules()
	ways := []func() ([][]stack.Permission, bool){
		func() ([][]stack.Permission, bool) { return a.fill(replaced, whole) },
		func() ([][]stack.Permission, bool) { return a.fill(kept, apart) },
		func() ([][]stack.Permission, bool) { return a.fillJoined(packed) },
		func() ([][]stack.Permission, bool) { return a.fill(make([][]stack.Permission, len(have)), packed) },
	}
	if len(apart) < len(whole)+n {
		ways[0], ways[1] = ways[1], ways[0]
	}
	for _, way := range ways {
		if rules, ok = way(); ok {
			return rules, true
		}
	}
	return nil, false
}

type arrangement struct {
	lists   Lists
	wanted  []stack.Permission
	traffic Traffic
	have    [][]stack.Permission
	limits  []int // by group
}

func (a *arrangement) literal(p stack.Permission) bool { return contains(a.wanted, p) }

// keep are the rules of each group that admit nothing but what is wanted. One that is not wanted as it is goes if those
// that are admit it all.
func (a *arrangement) keep() [][]stack.Permission {
	kept := make([][]stack.Permission, len(a.have))
	var literal []stack.Permission
	for i, h := range a.have {
		for _, p := range h {
			if a.literal(p) && !contains(literal, p) {
				literal = append(literal, p)
				kept[i] = append(kept[i], p)
			}
		}
	}
	enough := Of(literal)
	for i, h := range a.have {
		for _, p := range h {
			if a.traffic.Admits(p) && !enough.Admits(p) && !contains(slices.Concat(kept...), p) {
				kept[i] = append(kept[i], p)
			}
		}
	}
	return kept
}

// without leaves out the rules that traffic includes, and counts them.
func without(groups [][]stack.Permission, t Traffic) (rest [][]stack.Permission, n int) {
	for _, g := range groups {
		left := slices.DeleteFunc(slices.Clone(g), t.Admits)
		rest, n = append(rest, left), n+len(g)-len(left)
	}
	return rest, n
}

// fillJoined distributes rules of which those that stand stay where they are.
func (a *arrangement) fillJoined(rules []stack.Permission) ([][]stack.Permission, bool) {
	standing, others := make([][]stack.Permission, len(a.have)), []stack.Permission(nil)
	for _, p := range rules {
		if i := slices.IndexFunc(a.have, func(h []stack.Permission) bool { return contains(h, p) }); i >= 0 {
			standing[i] = append(standing[i], p)
		} else {
			others = append(others, p)
		}
	}
	return a.fill(standing, others)
}

// fill adds rules to groups, each to the first that has room. Rules that count in both families go first, as they need
// room in both, and of the others those that count most. In the end no rule is left that was not wanted as it is and
// that the others make idle.
func (a *arrangement) fill(groups [][]stack.Permission, rules []stack.Permission) (all [][]stack.Permission, ok bool) {
	for i := range groups {
		all = append(all, slices.Clone(groups[i]))
		if a.lists.Count(all[i]) > a.limits[i] {
			return nil, false
		}
	}
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(x, y stack.Permission) int {
		return cmp.Or(boolean(x.Group == stack.Ref{})-boolean(y.Group == stack.Ref{}), a.lists.weight(y)-a.lists.weight(x))
	})
	for _, p := range rules {
		i := 0
		for i < len(all) && a.lists.Count(append(slices.Clone(all[i]), p)) > a.limits[i] {
			i++
		}
		if i == len(all) {
			return nil, false
		}
		all[i] = append(all[i], p)
	}
	for i := range all {
		for n := len(all[i]) - 1; n >= 0; n-- {
			p := all[i][n]
			if a.literal(p) {
				continue
			}
			left := all[i]
			all[i] = slices.Delete(slices.Clone(left), n, n+1)
			if !Of(slices.Concat(all...)).Admits(p) {
				all[i] = left
			}
		}
		slices.SortFunc(all[i], Compare)
	}
	return all, true
}

func contains(rules []stack.Permission, p stack.Permission) bool {
	return slices.ContainsFunc(rules, func(x stack.Permission) bool { return same(x, p) })
}

// same reports whether EC2 takes two permissions for one rule.
func same(a, b stack.Permission) bool {
	x, p := boxOf(a)
	y, q := boxOf(b)
	return x == y && p == q
}
