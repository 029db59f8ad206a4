// Package merge resolves conflicts of settings that the members of a group share: the value in effect is the
// incumbent's, otherwise the strictest, otherwise the first by precedence. docs/shared/settings.md has the rules as a
// table, and protection.go as code. Values are texts here. Its caller has the settings and their values in AWS. It is
// pure.
package merge

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Group are the members of a load balancer, and what is known of them from the last compilation.
type Group struct {
	Members []Member // in group order
	// Strict compares values only, as the existing controller does: the values in effect do not matter.
	Strict bool
	// Joinable reports that further members can join, which is so for explicit groups only. Only then the values in effect
	// matter.
	Joinable bool
	// InEffect are the values in effect when the last compilation ended; nil = not known.
	InEffect map[string]Effect
	// Joined are the members of the last compilation, in the order in which they joined, and JoinedLater is how many of
	// the last of them joined others. The order of the others is not known.
	Joined      []diag.Object
	JoinedLater int
	// Exists reports whether the load balancer exists in AWS. Only then Setting.Exists and Setting.ByDefault are called.
	Exists func() bool
	// Note records a finding about a member.
	Note func(member int, d diag.Diagnostic)
	// SetAside sets a member aside for a value that it may not set; false if the value is only ignored, because the member
	// decides or is not built as it is. Nil = values are ignored.
	SetAside func(member int, d diag.Diagnostic) bool
	// NewEffect are the values that this compilation puts into effect.
	NewEffect map[string]Effect

	doubted  map[string]bool     // namespaces of which it is not known whether they decided before
	joinedAt map[diag.Object]int // places in Joined
	all      []int
	sharing  map[sharing]*incumbents
}

// Member has the properties of a member on which precedence depends.
type Member struct {
	Object    diag.Object
	Order     int32 // group.order
	Created   int64
	Authority intent.Authority
	// ClassOfGroup is true if the class parameters of the member name the group.
	ClassOfGroup bool
	Rejected     bool // its settings do not count
	LeftOut      bool // it is not valid; its settings count unless it is rejected
}

// Owned is a member's value of a setting; the member is -1 where the setting is not set.
type Owned[T any] struct {
	Member int
	intent.Field[T]
}

// Of returns a field of a member.
func Of[T any](member int, f intent.Field[T]) Owned[T] { return Owned[T]{member, f} }

// Setting describes a shared setting.
type Setting[T any] struct {
	Name string         // as in Group.InEffect; one of a listener has its port after an "@"
	What string         // as in "<what>: VALUE of OBJECT has no effect"
	Text func(T) string // canonical: equal texts are equal values; nil = as fmt prints them
	Show func(T) string // nil = as intent.Shown prints them, strings quoted
	// Quiet makes an annotation that differs from class parameters a note.
	Quiet bool
	// Among are the members that share the setting; nil = all.
	Among []int
	// Fallback is the value in effect if no member sets one.
	Fallback string
	// Exists reports whether AWS has a value, and ByDefault whether it has the fallback. nil = that is not known.
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
	return intent.Shown(v)
}

// Resolve finds the value in effect. Each member with a different value gets a note that its own is ignored, with the
// value in effect, its owner, and the rule that decided. ok is false if no member's value is in effect.
func Resolve[T any](g *Group, values []Owned[T], s *Setting[T]) (effective Owned[T], ok bool) {
	if len(values) == 0 {
		return Owned[T]{Member: -1}, false
	}
	q := newConflict(s.Name, s.Among, values, s.text)
	q.fallback, q.byDefault = s.Fallback, s.ByDefault
	if s.Exists != nil {
		q.exists = func(i int) bool { return s.Exists(values[i].Value) }
	}
	winner := g.settle(q, s.What, s.Quiet, func(i int) string { return s.show(values[i].Value) })
	if winner < 0 {
		return Owned[T]{Member: -1}, false
	}
	return values[winner], true
}

// mostShown is how much of a value a note has.
const mostShown = 1000

// settle returns the index of the candidate in effect, -1 if there is none, and notes at the members with other values
// that these are ignored. show is how a note has a candidate's value.
func (g *Group) settle(q *conflict, what string, quiet bool, show func(i int) string) (winner int) {
	if q.among == nil {
		q.among = g.All()
	}
	r := g.resolve(q)
	g.record(q, r)
	short := func(i int) string { // each of thousands of notes has the value in effect, and its own
		s := show(i)
		if len(s) > mostShown {
			s = strings.ToValidUTF8(s[:mostShown], "") + "…"
		}
		return s
	}
	shown, winning, owner := "", q.fallback, -1
	if r.winner >= 0 {
		shown, winning, owner = short(r.winner), q.candidates[r.winner].value, q.candidates[r.winner].member
	}
	for i, c := range q.candidates {
		if c.member == owner || c.value == winning {
			continue
		}
		code := diag.ConflictingSettings
		if r.winner >= 0 && quiet && q.candidates[r.winner].class {
			code = diag.IgnoredSetting
		}
		why, remedy := g.explain(q, r, i, shown)
		o := g.Members[c.member].Object
		if code == diag.ConflictingSettings && setsAside(q.setting) && g.SetAside != nil &&
			g.SetAside(c.member, diag.New(o, c.path, diag.SettingNotPermitted,
				fmt.Sprintf("%s: %s of %s is not allowed, because %s", what, short(i), o, why), remedy).In(
				diag.Route)) {
			continue
		}
		g.Note(c.member, diag.New(o, c.path, code,
			fmt.Sprintf("%s: %s of %s has no effect, because %s", what, short(i), o, why), remedy))
	}
	return r.winner
}

// Holder returns the index of the member that has something which one of the members only can have: the one that has it
// in effect, else the first by precedence. exists reports whether a member has it in AWS. why is the reason that
// another one, by its index, has it not.
func Holder(g *Group, members []int, setting string, exists func(member int) bool) (holder int,
	why func(other int) string) {
	values := make([]Owned[string], len(members))
	for at, i := range members {
		o := g.Members[i].Object
		values[at] = Of(i, intent.Of(o.String()+" "+o.UID, intent.At(o, "")))
	}
	q := newConflict(setting, members, values, func(s string) string { return s })
	q.exists, q.byDefault = func(at int) bool { return exists(members[at]) }, func() bool { return false }
	r := g.resolve(q)
	g.record(q, r)
	return r.winner, func(other int) string {
		if r.incumbent {
			return "which had it before"
		}
		_, rule := g.before(q.candidates[r.winner], q.candidates[other], false)
		return "because " + rule
	}
}

func newCandidate(member int, source intent.Source, value string) candidate {
	return candidate{member, source.OfClass(), source.Place(), value}
}

func newConflict[T any](setting string, among []int, values []Owned[T], text func(T) string) *conflict {
	q := &conflict{setting: setting, among: among, candidates: make([]candidate, len(values))}
	for i := range values {
		c := &values[i]
		q.candidates[i] = newCandidate(c.Member, c.Source, text(c.Value))
	}
	return q
}

// First returns the index of the value that comes first where all are used, so that there is no conflict: the one in
// effect, else the one that AWS has in front, else the first in the list.
func First(g *Group, values []Owned[string], setting string, among []int, exists func(value string) bool) int {
	if len(values) == 0 {
		return 0
	}
	q := newConflict(setting, among, values, func(s string) string { return s })
	q.follows = true
	q.exists, q.byDefault = func(at int) bool { return exists(values[at].Value) }, func() bool { return false }
	r := g.resolve(q)
	if !r.incumbent && (!r.reserved || r.winner < 0) {
		r.winner = 0
	}
	g.record(q, r)
	return r.winner
}

// explain is the reason that a candidate is ignored, with the value in effect and its owner, and the remedy. That a
// value is in effect is the reason only where no rule decides the same: else the text would change, and be another
// event, with the first compilation after the conflict.
func (g *Group) explain(q *conflict, r resolution, loser int, shown string) (why, remedy string) {
	if r.reserved && !g.maySet(q.candidates[loser].member, q) {
		return "the class parameters let only other namespaces set what the group shares",
			"remove it, or set it on an Ingress in a namespace that spec.group.settingsNamespaces of the class parameters lists"
	}
	if r.winner < 0 {
		o := g.Members[r.decider].Object
		one := "an Ingress"
		if o.Kind != "Ingress" {
			one = "a " + o.Kind
		}
		return fmt.Sprintf("the group has the default value, and only %s of namespace %s change it, because the oldest "+
				"member of the group is %s", diag.Plural(o.Kind), o.Namespace, o),
			fmt.Sprintf("set it on %s of namespace %s, or remove it here", one, o.Namespace)
	}
	x, y := q.candidates[r.winner], q.candidates[loser]
	why = fmt.Sprintf("%s has %s, and ", g.Members[x.member].Object, shown)
	p := protectionOf(q.setting)
	if g.Strict || !g.Joinable {
		p = protection{}
	}
	tighter := func(x, y candidate) bool { return p.stricter(x.value, y.value) }
	first, rule := g.before(x, y, p.restricts)
	switch {
	case tighter(x, y):
		rule = "the stricter value applies"
	case r.incumbent && (!first || tighter(y, x)):
		return why + "the value in effect stays until that object changes it",
			"set the same value, or change the value of the other object first"
	case !first && p.tighter != nil && !r.inherited:
		rule = "it is stricter than the value of an older member"
	}
	return why + rule, "set the same value on both objects, or set it on only one"
}
