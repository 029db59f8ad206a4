package merge

import (
	"cmp"
	"slices"

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
	slices.SortFunc(out, func(i, j int) int {
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

// senior is the member that joined first; -1 = there is none.
func (g *Group) senior(among []int) int {
	if len(among) == 0 {
		return -1
	}
	return slices.MinFunc(among, g.bySeniority)
}

// Senior reports whether member i joined the group before member j, as far as that is known.
func (g *Group) Senior(i, j int) bool { return g.bySeniority(i, j) < 0 }

// bySeniority orders members by when they joined the group. Members for which that is not known come last, by age and
// name.
func (g *Group) bySeniority(i, j int) int {
	x, y := &g.Members[i], &g.Members[j]
	return cmp.Or(cmp.Compare(g.rank(x.Object), g.rank(y.Object)), cmp.Compare(x.Created, y.Created),
		cmp.Compare(x.Object.String(), y.Object.String()))
}

// rank is the place of an object in Joined, or the length of Joined.
func (g *Group) rank(o diag.Object) int {
	if g.joinedAt == nil {
		g.joinedAt = make(map[diag.Object]int, len(g.Joined))
		for at, o := range g.Joined {
			g.joinedAt[o] = at
		}
	}
	if at, joined := g.joinedAt[o]; joined {
		return at
	}
	return len(g.Joined)
}

// Seniority returns the members of this compilation in the order in which they joined. Those of the last one that are
// leaving keep their places among them. Members whose seniority is in doubt come last.
func (g *Group) Seniority(leaving ...diag.Object) []diag.Object {
	of := filter(g.All(), g.counts)
	slices.SortFunc(of, g.bySeniority)
	if len(g.doubted) > 0 {
		doubted := func(i int) bool { return g.Doubts(g.Members[i].Object.Namespace) }
		of = append(filter(of, func(i int) bool { return !doubted(i) }), filter(of, doubted)...)
	}
	out := make([]diag.Object, 0, len(of))
	wanted := make(map[diag.Object]bool, len(of)+len(leaving))
	for _, i := range of {
		wanted[g.Members[i].Object] = true
	}
	for _, o := range leaving {
		wanted[o] = true
	}
	add := func(o diag.Object) {
		if wanted[o] {
			wanted[o] = false
			out = append(out, o)
		}
	}
	for _, o := range g.Joined {
		add(o)
	}
	for _, i := range of {
		add(g.Members[i].Object)
	}
	return out
}
