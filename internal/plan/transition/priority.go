package transition

import (
	"maps"
	"slices"
	"sort"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Rule priorities. The rules of a new listener have the numbers 1, 2, 3, … in the order in which they are evaluated, as
// the existing controller gives them. A rule that comes between others takes a number that is free there. If none is,
// one call moves those behind it that are in its way.
const (
	maxPriority = 50000
	// besideOthers is the distance of rules that stand behind rules of others, who may add some.
	besideOthers = 100
)

// stretch is a run of pairs between two fixed ones, or the ends.
type stretch struct {
	pairs  []Pair
	lo, hi int32 // priorities of the fixed ones
}

func stretches(pairs []Pair, behind, end int32) (out []stretch) {
	lo, from := behind, 0
	for i := range pairs {
		if pairs[i].fixed {
			hi := pairs[i].Have.Priority
			out = append(out, stretch{pairs[from:i], lo, hi})
			lo, from = hi, i+1
		}
	}
	return append(out, stretch{pairs[from:], lo, end})
}

// spread gives the pairs free priorities, evenly, but at most so far apart. It reports false if they do not suffice.
func (s stretch) spread(apart float64, taken map[int32]bool) bool {
	step := min(float64(s.hi-s.lo)/float64(len(s.pairs)+1), apart)
	last := s.lo
	for i := range s.pairs {
		p := max(s.lo+int32(step*float64(i+1)), last+1)
		for taken[p] {
			p++
		}
		if p >= s.hi {
			return s.spreadTight(taken)
		}
		s.pairs[i].final, last = p, p
	}
	return true
}

// spreadTight uses the free priorities one after the other, from the top, when even spacing met taken ones.
func (s stretch) spreadTight(taken map[int32]bool) bool {
	at := min(s.hi-1, maxPriority)
	for i := range slices.Backward(s.pairs) {
		for at > s.lo && taken[at] {
			at--
		}
		if at <= s.lo {
			return false
		}
		s.pairs[i].final = at
		at--
	}
	return true
}

// arrange gives the pairs ascending priorities behind the floor, none of taken: between fixed ones evenly, behind the
// last one in a row. It reports false if there are too few between fixed ones.
func (d *decision) arrange(taken map[int32]bool) bool {
	const end = maxPriority + 1
	return !slices.ContainsFunc(stretches(d.pairs, d.floor, end), func(s stretch) bool {
		apart := float64(end)
		switch {
		case s.hi == end && d.floor > 0:
			apart = besideOthers
		case s.hi == end:
			apart = 1
		}
		return !s.spread(apart, taken)
	})
}

// takeUpTo keeps rules behind a priority, or behind the last one that leaves room for all of them twice, as they may
// have to move.
func (d *decision) takeUpTo(behind int32) {
	if behind == 0 {
		return
	}
	at, free := int32(maxPriority), 0
	for ; at > 0 && (at > behind || free < 2*(len(d.pairs)+len(d.surplus))); at-- {
		if !d.taken[at] {
			free++
		}
	}
	d.floor = at
	for p := int32(1); p <= at; p++ {
		d.taken[p] = true
	}
}

// stay fixes the priorities on a longest ascending run of those that pairs have behind a priority: all others must
// move.
func stay(pairs []Pair, behind int32) {
	var tails []int // tails[k] = index of the smallest last element of an ascending run of length k+1
	prev := make([]int, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		if p.fixed = false; p.Have == nil || p.Have.Priority <= behind {
			continue
		}
		k := sort.Search(len(tails), func(k int) bool { return pairs[tails[k]].Have.Priority >= p.Have.Priority })
		prev[i] = -1
		if k > 0 {
			prev[i] = tails[k-1]
		}
		if k == len(tails) {
			tails = append(tails, i)
		}
		tails[k] = i
	}
	if len(tails) == 0 {
		return
	}
	for i := tails[len(tails)-1]; i >= 0; i = prev[i] {
		pairs[i].fixed, pairs[i].final = true, pairs[i].Have.Priority
	}
}

// position gives the pairs their priorities, and chooses the moves that bring observed rules there. It reports whether
// none moves.
func (d *decision) position() bool {
	stay(d.pairs, d.floor)
	taken := maps.Clone(d.taken)
	for _, r := range d.surplus {
		taken[r.Priority] = true
	}
	d.shifted, d.room = nil, nil
	ordered := !slices.ContainsFunc(d.pairs, func(p Pair) bool { return p.Have != nil && !p.fixed })
	switch fits := d.arrange(taken); {
	case ordered && fits:
		d.moves = nil
		return true
	case ordered:
		d.makeWay()
		return true
	case fits && !d.trails() && d.listMoves(false):
		return false
	}
	if d.shift(false, d.movable) && d.listMoves(false) {
		return false
	}
	d.shift(true, d.movable) // leaves room at the end for what goes away
	d.listMoves(false)
	return len(d.moves) == 0
}

// makeWay gives new rules numbers between others that keep their order: those in their way move on, also those that are
// to be deleted. As no request notices that, it comes first, and no new rule waits for another one.
func (d *decision) makeWay() {
	along := slices.Concat(d.movable, d.surplus)
	sortByPriority(along)
	if !d.shift(false, along) {
		d.shift(true, along)
	}
	d.moves = nil
	for _, p := range d.pairs {
		if p.Have != nil && p.final != p.Have.Priority {
			d.room = append(d.room, awsop.RulePriority{Rule: ruleAt(p.Have), Priority: p.final})
		}
	}
	for _, s := range d.shifted {
		d.room = append(d.room, awsop.RulePriority{Rule: ruleAt(s.Rule), Priority: s.at})
	}
}

// trails reports whether an observed rule moves behind all that keep their priorities. The last number would then grow
// with each change of the order, and the first ones be lost.
func (d *decision) trails() bool {
	for _, p := range slices.Backward(d.pairs) {
		switch {
		case p.fixed:
			return false
		case p.Have != nil:
			return d.floor == 0
		}
	}
	return false
}

// shift gives the pairs the priorities that the observed ones of them have, in the wanted order, and new ones the next
// free ones. Those in whose way they are get the next ones, and so on, until none is in the way. Other rules that move
// along stay between the same neighbours. If closed, all get the first free priorities. It reports false if there are
// too few.
func (d *decision) shift(closed bool, along []*awsop.Rule) bool {
	var numbers []int32 // of observed rules, in order
	for _, p := range d.pairs {
		if p.Have != nil && p.Have.Priority > d.floor {
			numbers = append(numbers, p.Have.Priority)
		}
	}
	slices.Sort(numbers)
	last, taken, movable := d.floor, maps.Clone(d.taken), make([]*awsop.Rule, 0, len(along))
	for _, r := range along {
		if r.Priority > d.floor {
			delete(taken, r.Priority)
			movable = append(movable, r)
		}
	}
	next := func(from int32) int32 {
		if last++; !closed {
			last = max(last, from)
		}
		for taken[last] {
			last++
		}
		return last
	}
	d.shifted = nil
	pass := func(before int32) {
		for ; len(movable) > 0 && movable[0].Priority < before; movable = movable[1:] {
			if at := next(movable[0].Priority); at != movable[0].Priority {
				d.shifted = append(d.shifted, shifted{movable[0], at})
			}
		}
	}
	for i := range d.pairs {
		p, own := &d.pairs[i], int32(0)
		if p.Have != nil && p.Have.Priority > d.floor {
			own, numbers = numbers[0], numbers[1:]
			pass(own)
		} else {
			end := last + 2 // one that has the very next number stays in front of a new rule
			if len(numbers) > 0 {
				end = min(end, numbers[0])
			}
			pass(end)
		}
		p.final = next(own)
	}
	pass(maxPriority + 1)
	return last <= maxPriority
}

// listMoves lists the moves that bring observed rules to their priorities, and those that are about to be deleted
// behind all others in their order, so that none of these overtakes a rule that moves; it reports whether there is room
// for them. With all, those are listed as well that are there already.
func (d *decision) listMoves(all bool) (room bool) {
	end, at := int32(0), int32(maxPriority)
	for i := range d.pairs {
		end = max(end, d.pairs[i].final)
	}
	for _, s := range d.shifted {
		end = max(end, s.at)
	}
	d.moves, room = nil, true
	for _, r := range slices.Backward(d.surplus) {
		for at > end && d.taken[at] {
			at--
		}
		if at <= end {
			d.moves, room = nil, false
			break
		}
		if all || r.Priority != at {
			d.moves = append(d.moves, awsop.RulePriority{Rule: ruleAt(r), Priority: at})
		}
		at--
	}
	slices.Reverse(d.moves)
	for _, p := range d.pairs {
		if p.Have != nil && (all || p.final != p.Have.Priority) {
			d.moves = append(d.moves, awsop.RulePriority{Rule: ruleAt(p.Have), Priority: p.final})
		}
	}
	for _, s := range d.shifted {
		d.moves = append(d.moves, awsop.RulePriority{Rule: ruleAt(s.Rule), Priority: s.at})
	}
	return room
}

// makeRoom chooses the priorities at which new rules are created: where they belong, or behind all others if others
// move. If the end is taken, it returns the moves that close the gaps between observed rules before, which no request
// notices, or that gather these rules where there is room for all, and why.
func (d *decision) makeRoom(l stack.Labels) (room []awsop.RulePriority, why []string) {
	var fresh []*Pair
	for i := range d.pairs {
		if p := &d.pairs[i]; p.Have == nil {
			p.initial = p.final
			fresh = append(fresh, p)
		}
	}
	if len(d.moves) == 0 || len(fresh) == 0 {
		return d.room, d.movesText(l)
	}
	existing, last := d.existing(), d.floor
	if len(existing) > 0 {
		last = existing[len(existing)-1].Priority
	}
	free := d.behind(last, len(fresh))
	if free == nil {
		var end int32
		room, end = d.closeGaps(existing)
		why = []string{"close gaps, so that new rules find room behind all others"}
		if free = d.behind(end, len(fresh)); free == nil {
			room, end = d.gather(existing)
			why = []string{"gather rules in front of one that stays, so that new rules find room behind them"}
			free = d.behind(end, len(fresh))
		}
		d.listMoves(true)
	}
	belong, end := true, int32(maxPriority+1)
	for k, p := range slices.Backward(fresh) {
		if belong = belong && p.final >= free[k] && p.final < end; belong {
			p.initial, end = p.final, p.final
		} else {
			p.initial = free[k]
		}
	}
	return room, why
}

// existing lists the observed rules by priority.
func (d *decision) existing() []*awsop.Rule {
	out := slices.Clone(d.surplus)
	for _, p := range d.pairs {
		if p.Have != nil {
			out = append(out, p.Have)
		}
	}
	sortByPriority(out)
	return out
}

// behind lists n free priorities behind one; nil if there are too few.
func (d *decision) behind(at int32, n int) (free []int32) {
	for at++; at <= maxPriority && len(free) < n; at++ {
		if !d.taken[at] {
			free = append(free, at)
		}
	}
	if len(free) < n {
		return nil
	}
	return free
}

// closeGaps moves rules to the front, and says where the last one is then. None passes a rule that is not moved.
func (d *decision) closeGaps(existing []*awsop.Rule) (moves []awsop.RulePriority, at int32) {
	for _, r := range existing {
		for p := r.Priority - 1; p > at; p-- {
			if d.taken[p] {
				at = p
			}
		}
		if at++; at != r.Priority {
			moves = append(moves, awsop.RulePriority{Rule: ruleAt(r), Priority: at})
		}
	}
	return moves, at
}

// gather moves rules to the widest run of free priorities, where the pairs get theirs in the end, too, and returns
// where the last one is then. It is for rules that fill all priorities behind one that is not moved: they pass it, so
// that it may answer fewer requests afterwards. A listener's rules are some hundred at most, so that the widest run has
// room for all that are observed and wanted.
func (d *decision) gather(existing []*awsop.Rule) (moves []awsop.RulePriority, at int32) {
	var widest stretch
	last := int32(0)
	for _, p := range append(slices.Sorted(maps.Keys(d.taken)), maxPriority+1) {
		if p-last > widest.hi-widest.lo {
			widest = stretch{d.pairs, last, p}
		}
		last = p
	}
	at = widest.lo
	for _, r := range existing {
		at++
		moves = append(moves, awsop.RulePriority{Rule: ruleAt(r), Priority: at})
	}
	widest.hi -= int32(len(d.surplus))
	widest.spread(1, nil)
	d.shifted = nil
	return moves, at
}

func ruleAt(r *awsop.Rule) stack.Ref { return stack.Literal(stack.KindRule, r.ARN) }
