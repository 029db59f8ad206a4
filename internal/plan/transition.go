package plan

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// transition is the way of one listener's rules from what they are to what is wanted. Whatever order its steps leave open, a
// request that gets the same answer before and after gets that answer all the time, because:
//
//   - A rule's successor is there before the rule goes. New rules are created first to last where they share requests, so that
//     none of them is met by what belongs to one in front of it.
//   - If the order changes, new rules are created behind all others, where they take nothing from anybody, and one atomic call
//     then puts everything in place, what is to be deleted behind all.
//   - A rule is modified only where no request can notice: see moment and rename. Else it is created anew.
//   - What goes away goes last to first where it shares requests, after the default actions became what they shall be.
type transition struct {
	d        *differ
	listener stack.Ref
	observed *Listener   // nil for a new one
	matches  []ruleMatch // in the wanted order
	surplus  []*Rule     // by priority
	foreign  map[int32]bool

	places []place
	moves  []RulePriority // of existing rules
}

// freshRule is a step that makes a rule which was not there.
type freshRule struct {
	id         StepID
	actions    []stack.Action
	conditions []stack.Condition
}

// rerouted is the step that gives a listener other default actions, if there is one.
type rerouted struct {
	id      StepID
	actions []stack.Action
}

// settle decides which rules are modified and which made anew, and the priorities. Without rename no rule gets other
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
		if len(t.moves) == 0 || !t.anew() {
			return
		}
	}
}

// anew turns the modifications that a request could notice into creations and deletions; it reports whether there are any.
func (t *transition) anew() bool {
	found := false
	for i := range t.matches {
		if m := &t.matches[i]; m.modify && t.moment(i) == never {
			t.surplus = append(t.surplus, m.have)
			m.have, m.modify, found = nil, false, true
		}
	}
	slices.SortStableFunc(t.surplus, func(a, b *Rule) int { return int(a.Priority - b.Priority) })
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
		after = after && (s.Priority > m.have.Priority || disjoint(s.Conditions, m.have.Conditions))
	}
	for j := range t.matches {
		o := &t.matches[j]
		switch {
		case j == i:
		case o.have == nil:
			before = before && (j > i || disjoint(o.want.Conditions, m.have.Conditions))
		case j > i && o.have.Priority < m.have.Priority:
			after = after && disjoint(o.have.Conditions, m.have.Conditions)
		case j < i && o.have.Priority > m.have.Priority:
			before = before && disjoint(o.have.Conditions, m.have.Conditions)
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

// mostRenamed bounds the pairwise comparisons of rename.
const mostRenamed = 1 << 20

// rename lets a rule that nobody wants become a new one that belongs at the same place, between the same neighbours: one
// write instead of two, if it shares no request with any other rule that comes, changes or goes. What answers its former
// requests is then there, and stays.
func (t *transition) rename() {
	if len(t.surplus) == 0 || len(t.surplus)*(len(t.surplus)+len(t.matches)) > mostRenamed {
		return
	}
	matches, surplus := inPlace(slices.Clone(t.matches), slices.Clone(t.surplus))
	changing := func(m *ruleMatch) bool { return m.have == nil || m.modify }
	for i := range matches {
		m := &matches[i]
		if t.matches[i].have == m.have {
			continue
		}
		old := m.have.Conditions
		apart := !slices.ContainsFunc(t.surplus, func(s *Rule) bool { return s != m.have && !disjoint(s.Conditions, old) })
		for j := range t.matches {
			o := &t.matches[j]
			apart = apart && (j == i || !changing(o) || disjoint(o.want.Conditions, old))
		}
		if _, cold := t.d.warming(m.have.Actions, m.want.Actions); len(cold) > 0 && !disjoint(m.want.Conditions, old) {
			apart = false // what it answered before it answers on, until its new targets are healthy
		}
		if !apart {
			surplus = append(surplus, m.have)
			m.have, m.modify = nil, false
		}
	}
	slices.SortStableFunc(surplus, func(a, b *Rule) int { return int(a.Priority - b.Priority) })
	t.matches, t.surplus = matches, surplus
}

// inPlace pairs rules that nobody wants with new ones between the same neighbours.
func inPlace(matches []ruleMatch, surplus []*Rule) ([]ruleMatch, []*Rule) {
	places := make([]place, len(matches))
	for i, m := range matches {
		if m.have != nil {
			places[i].have = m.have.Priority
		}
	}
	stay(places)
	next := 0
	var rest []*Rule
	lo := int32(0)
	for i := 0; i <= len(places); i++ {
		if i < len(places) && !places[i].fixed {
			continue
		}
		hi := int32(maxPriority + 1)
		if i < len(places) {
			hi = places[i].have
		}
		// The new rules of this stretch are those since the last fixed one.
		j := i - 1
		for j >= 0 && !places[j].fixed {
			j--
		}
		fresh := j + 1
		for next < len(surplus) && surplus[next].Priority < hi {
			r := surplus[next]
			next++
			for fresh < i && matches[fresh].have != nil {
				fresh++
			}
			if r.Priority > lo && fresh < i {
				matches[fresh].have, matches[fresh].modify = r, true
				fresh++
				continue
			}
			rest = append(rest, r)
		}
		lo = hi
	}
	return matches, append(rest, surplus[next:]...)
}

// positions decides the priorities: those that wanted rules get, and the moves that make room.
func positions(matches []ruleMatch, surplus []*Rule, foreign map[int32]bool) (places []place, moves []RulePriority) {
	places = make([]place, len(matches))
	for i, m := range matches {
		if m.have != nil {
			places[i].have = m.have.Priority
		}
	}
	stay(places)
	taken := map[int32]bool{}
	for p := range foreign {
		taken[p] = true
	}
	for _, r := range surplus {
		taken[r.Priority] = true
	}
	moved := func() []RulePriority {
		var out []RulePriority
		for i, m := range matches {
			if m.have != nil && places[i].give != m.have.Priority {
				out = append(out, RulePriority{ruleAt(m.have), places[i].give})
			}
		}
		return out
	}
	if arrange(places, taken, maxPriority+1) {
		if moves = moved(); len(moves) == 0 {
			return places, nil
		}
		if behind, ok := pushBehind(places, surplus, foreign, false); ok {
			return places, append(behind, moves...)
		}
	}
	// No room where it is needed: number all of them anew, and leave some behind for what goes away.
	for i := range places {
		places[i].fixed = false
	}
	arrange(places, foreign, maxPriority+1-int32(len(surplus)))
	behind, _ := pushBehind(places, surplus, foreign, false)
	return places, append(behind, moved()...)
}

// pushBehind moves rules that are about to be deleted behind all others, keeping their order, so that none of them
// overtakes a rule that moves; it reports whether there is room for them. With all, those are listed as well that are there
// already.
func pushBehind(places []place, surplus []*Rule, foreign map[int32]bool, all bool) (moves []RulePriority, ok bool) {
	last := int32(0)
	for _, p := range places {
		last = max(last, p.give)
	}
	at := int32(maxPriority)
	for i := len(surplus) - 1; i >= 0; i-- {
		for at > last && foreign[at] {
			at--
		}
		if at <= last {
			return nil, false
		}
		if all || surplus[i].Priority != at {
			moves = append(moves, RulePriority{ruleAt(surplus[i]), at})
		}
		at--
	}
	slices.Reverse(moves)
	return moves, true
}

func ruleAt(r *Rule) stack.Ref { return stack.Literal(stack.KindRule, r.ARN) }

func newRule(w *stack.Rule) stack.Ref { return stack.Ref{Kind: stack.KindRule, ID: w.ID} }

// write turns the decisions into steps: new rules and changes in place, moves, the listener's own change, deletions.
func (t *transition) write(between func([]freshRule) rerouted) {
	var w ruleWriter
	w.transition = t
	if len(t.moves) > 0 {
		w.makeRoom()
	}
	w.warm()
	for i := range t.matches {
		m := &t.matches[i]
		switch {
		case m.have == nil:
			w.create(i)
		case m.modify && conditionsText(m.have.Conditions) != conditionsText(m.want.Conditions):
			w.renameRule(i)
		case m.modify && len(t.moves) == 0, m.modify && t.moment(i) == beforeMoves:
			w.changed = append(w.changed, w.change(i))
		}
	}
	if len(t.moves) > 0 {
		w.move()
		for i := range t.matches {
			if m := &t.matches[i]; m.modify && t.moment(i) == afterMoves {
				w.change(i)
			}
		}
	}
	w.unstage()
	for i := range t.matches {
		t.d.ruleTags(&t.matches[i])
	}
	w.remove(between(w.fresh))
}

// ruleWriter makes the steps of a transition and remembers what depends on what.
type ruleWriter struct {
	*transition
	order   overlapping
	fresh   []freshRule
	changed []changedRule // before the moves
	at      map[int]int32 // where new rules are created if others move, by index
	shifted StepID        // makes room behind all others
	moved   StepID

	today   []*Rule // what is there before the plan, by priority; nil = not looked at
	staged  []stagedRule
	cold    [][]stack.Ref // target groups that a change must wait for, by index
	awaited map[stack.Ref]StepID
}

type changedRule struct {
	id   StepID
	rule *Rule
}

// makeRoom chooses the numbers behind all others at which new rules are created; those that belong there get their own.
func (w *ruleWriter) makeRoom() {
	var fresh []int
	for i := range w.matches {
		if w.matches[i].have == nil {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 {
		return
	}
	existing := w.existing()
	free := w.behind(existing, len(fresh))
	if free == nil { // the end is taken: close the gaps, which no request notices
		existing = w.shift(existing)
		if free = w.behind(existing, len(fresh)); free == nil {
			return
		}
	}
	w.at = map[int]int32{}
	end := int32(maxPriority + 1)
	k := len(fresh) - 1
	for ; k >= 0; k-- {
		give := w.places[fresh[k]].give
		if give < free[k] || give >= end {
			break
		}
		w.at[fresh[k]], end = give, give
	}
	for ; k >= 0; k-- {
		w.at[fresh[k]] = free[k]
	}
}

// existing lists the rules of ours that are there, by priority.
func (w *ruleWriter) existing() []*Rule {
	out := slices.Clone(w.surplus)
	for i := range w.matches {
		if h := w.matches[i].have; h != nil {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *Rule) int { return int(a.Priority - b.Priority) })
	return out
}

// behind lists n free numbers behind existing rules; nil if there are too few.
func (w *ruleWriter) behind(existing []*Rule, n int) []int32 {
	at := int32(0)
	if len(existing) > 0 {
		at = existing[len(existing)-1].Priority
	}
	var out []int32
	for at++; at <= maxPriority && len(out) < n; at++ {
		if !w.foreign[at] {
			out = append(out, at)
		}
	}
	if len(out) < n {
		return nil
	}
	return out
}

// shift closes the gaps between the existing rules, in one call, and returns them as they are then. None passes a rule of
// somebody else.
func (w *ruleWriter) shift(existing []*Rule) []*Rule {
	var moves []RulePriority
	out := make([]*Rule, len(existing))
	at := int32(0)
	for i, r := range existing {
		for p := r.Priority - 1; p > at; p-- {
			if w.foreign[p] {
				at = p
			}
		}
		at++
		c := *r
		c.Priority = at
		out[i] = &c
		if at != r.Priority {
			moves = append(moves, RulePriority{ruleAt(r), at})
		}
	}
	w.shifted = w.d.step(Update, w.listener, Vital, SetRulePriorities{w.listener, moves}, "close gaps, so that new rules find room behind all others").ID
	w.moves, _ = pushBehind(w.places, w.surplus, w.foreign, true)
	for i, m := range w.matches {
		if m.have != nil {
			w.moves = append(w.moves, RulePriority{ruleAt(m.have), w.places[i].give})
		}
	}
	return out
}

func (w *ruleWriter) create(i int) {
	m, d := &w.matches[i], w.d
	at := w.places[i].give
	if p, ok := w.at[i]; ok {
		at = p
	}
	rule := *m.want
	if first, transforms, staged := w.likeBefore(&rule); first != nil {
		rule.Actions, rule.Transforms, staged.want = first, transforms, m.want
		w.staged = append(w.staged, staged)
	}
	s := d.step(Create, newRule(m.want), Vital, CreateRule{rule, at}, fmt.Sprintf("at %d: %s", at, d.ruleSummary(rule)))
	s.need(w.shifted)
	s.follow(w.order.before(s.ID, m.want.Conditions)...)
	d.needFreed(s, rule.Actions)
	d.made[newRule(m.want)] = s.ID
	w.fresh = append(w.fresh, freshRule{s.ID, m.want.Actions, m.want.Conditions})
}

// renameRule gives a rule other conditions; for requests, that is a new rule.
func (w *ruleWriter) renameRule(i int) {
	m, d := &w.matches[i], w.d
	s := d.modifyRule(m, ModifyRule{ruleAt(m.have), *m.want}, d.ruleChanges(m)...)
	s.follow(w.order.before(s.ID, m.want.Conditions)...)
	d.release(m.have.Actions, s.ID)
	w.fresh = append(w.fresh, freshRule{s.ID, m.want.Actions, m.want.Conditions})
}

// change gives a rule other actions.
func (w *ruleWriter) change(i int) changedRule {
	m, d := &w.matches[i], w.d
	s := d.modifyRule(m, ModifyRule{ruleAt(m.have), *m.want}, d.ruleChanges(m)...)
	s.need(w.moved)
	s.needAll(w.awaited, w.cold[i])
	if len(w.moves) == 0 {
		s.follow(w.order.sharing(m.want.Conditions)...)
	}
	d.release(m.have.Actions, s.ID)
	return changedRule{s.ID, m.have}
}

func (d *differ) modifyRule(m *ruleMatch, op ModifyRule, why ...string) *Step {
	op.Rule.Tags = nil
	s := d.step(Update, stack.Ref{Kind: stack.KindRule, ID: or(m.have.ID, m.want.ID), Literal: m.have.ARN}, Vital, op, why...)
	d.needFreed(s, op.Rule.Actions)
	return s
}

// move puts everything in place with one call.
func (w *ruleWriter) move() {
	d := w.d
	moves := w.moves
	for i := range w.matches {
		if p, ok := w.at[i]; ok && p != w.places[i].give {
			moves = append(moves, RulePriority{newRule(w.matches[i].want), w.places[i].give})
		}
	}
	s := d.step(Update, w.listener, Vital, SetRulePriorities{w.listener, moves}, d.movesText(w.matches, w.places, w.surplus, w.moves)...)
	for _, f := range w.fresh {
		s.follow(f.id)
	}
	for _, c := range w.changed {
		s.need(c.id)
	}
	s.need(w.shifted)
	w.moved = s.ID
}

func (d *differ) ruleTags(m *ruleMatch) {
	if m.have == nil {
		return
	}
	r := stack.Ref{Kind: stack.KindRule, ID: or(m.have.ID, m.want.ID), Literal: m.have.ARN}
	resource := naming.ResourceTag(d.plan.Key.Owner)
	if _, ok := m.have.Tags[resource]; ok { // a rule keeps the identity that it was born with
		d.tags(r, m.have.Tags, m.want.Tags, resource)
	} else {
		d.tags(r, m.have.Tags, m.want.Tags)
	}
}

// remove deletes what nobody wants, last to first where it shares requests.
func (w *ruleWriter) remove(rerouted rerouted) {
	d := w.d
	var order overlapping
	for i := len(w.surplus) - 1; i >= 0; i-- {
		old := w.surplus[i]
		r := stack.Ref{Kind: stack.KindRule, ID: old.ID, Literal: old.ARN}
		s := d.step(Delete, r, Normal, DeleteRule{ruleAt(old)}, d.ruleSummary(old.Rule)+" is not wanted any more")
		s.need(w.moved)
		if rerouted.id != "" && sameAnswer(rerouted.actions, old.Actions, d.resolve) {
			s.need(rerouted.id)
		}
		for _, f := range w.fresh {
			if !disjoint(f.conditions, old.Conditions) {
				s.need(f.id)
			}
		}
		for _, c := range w.changed {
			if c.rule.Priority > old.Priority && !disjoint(c.rule.Conditions, old.Conditions) {
				s.need(c.id)
			}
		}
		s.follow(order.before(s.ID, old.Conditions)...)
		d.release(old.Actions, s.ID)
	}
}

func (d *differ) movesText(matches []ruleMatch, places []place, surplus []*Rule, moves []RulePriority) []string {
	var out []string
	for i, m := range matches {
		if m.have != nil && places[i].give != m.have.Priority {
			out = append(out, fmt.Sprintf("%s %d → %d", d.ruleSummary(*m.want), m.have.Priority, places[i].give))
		}
	}
	behind := 0
	for _, r := range surplus {
		if slices.ContainsFunc(moves, func(m RulePriority) bool { return m.Rule == ruleAt(r) }) {
			behind++
		}
	}
	if behind > 0 {
		out = append(out, fmt.Sprintf("%d to be deleted behind all others", behind))
	}
	return out
}
