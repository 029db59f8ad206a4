package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// Of the rules that match a request the first one answers it. Members come by group.order and name, as with the existing controller; but
// of equal group.order, a member does not come in front of one of another namespace that joined earlier and with whose rules its own
// share requests: else a name that sorts well would be enough to take over traffic. decision 2 has this beside what else a member may.

// ranked tells by member who joined later: of two the one with the higher rank, of equal ones nobody knows. Nil tells that none did, or
// that nothing depends on it.
func (b *build) ranked() []int {
	if b.cfg.StrictGroups || !b.shares() || len(b.members) < 2 {
		return nil
	}
	rank := make([]int, len(b.members))
	known := make(map[diag.Object]int, len(b.joined))
	for at, o := range b.joined {
		known[o] = max(0, 1+at-b.founders())
	}
	for i := range b.members {
		m := &b.members[i]
		at, was := known[m.Object]
		switch {
		case was:
			rank[i] = at
		case m.standing == shunned: // it joins once it is sound
			rank[i] = len(b.joined) + 2
		case len(b.joined) > 0:
			rank[i] = len(b.joined) + 1
		}
	}
	if slices.Max(rank) == 0 {
		return nil
	}
	return rank
}

// arrived are the members in the order in which they joined, those that came first by their place in the group. Nil tells that
// nobody who came later is in front of others.
func (b *build) arrived() []int {
	if b.rank == nil {
		return nil
	}
	out := b.every()
	slices.SortFunc(out, func(i, j int) int {
		if c := cmp.Compare(b.rank[i], b.rank[j]); c != 0 || b.rank[i] == 0 {
			return cmp.Or(c, cmp.Compare(i, j))
		}
		return b.bySeniority(i, j)
	})
	last := map[int32]int{} // member by group.order
	for _, i := range out {
		order := b.members[i].Order
		if at, met := last[order]; met && at > i {
			return out
		}
		last[order] = i
	}
	return nil
}

// founders is how many of the members of the last compilation, from the first on, are not known to have joined others.
func (b *build) founders() int { return len(b.joined) - b.later }

// joinedLater is how many of the members, which are in the order in which they joined, joined others.
func (b *build) joinedLater(members []diag.Object) int {
	if len(b.joined) == 0 {
		return 0
	}
	first := b.joined[:b.founders()]
	n := 0
	for _, o := range members {
		if !slices.Contains(first, o) {
			n++
		}
	}
	return n
}

// placed are the members on a port in the order of their rules. Each comes to those that joined earlier without moving them: to its place in
// the group, or behind the last one that keeps it from there.
func (b *build) placed(p *port) []int {
	if b.arrival == nil {
		return p.members
	}
	n := b.neighbours(p)
	out := make([]int, 0, len(p.members))
	for _, i := range b.arrival {
		if _, on := slices.BinarySearch(p.members, i); !on {
			continue
		}
		m := &b.members[i]
		at := slices.IndexFunc(out, func(j int) bool { return j > i })
		if at < 0 {
			at = len(out)
		}
		near := n.of(i)
		place, told := at, false
		for k := len(out) - 1; k >= at && !told; k-- {
			j := out[k]
			other := &b.members[j]
			foreign := other.Object.Namespace != m.Object.Namespace
			if !near(j) || other.Order != m.Order || !foreign && j > i {
				continue
			}
			mine, theirs := b.overlap(p, i, j)
			if mine == nil {
				continue
			}
			place = max(place, k+1)
			if told = foreign && j > i; told {
				b.noteBehind(i, j, mine, theirs)
			}
		}
		out = slices.Insert(out, place, i)
	}
	return out
}

// noteBehind tells a member whose rules are behind another's that joined earlier, though its name comes first.
func (b *build) noteBehind(i, j int, mine, theirs *intent.Route) {
	m, other := &b.members[i], b.members[j].Object
	remedy := "use another host or path"
	if m.Order > lowestOrder {
		remedy += fmt.Sprintf(", or a group.order below %d to come in front of it", m.Order)
	}
	b.note(i, diag.New(m.Object, at(mine.Source), diag.OverlappingRule,
		fmt.Sprintf("requests%s that %s matches, too (%s), are answered by that one, because it joined the group earlier",
			hostsAndPaths(mine.Conditions), other, theirs.Source.Path), remedy))
}

// noteOvertaken tells members whose rules are behind the same ones of another namespace's member that joined later with a lower group.order.
func (b *build) noteOvertaken(p *port) {
	if b.rank == nil {
		return
	}
	type owner struct {
		member int
		route  *intent.Route
	}
	first := map[string]owner{} // by hosts and paths
	for _, i := range p.members {
		m := &b.members[i]
		for x := range m.Routes {
			route := &m.Routes[x]
			if !b.onPort(p, i, route) || !onlyHostsAndPaths(route.Conditions) {
				continue
			}
			requests := hostsAndPaths(route.Conditions)
			front, met := first[requests]
			if !met {
				first[requests] = owner{i, route}
				continue
			}
			f := &b.members[front.member]
			if f.Object.Namespace == m.Object.Namespace || f.Order >= m.Order || b.rank[front.member] <= b.rank[i] {
				continue
			}
			b.note(i, diag.New(m.Object, at(route.Source), diag.OverlappingRule,
				fmt.Sprintf("requests%s are answered by %s (%s), which joined the group later, because it has the lower group.order (%d before %d)",
					requests, f.Object, front.route.Source.Path, f.Order, m.Order),
				"use another group.order or host, or say by spec.group.namespaceSelector of IngressClassParams who may join the group"))
		}
	}
}

// onlyHostsAndPaths reports whether hosts and paths, by patterns, are all that a rule demands.
func onlyHostsAndPaths(conditions []stack.Condition) bool {
	return !slices.ContainsFunc(conditions, func(c stack.Condition) bool {
		return c.Field != stack.HostHeader && c.Field != stack.PathPattern || len(c.Regex) > 0
	})
}

// lowestOrder is the least group.order.
const lowestOrder = -1000

// hostsAndPaths tell for which requests a rule is.
func hostsAndPaths(conditions []stack.Condition) (out string) {
	hosts, _ := valuesOf(conditions, stack.HostHeader)
	paths, _ := valuesOf(conditions, stack.PathPattern)
	if len(hosts) > 0 {
		out += " for host " + strings.Join(hosts, ", ")
	}
	if len(paths) > 0 {
		out += " with path " + strings.Join(paths, ", ")
	}
	return out
}

// overlap finds routes of two members of which rules of the port share requests, or may do so; nil = there are none.
func (b *build) overlap(p *port, i, j int) (mine, theirs *intent.Route) {
	for x := range b.members[i].Routes {
		mine = &b.members[i].Routes[x]
		if !b.onPort(p, i, mine) {
			continue
		}
		for y := range b.members[j].Routes {
			theirs = &b.members[j].Routes[y]
			if b.onPort(p, j, theirs) && !traffic.Disjoint(mine.Conditions, theirs.Conditions) {
				return mine, theirs
			}
		}
	}
	return nil, nil
}

// neighbours tells by hosts and by the first segments of paths which members of a port may share requests, so that few of a hundred
// need a closer look.
type neighbours struct{ hosts, segments alternatives }

func (b *build) neighbours(p *port) *neighbours {
	n := &neighbours{newAlternatives(), newAlternatives()}
	for _, i := range p.members {
		for x := range b.members[i].Routes {
			route := &b.members[i].Routes[x]
			if !b.onPort(p, i, route) {
				continue
			}
			hosts, regex := valuesOf(route.Conditions, stack.HostHeader)
			n.hosts.add(i, hosts, len(regex) > 0, func(h string) (string, bool) {
				return strings.ToLower(h), !strings.ContainsAny(h, wildcards)
			})
			paths, regex := valuesOf(route.Conditions, stack.PathPattern)
			n.segments.add(i, paths, len(regex) > 0, firstSegment)
		}
	}
	return n
}

// of tells which members may share requests with member i.
func (n *neighbours) of(i int) func(j int) bool {
	host, segment := n.hosts.with(i), n.segments.with(i)
	return func(j int) bool { return host(j) && segment(j) }
}

// wildcards are what patterns do not mean as they say it.
const wildcards = `*?\`

// firstSegment is what all paths that a pattern matches begin with up to their second slash; ok is false if they differ in it.
func firstSegment(pattern string) (segment string, ok bool) {
	rest, rooted := strings.CutPrefix(pattern, "/")
	segment, _, _ = strings.Cut(rest, "/")
	return segment, rooted && !strings.ContainsAny(segment, wildcards)
}

// alternatives are the texts that members' rules demand of one part of a request.
type alternatives struct {
	of  map[int][]string
	any map[int]bool // members with a rule that does not demand one of some texts
	who map[string][]int
}

func newAlternatives() alternatives {
	return alternatives{of: map[int][]string{}, any: map[int]bool{}, who: map[string][]int{}}
}

// add notes the patterns of one rule. text is what a pattern demands; ok is false if it admits several.
func (a *alternatives) add(i int, patterns []string, regex bool, text func(string) (key string, ok bool)) {
	a.any[i] = a.any[i] || len(patterns) == 0 || regex
	for _, p := range patterns {
		key, ok := text(p)
		if !ok {
			a.any[i] = true
			continue
		}
		if who := a.who[key]; len(who) == 0 || who[len(who)-1] != i {
			a.who[key] = append(who, i)
			a.of[i] = append(a.of[i], key)
		}
	}
}

// with tells which members' rules and those of member i may be met by the same text.
func (a *alternatives) with(i int) func(j int) bool {
	if a.any[i] {
		return func(int) bool { return true }
	}
	same := map[int]bool{}
	for _, key := range a.of[i] {
		for _, j := range a.who[key] {
			same[j] = true
		}
	}
	return func(j int) bool { return same[j] || a.any[j] }
}
