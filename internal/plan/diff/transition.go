package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// transition is the way of one listener's rules from what they are to what is wanted. Whatever order its steps leave open, a
// request that gets the same answer before and after gets that answer all the time, because:
//
//   - A rule's successor is there before the rule goes. New rules are created first to last where they share requests, so that
//     none of them is met by what belongs to one in front of it.
//   - If the order changes, new rules are created behind all others, where they take nothing from anybody, and one atomic call
//     then puts everything in place, what is to be deleted behind all.
//   - A rule is modified only where no request can notice: see moment and rename. Else it is recreated.
//   - What goes away goes last to first where it shares requests, after the default actions became what they shall be.
type transition struct {
	d        *differ
	listener stack.Ref
	observed *elb.Listener // nil for a new one
	matches  []ruleMatch   // in the wanted order
	surplus  []*elb.Rule   // by priority
	foreign  map[int32]bool

	places []place
	moves  []elb.RulePriority // of existing rules
}

// freshRule is a step that makes a rule which was not there.
type freshRule struct {
	id         plan.StepID
	actions    []stack.Action
	conditions []stack.Condition
}

// rerouted is the step that gives a listener other default actions, if there is one.
type rerouted struct {
	id      plan.StepID
	actions []stack.Action
}

// settle decides which rules are modified and which recreated, and the priorities. Without rename no rule gets other
// conditions than it has.
func (t *transition) settle(rename bool) {
	matches, surplus := slices.Clone(t.matches), slices.Clone(t.surplus)
	if rename {
		t.rename()
	}
	t.places, t.moves = positions(t.matches, t.surplus, t.foreign)
	if len(t.moves) == 0 {
		return
	}
	t.matches, t.surplus = matches, surplus
	for {
		t.places, t.moves = positions(t.matches, t.surplus, t.foreign)
		if len(t.moves) == 0 || !t.recreate() {
			return
		}
	}
}

// recreate turns the modifications that a request could notice into creations and deletions; it reports whether there are any.
func (t *transition) recreate() bool {
	found := false
	for i := range t.matches {
		if m := &t.matches[i]; m.modify && t.moment(i) == never {
			t.surplus = append(t.surplus, m.have)
			m.have, m.modify, found = nil, false, true
		}
	}
	slices.SortStableFunc(t.surplus, func(a, b *elb.Rule) int { return int(a.Priority - b.Priority) })
	return found
}

// moment is when a rule that keeps its conditions may get other actions.
type moment int

const (
	never moment = iota
	beforeMoves
	afterMoves
)

// moment tells when rule i may be modified if others move. Afterwards it may if it meets no request that another rule in front
// of it answers today: then nobody in front of it leaves or moves behind it with which it shares requests. Before, likewise:
// nobody that shares requests with it comes or moves in front of it.
func (t *transition) moment(i int) moment {
	m := &t.matches[i]
	after, before := true, true
	for _, s := range t.surplus {
		after = after && (s.Priority > m.have.Priority || traffic.Disjoint(s.Conditions, m.have.Conditions))
	}
	for j := range t.matches {
		o := &t.matches[j]
		switch {
		case j == i:
		case o.have == nil:
			before = before && (j > i || traffic.Disjoint(o.want.Conditions, m.have.Conditions))
		case j > i && o.have.Priority < m.have.Priority:
			after = after && traffic.Disjoint(o.have.Conditions, m.have.Conditions)
		case j < i && o.have.Priority > m.have.Priority:
			before = before && traffic.Disjoint(o.have.Conditions, m.have.Conditions)
		}
	}
	switch {
	case after:
		return afterMoves
	case before:
		return beforeMoves
	}
	return never
}
