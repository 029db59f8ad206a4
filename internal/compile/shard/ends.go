package shard

import (
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
)

// endIndex finds hosts whose literal beginning, or literal end, does not contradict that of a pattern: few of the
// others of a group. Thousands of wildcards of a tenant are compared with little of what others declare.
type endIndex struct{ heads, tails side }

// side has hosts by their beginnings, or by their reversed ends.
type side struct {
	all   []entry             // sorted by text
	wilds map[string][]string // hosts with wildcards, by text
}

type entry struct{ text, host string }

func indexEnds(hosts []string) endIndex {
	x := endIndex{side{wilds: map[string][]string{}}, side{wilds: map[string][]string{}}}
	for _, h := range hosts {
		head, tail, wild := overlap.Ends(h)
		x.heads.add(head, h, wild)
		x.tails.add(reversed(tail), h, wild)
	}
	for _, s := range []*side{&x.heads, &x.tails} {
		slices.SortStableFunc(s.all, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	}
	return x
}

func (s *side) add(text, host string, wild bool) {
	s.all = append(s.all, entry{text, host})
	if wild {
		s.wilds[text] = append(s.wilds[text], host)
	}
}

// of yields the hosts that a pattern may overlap.
func (x endIndex) of(pattern string) iter.Seq[string] {
	head, tail, _ := overlap.Ends(pattern)
	from, shorter, n := x.heads.near(head)
	if f, s, m := x.tails.near(reversed(tail)); m < n {
		from, shorter = f, s
	}
	return func(yield func(string) bool) {
		for _, e := range from {
			if !yield(e.host) {
				return
			}
		}
		for _, h := range shorter {
			if !yield(h) {
				return
			}
		}
	}
}

// near returns the hosts whose text begins with a text, the hosts with wildcards whose text is a beginning of it, and
// how many both are.
func (s *side) near(text string) (from []entry, shorter []string, n int) {
	low := sort.Search(len(s.all), func(i int) bool { return s.all[i].text >= text })
	high := low + sort.Search(len(s.all)-low, func(i int) bool { return !strings.HasPrefix(s.all[low+i].text, text) })
	for end := range len(text) {
		shorter = append(shorter, s.wilds[text[:end]]...)
	}
	return s.all[low:high], shorter, high - low + len(shorter)
}

func reversed(text string) string {
	b := []byte(text)
	slices.Reverse(b)
	return string(b)
}
