package diff

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

func ruleAt(r *elb.Rule) stack.Ref { return stack.Literal(stack.KindRule, r.ARN) }

func newRule(w *stack.Rule) stack.Ref { return stack.Ref{Kind: stack.KindRule, ID: w.ID} }

// write turns the decisions into steps: new rules and changes in place, moves, the listener's own change, deletions.
func (t *transition) write(between func([]freshRule) rerouted) {
	var w ruleWriter
	w.transition = t
	if len(t.moves) > 0 {
		w.makeRoom()
	}
	w.prewarm()
	for i := range t.matches {
		m := &t.matches[i]
		switch {
		case m.have == nil:
			w.create(i)
		case m.modify && canonical.Conditions(m.have.Conditions) != canonical.Conditions(m.want.Conditions):
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
	shifted plan.StepID   // makes room behind all others
	moved   plan.StepID

	today   []*elb.Rule // what is there before the plan, by priority; nil = not looked at
	staged  []stagedRule
	cold    [][]stack.Ref // target groups that a change must wait for, by index
	awaited map[stack.Ref]plan.StepID
}

type changedRule struct {
	id   plan.StepID
	rule *elb.Rule
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
func (w *ruleWriter) existing() []*elb.Rule {
	out := slices.Clone(w.surplus)
	for i := range w.matches {
		if h := w.matches[i].have; h != nil {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b *elb.Rule) int { return int(a.Priority - b.Priority) })
	return out
}

// behind lists n free numbers behind existing rules; nil if there are too few.
func (w *ruleWriter) behind(existing []*elb.Rule, n int) []int32 {
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
func (w *ruleWriter) shift(existing []*elb.Rule) []*elb.Rule {
	var moves []elb.RulePriority
	out := make([]*elb.Rule, len(existing))
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
			moves = append(moves, elb.RulePriority{Rule: ruleAt(r), Priority: at})
		}
	}
	w.shifted = w.d.step(plan.Update, w.listener, plan.Vital, elb.SetRulePriorities{Listener: w.listener, Priorities: moves}, "close gaps, so that new rules find room behind all others").ID
	w.moves, _ = pushBehind(w.places, w.surplus, w.foreign, true)
	for i, m := range w.matches {
		if m.have != nil {
			w.moves = append(w.moves, elb.RulePriority{Rule: ruleAt(m.have), Priority: w.places[i].give})
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
	if first, transforms, staged := w.sameAsObserved(&rule); first != nil {
		rule.Actions, rule.Transforms, staged.want = first, transforms, m.want
		w.staged = append(w.staged, staged)
	}
	s := d.step(plan.Create, newRule(m.want), plan.Vital, elb.CreateRule{Rule: rule, Priority: at}, fmt.Sprintf("at %d: %s", at, d.ruleSummary(rule)))
	s.Need(w.shifted)
	s.Follow(w.order.before(s.ID, m.want.Conditions)...)
	d.needFreed(s, rule.Actions)
	d.made[newRule(m.want)] = s.ID
	w.fresh = append(w.fresh, freshRule{s.ID, m.want.Actions, m.want.Conditions})
}

// renameRule gives a rule other conditions; for requests, that is a new rule.
func (w *ruleWriter) renameRule(i int) {
	m, d := &w.matches[i], w.d
	s := d.modifyRule(m, elb.ModifyRule{Ref: ruleAt(m.have), Rule: *m.want}, d.ruleChanges(m)...)
	s.Follow(w.order.before(s.ID, m.want.Conditions)...)
	d.release(m.have.Actions, s.ID)
	w.fresh = append(w.fresh, freshRule{s.ID, m.want.Actions, m.want.Conditions})
}

// change gives a rule other actions.
func (w *ruleWriter) change(i int) changedRule {
	m, d := &w.matches[i], w.d
	s := d.modifyRule(m, elb.ModifyRule{Ref: ruleAt(m.have), Rule: *m.want}, d.ruleChanges(m)...)
	s.Need(w.moved)
	needAll(s, w.awaited, w.cold[i])
	if len(w.moves) == 0 {
		s.Follow(w.order.sharing(m.want.Conditions)...)
	}
	d.release(m.have.Actions, s.ID)
	return changedRule{s.ID, m.have}
}

func (d *differ) modifyRule(m *ruleMatch, op elb.ModifyRule, why ...string) *plan.Step {
	op.Rule.Tags = nil
	s := d.step(plan.Update, stack.Ref{Kind: stack.KindRule, ID: cmp.Or(m.have.ID, m.want.ID), Literal: m.have.ARN}, plan.Vital, op, why...)
	d.needFreed(s, op.Rule.Actions)
	return s
}

// move puts everything in place with one call.
func (w *ruleWriter) move() {
	d := w.d
	moves := w.moves
	for i := range w.matches {
		if p, ok := w.at[i]; ok && p != w.places[i].give {
			moves = append(moves, elb.RulePriority{Rule: newRule(w.matches[i].want), Priority: w.places[i].give})
		}
	}
	s := d.step(plan.Update, w.listener, plan.Vital, elb.SetRulePriorities{Listener: w.listener, Priorities: moves}, d.movesText(w.matches, w.places, w.surplus, w.moves)...)
	for _, f := range w.fresh {
		s.Follow(f.id)
	}
	for _, c := range w.changed {
		s.Need(c.id)
	}
	s.Need(w.shifted)
	w.moved = s.ID
}

func (d *differ) ruleTags(m *ruleMatch) {
	if m.have == nil {
		return
	}
	r := stack.Ref{Kind: stack.KindRule, ID: cmp.Or(m.have.ID, m.want.ID), Literal: m.have.ARN}
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
		s := d.step(plan.Delete, r, plan.Normal, elb.DeleteRule{Rule: ruleAt(old)}, d.ruleSummary(old.Rule)+" is not wanted any more")
		s.Need(w.moved)
		if rerouted.id != "" && sameAnswer(rerouted.actions, old.Actions, d.resolve) {
			s.Need(rerouted.id)
		}
		for _, f := range w.fresh {
			if !traffic.Disjoint(f.conditions, old.Conditions) {
				s.Need(f.id)
			}
		}
		for _, c := range w.changed {
			if c.rule.Priority > old.Priority && !traffic.Disjoint(c.rule.Conditions, old.Conditions) {
				s.Need(c.id)
			}
		}
		s.Follow(order.before(s.ID, old.Conditions)...)
		d.release(old.Actions, s.ID)
	}
}

func (d *differ) movesText(matches []ruleMatch, places []place, surplus []*elb.Rule, moves []elb.RulePriority) []string {
	var out []string
	for i, m := range matches {
		if m.have != nil && places[i].give != m.have.Priority {
			out = append(out, fmt.Sprintf("%s %d → %d", d.ruleSummary(*m.want), m.have.Priority, places[i].give))
		}
	}
	behind := 0
	for _, r := range surplus {
		if slices.ContainsFunc(moves, func(m elb.RulePriority) bool { return m.Rule == ruleAt(r) }) {
			behind++
		}
	}
	if behind > 0 {
		out = append(out, fmt.Sprintf("%d to be deleted behind all others", behind))
	}
	return out
}
