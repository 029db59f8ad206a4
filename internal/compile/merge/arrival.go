package merge

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Ranks order the members by when they joined: of two members the one with the higher rank joined later. The order of
// equal ranks is not known. Nil = no member joined later, or nothing depends on it.
func (g *Group) Ranks() []int {
	if g.Strict || !g.Joinable || len(g.Members) < 2 {
		return nil
	}
	rank := make([]int, len(g.Members))
	known := make(map[diag.Object]int, len(g.Joined))
	for at, o := range g.Joined {
		known[o] = max(0, 1+at-g.founders())
	}
	for i := range g.Members {
		m := &g.Members[i]
		at, was := known[m.Object]
		switch {
		case was:
			rank[i] = at
		case m.Rejected: // it joins once it is sound
			rank[i] = len(g.Joined) + 2
		case len(g.Joined) > 0:
			rank[i] = len(g.Joined) + 1
		}
	}
	if slices.Max(rank) == 0 {
		return nil
	}
	return rank
}

// Arrival returns the members in the order in which they joined, the first ones in group order. Nil = no member that
// joined later comes before others in the group.
func (g *Group) Arrival(ranks []int) []int {
	if ranks == nil {
		return nil
	}
	out := slices.Clone(g.All())
	sorting.By(out, func(i, j int) int {
		if c := cmp.Compare(ranks[i], ranks[j]); c != 0 || ranks[i] == 0 {
			return cmp.Or(c, cmp.Compare(i, j))
		}
		return g.bySeniority(i, j)
	})
	last := map[int32]int{} // member by group.order
	for _, i := range out {
		order := g.Members[i].Order
		if at, met := last[order]; met && at > i {
			return out
		}
		last[order] = i
	}
	return nil
}

// founders is the number of members of the last compilation, from the first on, that are not known to have joined
// others.
func (g *Group) founders() int { return len(g.Joined) - g.JoinedLater }

// CountLater returns how many of the members, given in the order in which they joined, joined others.
func (g *Group) CountLater(members []diag.Object) int {
	if len(g.Joined) == 0 {
		return 0
	}
	n := 0
	for _, o := range members {
		if g.rank(o) >= g.founders() {
			n++
		}
	}
	return n
}

// All returns the indexes of all members: always the same list.
func (g *Group) All() []int {
	for i := len(g.all); i < len(g.Members); i++ {
		g.all = append(g.all, i)
	}
	return g.all
}

// FirstMember returns the first member in group order that counts; -1 = there is none.
func (g *Group) FirstMember() int {
	return slices.IndexFunc(g.Members, func(m Member) bool { return !m.Rejected })
}
