package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

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
		apart := !slices.ContainsFunc(t.surplus, func(s *elb.Rule) bool { return s != m.have && !traffic.Disjoint(s.Conditions, old) })
		for j := range t.matches {
			o := &t.matches[j]
			apart = apart && (j == i || !changing(o) || traffic.Disjoint(o.want.Conditions, old))
		}
		if _, cold := t.d.prewarming(m.have.Actions, m.want.Actions); len(cold) > 0 && !traffic.Disjoint(m.want.Conditions, old) {
			apart = false // what it answered before it answers on, until its new targets are healthy
		}
		if !apart {
			surplus = append(surplus, m.have)
			m.have, m.modify = nil, false
		}
	}
	slices.SortStableFunc(surplus, func(a, b *elb.Rule) int { return int(a.Priority - b.Priority) })
	t.matches, t.surplus = matches, surplus
}

// inPlace pairs rules that nobody wants with new ones between the same neighbours.
func inPlace(matches []ruleMatch, surplus []*elb.Rule) ([]ruleMatch, []*elb.Rule) {
	places := make([]place, len(matches))
	for i, m := range matches {
		if m.have != nil {
			places[i].have = m.have.Priority
		}
	}
	stay(places)
	next := 0
	var rest []*elb.Rule
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
func positions(matches []ruleMatch, surplus []*elb.Rule, foreign map[int32]bool) (places []place, moves []elb.RulePriority) {
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
	moved := func() []elb.RulePriority {
		var out []elb.RulePriority
		for i, m := range matches {
			if m.have != nil && places[i].give != m.have.Priority {
				out = append(out, elb.RulePriority{Rule: ruleAt(m.have), Priority: places[i].give})
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
	// No room where it is needed: give all of them new numbers, and leave some behind for what goes away.
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
func pushBehind(places []place, surplus []*elb.Rule, foreign map[int32]bool, all bool) (moves []elb.RulePriority, ok bool) {
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
			moves = append(moves, elb.RulePriority{Rule: ruleAt(surplus[i]), Priority: at})
		}
		at--
	}
	slices.Reverse(moves)
	return moves, true
}
