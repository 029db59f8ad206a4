package rules

import (
	"cmp"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Claim is a rule of a port that claims room in a load balancer, with what decides who has it.
type Claim struct {
	*Rule
	Port      int32
	Stands    bool // a rule that AWS has gives its place to the claim
	Seniority int  // of the member: the lower joined earlier
	Namespace string
	// Decides reports that the namespace decides what the members of the group share.
	Decides bool
}

// Room is how much a load balancer may have, and what its default actions have of it.
type Room struct {
	Rules        int
	TargetGroups int
	Taken        map[stack.Ref]bool // target groups that default actions forward to
	Open         map[int32]bool     // ports whose default actions forward whatever no rule matches, without a login
	Defaults     map[int32]string   // the namespaces that declare the default actions of ports
}

// Fitting says who has room.
type Fitting struct {
	LeftOut []bool         // by claim
	Closed  map[int32]bool // ports whose default actions must not forward, because a rule that guards is left out
}

// Fit leaves out the rules that exceed the room: first rules that do not exist yet, then rules of the members that
// joined last, and within a member its last rules. The claims of a port are in the order of its rules.
//
// Protected requests stay protected. If Fit left out a rule with a login, a redirect or a fixed response, a later
// rule or the default action of its namespace might forward its requests. Such a rule therefore comes before all rules
// of its namespace that only forward. If there is still no room for it, Fit also leaves out the rules that would
// forward its requests. Rules of other namespaces keep their room: they answer what they answer without the rule. Only
// rules of a namespace that decides come before those of others.
func Fit(claims []Claim, room Room) Fitting {
	f := fitter{claims: claims, room: room, rank: ranked(claims), must: map[int]bool{}, banned: map[int]bool{},
		compared: map[string]int{}, closed: map[int32]bool{}}
	for {
		left := f.fill()
		if !f.close(left) {
			return Fitting{left, f.closed}
		}
	}
}

type fitter struct {
	claims   []Claim
	compared map[string]int // how many pairs of claims were compared for those of a namespace that guard
	room     Room
	rank     []int        // indexes of claims, from the one that has room first
	must     map[int]bool // claims that guard and go first
	banned   map[int]bool // claims that would forward what a rule guards that has no room
	closed   map[int32]bool
}

// ranked are the indexes of claims in the order in which they have room.
func ranked(claims []Claim) []int {
	type place struct {
		port   int32
		member int
	}
	out, depth, met := make([]int, len(claims)), make([]int, len(claims)), map[place]int{}
	for i := range claims {
		at := place{claims[i].Port, claims[i].Member}
		out[i], depth[i] = i, met[at]
		met[at]++
	}
	stands := func(i int) int {
		if claims[i].Stands {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(i, j int) int {
		return cmp.Or(stands(i)-stands(j), claims[i].Seniority-claims[j].Seniority, claims[i].Member-claims[j].Member,
			depth[i]-depth[j])
	})
	return out
}

// order are the indexes of claims in the order in which they have room, those that must go first before others of their
// namespace.
func (f *fitter) order() []int {
	out := make([]int, 0, len(f.rank))
	for _, i := range f.rank {
		if f.must[i] && f.claims[i].Decides {
			out = append(out, i)
		}
	}
	of := map[string][]int{} // those of a namespace in their order
	for _, guards := range []bool{true, false} {
		for _, i := range f.rank {
			if f.must[i] == guards && (!guards || !f.claims[i].Decides) {
				of[f.claims[i].Namespace] = append(of[f.claims[i].Namespace], i)
			}
		}
	}
	for _, i := range f.rank {
		if f.must[i] && f.claims[i].Decides {
			continue
		}
		n := f.claims[i].Namespace
		out, of[n] = append(out, of[n][0]), of[n][1:]
	}
	return out
}

// fill gives room to one claim after the other.
func (f *fitter) fill() (left []bool) {
	left = make([]bool, len(f.claims))
	n, groups := 0, maps.Clone(f.room.Taken)
	if groups == nil {
		groups = map[stack.Ref]bool{}
	}
	for _, i := range f.order() {
		var more []stack.Ref
		for _, g := range TargetGroups(f.claims[i].Actions) {
			if !groups[g] && !slices.Contains(more, g) {
				more = append(more, g)
			}
		}
		if left[i] = f.banned[i] || n >= f.room.Rules || len(more) > 0 && len(groups)+
			len(more) > f.room.TargetGroups; left[i] {
			continue
		}
		n++
		for _, g := range more {
			groups[g] = true
		}
	}
	return left
}

// close has the rules that are left out and guard what others would forward go first, or closes what would. It reports
// whether it changed anything.
func (f *fitter) close(left []bool) (changed bool) {
	var forwarding []int // the claims with room that forward: few, however many are left out
	for j := range f.claims {
		if !left[j] && f.claims[j].forwards() {
			forwarding = append(forwarding, j)
		}
	}
	for i := range f.claims {
		if !left[i] || !f.claims[i].guards() {
			continue
		}
		behind, open := f.forwards(i, forwarding)
		switch {
		case len(behind) == 0 && !open:
		case !f.must[i]:
			f.must[i], changed = true, true
		default:
			for _, j := range behind {
				f.banned[j] = true
			}
			if open {
				f.closed[f.claims[i].Port] = true
			}
			changed = true
		}
	}
	return changed
}

// forwards returns the claims with room that would forward requests of claim i, and whether the default action would,
// as far as claim i goes before them. If a namespace has too many that guard, none of its claims forwards behind them.
func (f *fitter) forwards(i int, forwarding []int) (behind []int, open bool) {
	c := &f.claims[i]
	for _, j := range forwarding {
		d := &f.claims[j]
		if j <= i || d.Port != c.Port || !c.precedes(d.Namespace) {
			continue
		}
		f.compared[c.Namespace]++
		if many := f.compared[c.Namespace] > mostCompared && c.Namespace == d.Namespace; many ||
			!overlap.Disjoint(c.Conditions, d.Conditions) {
			behind = append(behind, j)
		}
	}
	return behind, f.room.Open[c.Port] && !f.closed[c.Port] && c.precedes(f.room.Defaults[c.Port])
}

// precedes reports whether the claim, if it guards, goes before those of a namespace.
func (c *Claim) precedes(namespace string) bool { return c.Decides || c.Namespace == namespace }

// declared reports whether a rule is declared to do more, or other, than forward requests.
func (c *Claim) declared() bool {
	return len(c.Route.Authentication) > 0 || slices.ContainsFunc(c.Route.Actions,
		func(a intent.Action) bool { return a.Type != stack.ActionForward })
}

// guards reports whether a rule is declared to keep requests from being merely forwarded, and does. One that answers
// with an error only because its member is invalid guards nothing.
func (c *Claim) guards() bool { return c.declared() && !c.forwards() }

// forwards reports whether a rule forwards every request that it matches. What a rule that is kept does in AWS is taken
// from its route.
func (c *Claim) forwards() bool {
	if c.Keep {
		return !c.declared()
	}
	return OnlyForward(c.Actions)
}

// OnlyForward reports whether actions do nothing but forward requests.
func OnlyForward(actions []stack.Action) bool {
	return !slices.ContainsFunc(actions, func(a stack.Action) bool { return a.Type != stack.ActionForward })
}

// TargetGroups returns the target groups to which actions forward.
func TargetGroups(actions []stack.Action) (out []stack.Ref) {
	for _, a := range actions {
		if a.Forward != nil {
			for _, g := range a.Forward.TargetGroups {
				out = append(out, g.TargetGroup)
			}
		}
	}
	return out
}
