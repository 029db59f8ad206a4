// Package merge decides whose value holds of each setting that the members of a group share: the incumbent's, else the strictest, else
// the first by precedence. decision 2 has the rules as a table; protection.go has it as code.
// It knows values as text. Which settings there are, and what AWS holds of them, the caller says. It imports diag and intent.
package merge

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// Group is the members of a load balancer, and what is known of them from the last compilation.
type Group struct {
	Members []Member // in group order
	// Strict compares values only, as the existing controller does: what is in effect does not matter.
	Strict bool
	// Joinable: others can join, so that what is in effect matters. Others can join an explicit group only.
	Joinable bool
	// InEffect is what was in effect when the last compilation ended; nil = not known.
	InEffect map[string]Effect
	// Joined are the members of the last compilation, in the order in which they joined, and JoinedLater is how many of the last of
	// them joined others. It is not known which of the others was first.
	Joined      []diag.Object
	JoinedLater int
	// Exists reports whether AWS holds the load balancer, which the settings' own functions are then asked about.
	Exists func() bool
	// Note takes a finding about a member.
	Note func(member int, d diag.Diagnostic)
	// Settled is what this compilation puts into effect.
	Settled map[string]Effect
}

// Member is what precedence depends on.
type Member struct {
	Object    diag.Object
	Order     int32 // group.order
	Created   int64
	Authority intent.Authority
	Rejected  bool // its settings do not count
	LeftOut   bool // it is not sound; its settings count unless it is rejected
}

// Owned is a member's value of a setting; the member is -1 where the setting is not set.
type Owned[T any] struct {
	Member int
	intent.Field[T]
}

// Of is a field of a member.
func Of[T any](member int, f intent.Field[T]) Owned[T] { return Owned[T]{member, f} }

// Setting is how a shared setting is settled.
type Setting[T any] struct {
	Name string         // as in Group.InEffect; one of a listener has its port after an "@"
	What string         // as in "conflicting <what>"
	Text func(T) string // canonical: equal texts are equal values; nil = as fmt prints them
	Show func(T) string // nil = as fmt prints them, strings quoted
	// Quiet: an annotation that differs from class parameters is only noted.
	Quiet bool
	// Among are the members that share the setting; nil = all.
	Among []int
	// Fallback is the value that holds where no member sets one.
	Fallback string
	// Exists reports whether AWS holds a value, and ByDefault whether it holds the fallback. nil = that is not known.
	Exists    func(T) bool
	ByDefault func() bool
}

func (s *Setting[T]) text(v T) string {
	if s.Text != nil {
		return s.Text(v)
	}
	return fmt.Sprint(v)
}

func (s *Setting[T]) show(v T) string {
	if s.Show != nil {
		return s.Show(v)
	}
	if text, ok := any(v).(string); ok {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(v)
}

// Settle finds the candidate that holds. Each member with a different value gets a note that its own is ignored, which one holds, whose
// it is, and by which rule. ok is false if none holds.
func Settle[T any](g *Group, candidates []Owned[T], s Setting[T]) (holds Owned[T], ok bool) {
	holds = Owned[T]{Member: -1}
	if len(candidates) == 0 {
		return holds, false
	}
	q := question{setting: s.Name, among: s.Among, fallback: s.Fallback, byDefault: s.ByDefault}
	if q.among == nil {
		q.among = g.All()
	}
	for _, c := range candidates {
		q.bids = append(q.bids, bid{c.Member, c.Source.OfClass(), c.Source.Place(), s.text(c.Value)})
	}
	if s.Exists != nil {
		q.exists = func(i int) bool { return s.Exists(candidates[i].Value) }
	}
	r := g.decide(q)
	g.record(q, r)
	if r.winner >= 0 {
		holds = candidates[r.winner]
	}
	for i, c := range candidates {
		if r.winner >= 0 && (c.Member == holds.Member || q.bids[i].value == q.bids[r.winner].value) || r.winner < 0 && q.bids[i].value == q.fallback {
			continue
		}
		code := diag.ConflictingSettings
		if r.winner >= 0 && s.Quiet && q.bids[r.winner].class {
			code = diag.IgnoredSetting
		}
		shown := ""
		if r.winner >= 0 {
			shown = s.show(holds.Value)
		}
		why, remedy := g.explain(q, r, i, shown)
		o := g.Members[c.Member].Object
		g.Note(c.Member, diag.New(o, c.Source.Place(), code,
			fmt.Sprintf("conflicting %s: %s of %s is ignored, because %s", s.What, s.show(c.Value), o, why), remedy))
	}
	return holds, r.winner >= 0
}

// First is the index of the candidate that comes first where all have effect, so that there is no conflict: that of the member whose
// value is in effect, else the first in the list.
func First(g *Group, candidates []Owned[string], setting string, among []int) int {
	if len(candidates) == 0 {
		return 0
	}
	q := question{setting: setting, among: among}
	for _, c := range candidates {
		q.bids = append(q.bids, bid{c.Member, c.Source.OfClass(), c.Source.Place(), c.Value})
	}
	r := g.decide(q)
	if !r.incumbent && (!r.reserved || r.winner < 0) {
		r.winner = 0
	}
	g.record(q, r)
	return r.winner
}

// explain says what holds instead of a bid, whose it is, why, and what to do.
func (g *Group) explain(q question, r ruling, loser int, shown string) (why, remedy string) {
	if r.reserved && !g.maySet(q.bids[loser].member, q) {
		return "class parameters of the group leave what its members share to other namespaces",
			"remove it, or have it set on an Ingress of a namespace that spec.group.settingsNamespaces of the class parameters names"
	}
	if r.winner < 0 {
		o := g.Members[r.decider].Object
		return fmt.Sprintf("the group was built without one, and its default is changed only by Ingresses of namespace %s, whose %s is its oldest member", o.Namespace, o),
			fmt.Sprintf("have it set on an Ingress of namespace %s, or remove it here", o.Namespace)
	}
	x, y := q.bids[r.winner], q.bids[loser]
	why = fmt.Sprintf("%s has %s, and ", g.Members[x.member].Object, shown)
	p := protectionOf(q.setting)
	switch {
	case r.incumbent:
		return why + "what is in effect stays until it is changed there",
			"set the same value here, or have it changed there first"
	case !g.Strict && g.Joinable && p.tighter != nil && p.tighter(x.value, y.value):
		why += "of values that disagree the stricter one comes first"
	default:
		_, rule := g.before(x, y, p.guards && g.Joinable && !g.Strict)
		why += rule
	}
	return why, "set the same value on both, or leave it to one of them"
}
