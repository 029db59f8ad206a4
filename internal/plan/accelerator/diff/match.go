package diff

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Scores of a pair of listeners. A listener whose protocol differs is changed in place if at least 15 % of the ports
// stay, or 5 % and the client affinity, as the existing controller has it.
const (
	sameProtocol = 40
	samePorts    = 100
	sameAffinity = 10
	enough       = 15
)

// similarity is how alike two listeners are, 0 to 150.
func similarity(a, b accelerator.Listener) int {
	score := 0
	if a.Protocol == b.Protocol {
		score += sameProtocol
	}
	both := accelerator.Count(accelerator.Intersect(a.Ports, b.Ports))
	if either := accelerator.Count(a.Ports) + accelerator.Count(b.Ports) - both; either > 0 {
		score += samePorts * both / either
	}
	if a.Affinity != "" && a.Affinity == b.Affinity {
		score += sameAffinity
	}
	return score
}

// match pairs declared listeners with observed ones: those of the same protocol and ports, then the most similar ones.
// The result depends on neither the order of the answer of AWS nor on that of a map: of equal pairs the one with the
// lower index goes first, then the one with the lower ARN. out has the index in observed of each declared listener; -1
// = it is to be created.
func match(declared, observed []accelerator.Listener) (out []int) {
	out = slices.Repeat([]int{-1}, len(declared))
	taken := map[int]bool{}
	byARN := make([]int, len(observed))
	for i := range byARN {
		byARN[i] = i
	}
	sorting.StableBy(byARN, func(a, b int) int { return cmp.Compare(observed[a].ARN, observed[b].ARN) })
	for i := range declared {
		for _, j := range byARN {
			if out[i] < 0 && !taken[j] && declared[i].Key() == observed[j].Key() {
				out[i], taken[j] = j, true
			}
		}
	}
	type pair struct{ i, j, score int }
	var pairs []pair
	for i := range declared {
		for _, j := range byARN {
			if out[i] >= 0 || taken[j] {
				continue
			}
			if s := similarity(declared[i], observed[j]); s >= enough {
				pairs = append(pairs, pair{i, j, s})
			}
		}
	}
	sorting.StableBy(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.i, b.i), cmp.Compare(observed[a.j].ARN, observed[b.j].ARN))
	})
	for _, p := range pairs {
		if out[p.i] < 0 && !taken[p.j] {
			out[p.i], taken[p.j] = p.j, true
		}
	}
	return out
}
