package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ruleMatch pairs a wanted rule with the existing one that becomes it.
type ruleMatch struct {
	want   *stack.Rule
	have   *Rule // nil = create
	modify bool  // have's content differs
}

// rules plans the rules of one listener. Existing rules are recognised by what they match and do, not by number; what stays
// in order stays in place, the others move in one call. A rule whose content changes where it stands is modified there.
func (d *differ) rules(listener stack.Ref, l *Listener, want []stack.Rule) {
	var have []*Rule
	taken := map[int32]bool{} // by rules of somebody else, or kept ones
	if l != nil {
		for i := range d.obs.Rules {
			r := &d.obs.Rules[i]
			if r.Listener.Literal != l.ARN {
				continue
			}
			if d.kept[r.ARN] {
				taken[r.Priority] = true
				continue
			}
			have = append(have, r)
		}
		sort.SliceStable(have, func(i, j int) bool { return have[i].Priority < have[j].Priority })
	}
	want = slices.Clone(want)
	sort.SliceStable(want, func(i, j int) bool { return want[i].Order < want[j].Order })

	matches, left := d.matchRules(want, have)
	surplus := left[:0]
	for _, r := range left {
		if managed := l == nil || l.Tags == nil || !d.rulesTagged(want) || d.ours(r.Tags); managed {
			surplus = append(surplus, r)
		} else {
			taken[r.Priority] = true
		}
	}
	matches, surplus = modifyInPlace(matches, surplus)
	places, moves := positions(matches, surplus, taken)
	d.writeRules(listener, matches, places, moves, surplus)
}

// rulesTagged reports whether rules carry tags in this cluster.
func (d *differ) rulesTagged(want []stack.Rule) bool {
	for _, r := range want {
		if r.Tags != nil {
			return true
		}
	}
	return len(want) == 0 && d.tagged()
}

// matchRules finds for each wanted rule an existing one of the same content, else one with the same conditions. Equal
// ones are paired in order. What nobody took is left over.
func (d *differ) matchRules(want []stack.Rule, have []*Rule) (matches []ruleMatch, left []*Rule) {
	sticky := slices.ContainsFunc(want, func(r stack.Rule) bool { return managesStickiness(r.Actions) })
	conditions := make([]string, len(want))
	matches = make([]ruleMatch, len(want))
	exact, loose := map[string][]*Rule{}, map[string][]*Rule{}
	for _, r := range have {
		c := conditionsText(r.Conditions)
		loose[c] = append(loose[c], r)
		rest := transformsText(r.Transforms) + "|" + c
		exact[actionsText(r.Actions, literal, false)+rest] = append(exact[actionsText(r.Actions, literal, false)+rest], r)
		if sticky {
			k := "s" + actionsText(r.Actions, literal, true) + rest
			exact[k] = append(exact[k], r)
		}
	}
	used := map[*Rule]bool{}
	take := func(m map[string][]*Rule, key string) *Rule {
		for len(m[key]) > 0 {
			r := m[key][0]
			m[key] = m[key][1:]
			if !used[r] {
				used[r] = true
				return r
			}
		}
		return nil
	}
	for i := range want {
		w := &want[i]
		conditions[i] = conditionsText(w.Conditions)
		s := managesStickiness(w.Actions)
		key := actionsText(w.Actions, d.resolve, s) + transformsText(w.Transforms) + "|" + conditions[i]
		if s {
			key = "s" + key
		}
		matches[i] = ruleMatch{want: w, have: take(exact, key)}
	}
	for i := range matches {
		if matches[i].have == nil {
			matches[i].have = take(loose, conditions[i])
			matches[i].modify = matches[i].have != nil
		}
	}
	for _, r := range have {
		if !used[r] {
			left = append(left, r)
		}
	}
	return matches, left
}

// modifyInPlace lets a rule that nobody wants become a new one that belongs at the same place, between the same
// neighbours: one write instead of two, and no moment without either.
func modifyInPlace(matches []ruleMatch, surplus []*Rule) ([]ruleMatch, []*Rule) {
	if len(surplus) == 0 {
		return matches, surplus
	}
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
	if !arrange(places, taken) {
		// No room where it is needed: number all of them anew. What goes away is pushed behind in the same call.
		for i := range places {
			places[i].fixed = false
		}
		arrange(places, foreign)
	}
	for i, m := range matches {
		if m.have != nil && places[i].give != m.have.Priority {
			moves = append(moves, RulePriority{ruleAt(m.have), places[i].give})
		}
	}
	if len(moves) == 0 {
		return places, nil
	}
	return places, append(pushBehind(places, surplus, foreign), moves...)
}

// pushBehind moves rules that are about to be deleted behind all others, keeping their order, so that none of them
// overtakes a rule that moves.
func pushBehind(places []place, surplus []*Rule, foreign map[int32]bool) []RulePriority {
	last := int32(0)
	for _, p := range places {
		last = max(last, p.give)
	}
	var out []RulePriority
	at := int32(maxPriority)
	for i := len(surplus) - 1; i >= 0; i-- {
		for at > last && foreign[at] {
			at--
		}
		if at <= last {
			break
		}
		if surplus[i].Priority != at {
			out = append(out, RulePriority{ruleAt(surplus[i]), at})
		}
		at--
	}
	slices.Reverse(out)
	return out
}

func ruleAt(r *Rule) stack.Ref { return stack.Literal(stack.KindRule, r.ARN) }

// writeRules turns the decisions into steps: moves, then changes in place, then new rules, then deletions.
func (d *differ) writeRules(listener stack.Ref, matches []ruleMatch, places []place, moves []RulePriority, surplus []*Rule) {
	var moved StepID
	if len(moves) > 0 {
		moved = d.step(Update, listener, Vital, SetRulePriorities{listener, moves}, d.movesText(matches, places, len(moves))...).ID
	}
	var changed, fresh []StepID
	var order overlapping
	for i := range matches {
		m := &matches[i]
		if m.have == nil {
			r := stack.Ref{Kind: stack.KindRule, ID: m.want.ID}
			a := CreateRule{*m.want, places[i].give}
			s := d.step(Create, r, Vital, a, fmt.Sprintf("at %d: %s", places[i].give, d.ruleSummary(*m.want)))
			s.need(moved)
			s.follow(order.before(s.ID, m.want.Conditions)...)
			d.needFreed(s, m.want.Actions)
			fresh = append(fresh, s.ID)
			continue
		}
		r := stack.Ref{Kind: stack.KindRule, ID: or(m.have.ID, m.want.ID), Literal: m.have.ARN}
		if m.modify {
			op := ModifyRule{ruleAt(m.have), *m.want}
			op.Rule.Tags = nil
			s := d.step(Update, r, Vital, op, d.ruleChanges(m)...)
			s.follow(moved)
			s.follow(order.before(s.ID, m.want.Conditions)...)
			d.needFreed(s, m.want.Actions)
			d.release(m.have.Actions, s.ID)
			changed = append(changed, s.ID)
		}
		resource := naming.ResourceTag(d.plan.Key.Owner)
		if _, ok := m.have.Tags[resource]; ok { // a rule keeps the identity that it was born with
			d.tags(stack.Ref{Kind: stack.KindRule, ID: r.ID, Literal: m.have.ARN}, m.have.Tags, m.want.Tags, resource)
		} else {
			d.tags(stack.Ref{Kind: stack.KindRule, ID: r.ID, Literal: m.have.ARN}, m.have.Tags, m.want.Tags)
		}
	}
	for _, old := range surplus {
		r := stack.Ref{Kind: stack.KindRule, ID: old.ID, Literal: old.ARN}
		s := d.step(Delete, r, Normal, DeleteRule{ruleAt(old)}, d.ruleSummary(old.Rule)+" is not wanted any more")
		s.follow(moved)
		s.follow(changed...)
		s.follow(fresh...)
		d.release(old.Actions, s.ID)
	}
}

func (d *differ) movesText(matches []ruleMatch, places []place, total int) []string {
	var out []string
	for i, m := range matches {
		if m.have != nil && places[i].give != m.have.Priority {
			out = append(out, fmt.Sprintf("%s %d → %d", d.ruleSummary(*m.want), m.have.Priority, places[i].give))
		}
	}
	if n := total - len(out); n > 0 {
		out = append(out, fmt.Sprintf("%d to be deleted behind all others", n))
	}
	return out
}

func (d *differ) ruleChanges(m *ruleMatch) []string {
	var why []string
	if conditionsText(m.have.Conditions) != conditionsText(m.want.Conditions) {
		why = append(why, "matches "+conditionsSummary(m.have.Conditions)+" → "+conditionsSummary(m.want.Conditions))
	}
	if !sameActions(m.want.Actions, m.have.Actions, d.resolve) {
		why = append(why, d.actionsSummary(m.have.Actions)+" → "+d.actionsSummary(m.want.Actions))
	}
	if transformsText(m.have.Transforms) != transformsText(m.want.Transforms) {
		why = append(why, "transforms changed")
	}
	return why
}

func (d *differ) ruleSummary(r stack.Rule) string {
	return conditionsSummary(r.Conditions) + " → " + d.actionsSummary(r.Actions)
}

func conditionsSummary(cs []stack.Condition) string {
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		vs := append(slices.Clone(c.Values), c.Regex...)
		for _, q := range c.Query {
			vs = append(vs, "?"+q.Key+"="+q.Value)
		}
		name := ""
		switch c.Field {
		case stack.HostHeader, stack.PathPattern, stack.QueryString:
		case stack.HTTPHeader:
			name = c.HeaderName + ": "
		default:
			name = string(c.Field) + " "
		}
		parts = append(parts, name+strings.Join(vs, "|"))
	}
	return strings.Join(parts, " ")
}

// label is what people call a resource: its identity, else the name inside its ARN.
func (d *differ) label(r stack.Ref) string {
	if r.ID != "" {
		return r.ID
	}
	if id, ok := d.identities[r.Literal]; ok {
		return id
	}
	if parts := strings.Split(r.Literal, "/"); len(parts) == 3 {
		return parts[1]
	}
	return r.Literal
}
