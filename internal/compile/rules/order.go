// Package rules orders the routes of a listener, splits routes that exceed ELB's limits into several rules, joins
// rules that one can replace, and drops rules that match no request. Its caller sets actions and identities. It is
// pure.
//
// The first rule that matches a request answers it. Members are ordered by group.order and name, as with the existing
// controller, with one exception: of two members with equal group.order, the one that joined later does not come before
// one of another namespace if their rules may match the same requests. Otherwise, a member could take over traffic by
// the choice of its name. docs/shared/rule-order.md describes this for users.
package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Listener is a listener with the routes of its members.
type Listener struct {
	Port     int32
	Protocol string
	Members  []Member // in group order
	// Arrival are the members of the group in the order in which they joined, as in merge.Group.Arrival; nil = the order
	// of the group applies.
	Arrival []int
	// Note records a finding about a member of the group.
	Note func(member int, d diag.Diagnostic)
}

// Member is a member of a group with its routes on a listener.
type Member struct {
	Index  int // in the group
	Object diag.Object
	Order  int32           // group.order
	Rank   int             // as in merge.Group.Ranks
	Routes []*intent.Route // in the order of the front end
}

// MemberRoute is a route with the index of its member in the group.
type MemberRoute struct {
	Member int
	Route  *intent.Route
}

// Order returns the routes of the listener in the order of their rules: by precedence, routes of equal precedence by
// member; advance says where guards come first. A member does not change the order of those that joined earlier: it is
// inserted at its place in the group, or behind the last member that must come first.
func (l *Listener) Order() []MemberRoute {
	l.noteOvertaken()
	var out []MemberRoute
	for _, i := range l.memberOrder() {
		m := &l.Members[i]
		for _, route := range m.Routes {
			out = append(out, MemberRoute{m.Index, route})
		}
	}
	slices.SortStableFunc(out, func(a, b MemberRoute) int { return slices.Compare(a.Route.Precedence, b.Route.Precedence) })
	l.advance(out)
	return out
}

// memberOrder are the indexes of Members in the order of their rules.
func (l *Listener) memberOrder() []int {
	out := make([]int, 0, len(l.Members))
	if l.Arrival == nil {
		for i := range l.Members {
			out = append(out, i)
		}
		return out
	}
	n := l.neighbours()
	for _, index := range l.Arrival {
		i, on := slices.BinarySearchFunc(l.Members, index, func(m Member, index int) int {
			return cmp.Compare(m.Index, index)
		})
		if !on {
			continue
		}
		m := &l.Members[i]
		at := slices.IndexFunc(out, func(j int) bool { return j > i })
		if at < 0 {
			at = len(out)
		}
		near := n.of(i)
		place, noted := at, false
		for k := len(out) - 1; k >= at && !noted; k-- {
			j := out[k]
			other := &l.Members[j]
			foreign := other.Object.Namespace != m.Object.Namespace
			if !near(j) || other.Order != m.Order || !foreign && j > i {
				continue
			}
			mine, theirs := overlapping(m, other)
			if mine == nil {
				continue
			}
			place = max(place, k+1)
			if noted = foreign && j > i; noted {
				l.noteBehind(m, other, mine, theirs)
			}
		}
		out = slices.Insert(out, place, i)
	}
	return out
}

// noteBehind notes on a member that its rules come after those of another one, which joined earlier, although its name
// comes first.
func (l *Listener) noteBehind(m, other *Member, mine, theirs *intent.Route) {
	remedy := "use another host or path"
	if m.Order > LowestOrder {
		remedy += fmt.Sprintf(", or a group.order below %d to come in front of it", m.Order)
	}
	l.Note(m.Index, diag.New(m.Object, mine.Source.Place(), diag.OverlappingRule,
		fmt.Sprintf("%[1]s (%[2]s) answers requests%[3]s, because %[1]s joined the group earlier", other.Object,
			theirs.Source.Path(), Requests(mine.Conditions)), remedy))
}

// noteOvertaken notes on members that their rules come after the same ones of a member of another namespace, which
// joined later with a lower group.order.
func (l *Listener) noteOvertaken() {
	if !slices.ContainsFunc(l.Members, func(m Member) bool { return m.Rank > 0 }) {
		return
	}
	type owner struct {
		member *Member
		route  *intent.Route
	}
	first := map[string]owner{} // by hosts and paths
	for i := range l.Members {
		m := &l.Members[i]
		for _, route := range m.Routes {
			if !onlyHostsAndPaths(route.Conditions) {
				continue
			}
			requests := Requests(route.Conditions)
			front, met := first[requests]
			if !met {
				first[requests] = owner{m, route}
				continue
			}
			f := front.member
			if f.Object.Namespace == m.Object.Namespace || f.Order >= m.Order || f.Rank <= m.Rank {
				continue
			}
			l.Note(m.Index, diag.New(m.Object, route.Source.Place(), diag.OverlappingRule,
				fmt.Sprintf("%[1]s (%[2]s) answers requests%[3]s, although %[1]s joined the group later, because it has the "+
					"lower group.order (%[4]d before %[5]d)",
					f.Object, front.route.Source.Path(), requests, f.Order, m.Order),
				"use another group.order or host, or restrict the namespaces of the group by spec.group.namespaceSelector of "+
					"IngressClassParams"))
		}
	}
}

// onlyHostsAndPaths reports whether a rule has conditions on hosts and paths only, by patterns.
func onlyHostsAndPaths(conditions []stack.Condition) bool {
	return !slices.ContainsFunc(conditions, func(c stack.Condition) bool {
		return c.Field != stack.HostHeader && c.Field != stack.PathPattern || len(c.Regex) > 0
	})
}

// LowestOrder is the lowest group.order.
const LowestOrder = -1000

// Requests describes the requests that a rule matches.
func Requests(conditions []stack.Condition) (out string) {
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

// overlapping finds routes of two members whose rules may match the same requests; nil = there are none.
func overlapping(m, other *Member) (mine, theirs *intent.Route) {
	for _, mine = range m.Routes {
		for _, theirs = range other.Routes {
			if !overlap.Disjoint(mine.Conditions, theirs.Conditions) {
				return mine, theirs
			}
		}
	}
	return nil, nil
}

// neighbours finds members of a port whose rules may match the same requests, by hosts and by the first segments of
// paths, so that only few of a hundred are compared in full.
type neighbours struct{ hosts, segments alternatives }

func (l *Listener) neighbours() *neighbours {
	n := &neighbours{newAlternatives(), newAlternatives()}
	for i := range l.Members {
		for _, route := range l.Members[i].Routes {
			hosts, regex := valuesOf(route.Conditions, stack.HostHeader)
			n.hosts.add(i, hosts, len(regex) > 0, func(h string) (string, bool) {
				return strings.ToLower(h), !strings.ContainsAny(h, overlap.Wildcards)
			})
			paths, regex := valuesOf(route.Conditions, stack.PathPattern)
			n.segments.add(i, paths, len(regex) > 0, firstSegment)
		}
	}
	return n
}

// of reports whether the rules of member i and of another one may match the same requests.
func (n *neighbours) of(i int) func(j int) bool {
	host, segment := n.hosts.with(i), n.segments.with(i)
	return func(j int) bool { return host(j) && segment(j) }
}

// firstSegment is the common first segment of all paths that a pattern matches; ok is false if they differ in it.
func firstSegment(pattern string) (segment string, ok bool) {
	rest, rooted := strings.CutPrefix(pattern, "/")
	segment, _, _ = strings.Cut(rest, "/")
	return segment, rooted && !strings.ContainsAny(segment, overlap.Wildcards)
}

// alternatives are the texts that members' rules require of one part of a request.
type alternatives struct {
	of      map[int][]string
	any     map[int]bool // members with a rule that matches texts beyond a list
	members map[string][]int
}

func newAlternatives() alternatives {
	return alternatives{of: map[int][]string{}, any: map[int]bool{}, members: map[string][]int{}}
}

// add adds the patterns of one rule. text is the text that a pattern requires; ok is false if the pattern matches
// several.
func (a *alternatives) add(i int, patterns []string, regex bool, text func(string) (key string, ok bool)) {
	a.any[i] = a.any[i] || len(patterns) == 0 || regex
	for _, p := range patterns {
		key, ok := text(p)
		if !ok {
			a.any[i] = true
			continue
		}
		if with := a.members[key]; len(with) == 0 || with[len(with)-1] != i {
			a.members[key] = append(with, i)
			a.of[i] = append(a.of[i], key)
		}
	}
}

// with reports whether the same text may match rules of member i and of another one.
func (a *alternatives) with(i int) func(j int) bool {
	if a.any[i] {
		return func(int) bool { return true }
	}
	same := map[int]bool{}
	for _, key := range a.of[i] {
		for _, j := range a.members[key] {
			same[j] = true
		}
	}
	return func(j int) bool { return same[j] || a.any[j] }
}
