package diff

import "sort"

// Rule priorities. A listener's rules need the right order, not particular numbers; gaps leave room for insertion, so that
// a path in front of another costs one CreateRule.
const (
	maxPriority     = 50000
	prioritySpacing = 100
)

// place is one wanted rule on its way to a priority.
type place struct {
	have  int32 // priority of the existing rule that it reuses; 0 = a new rule
	fixed bool  // have may stay
	give  int32 // the result
}

// arrange gives every place a priority: strictly ascending, less than end, none of taken, fixed ones unchanged. It reports
// false if the free numbers between fixed places do not suffice.
func arrange(places []place, taken map[int32]bool, end int32) bool {
	lo := int32(0)
	for i := 0; i < len(places); {
		if places[i].fixed {
			places[i].give = places[i].have
			lo = places[i].have
			i++
			continue
		}
		j := i
		for j < len(places) && !places[j].fixed {
			j++
		}
		hi := end
		if j < len(places) {
			hi = places[j].have
		}
		if !spread(places[i:j], lo, hi, j == len(places), taken) {
			return false
		}
		i = j
	}
	return true
}

// spread gives the places numbers in (lo, hi): at the usual spacing at most if the end is open, evenly otherwise.
func spread(ps []place, lo, hi int32, open bool, taken map[int32]bool) bool {
	n := int32(len(ps))
	step := float64(hi-lo) / float64(n+1)
	if open && step > prioritySpacing {
		step = prioritySpacing
	}
	last := lo
	for i := range ps {
		p := max(lo+int32(step*float64(i+1)), last+1)
		for taken[p] {
			p++
		}
		if p >= hi {
			return spreadTight(ps, lo, hi, taken)
		}
		ps[i].give, last = p, p
	}
	return true
}

// spreadTight uses the free numbers one after the other, from the top, when even spacing met taken ones.
func spreadTight(ps []place, lo, hi int32, taken map[int32]bool) bool {
	p := min(hi-1, maxPriority)
	for i := len(ps) - 1; i >= 0; i-- {
		for p > lo && taken[p] {
			p--
		}
		if p <= lo {
			return false
		}
		ps[i].give = p
		p--
	}
	return true
}

// stay marks as fixed a longest ascending run of the priorities that places already have: all others must move.
func stay(places []place) {
	var tails []int // tails[k] = index of the smallest last element of an ascending run of length k+1
	prev := make([]int, len(places))
	for i, p := range places {
		places[i].fixed = false
		if p.have == 0 {
			continue
		}
		k := sort.Search(len(tails), func(k int) bool { return places[tails[k]].have >= p.have })
		prev[i] = -1
		if k > 0 {
			prev[i] = tails[k-1]
		}
		if k == len(tails) {
			tails = append(tails, i)
		} else {
			tails[k] = i
		}
	}
	if len(tails) == 0 {
		return
	}
	for i := tails[len(tails)-1]; i >= 0; i = prev[i] {
		places[i].fixed = true
	}
}
