package attachment

import (
	"iter"
	"slices"
	"strings"
)

// Names are hostnames that are found by a hostname within them, however many there are.
type Names map[string]bool

// NamesOf makes Names of a list.
func NamesOf(list []string) Names {
	out := make(Names, len(list))
	for _, name := range list {
		out[name] = true
	}
	return out
}

// Covering are the names that cover a hostname, itself included if it is one of them.
func (n Names) Covering(host string) (out []string) {
	if n[host] {
		out = append(out, host)
	}
	for wide := range wider(host) {
		if n[wide] {
			out = append(out, wide)
		}
	}
	return out
}

// wider are the other hostnames that cover a hostname: any, and wildcards.
func wider(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if host == "" || !yield("") {
			return
		}
		for i := range len(host) + 1 {
			wide := "*" + host[i:]
			if (i == 0 || i == len(host) || host[i] == '.') && wide != host && !yield(wide) {
				return
			}
		}
	}
}

// table has numbers of what stands at hostnames, and finds those of the hostnames that have names in common with
// another one, however many there are.
type table struct {
	at     map[string][]int // by hostname
	inside map[string][]int // by each other hostname that covers it
}

func (t *table) add(host string, number int) {
	if t.at == nil {
		t.at, t.inside = map[string][]int{}, map[string][]int{}
	}
	t.at[host] = append(t.at[host], number)
	for wide := range wider(host) {
		t.inside[wide] = append(t.inside[wide], number)
	}
}

// covering are the numbers at hostnames that cover one, ascending.
func (t *table) covering(host string) []int {
	out := slices.Clone(t.at[host])
	for wide := range wider(host) {
		out = append(out, t.at[wide]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// meeting are the numbers at hostnames that have names in common with one, ascending.
func (t *table) meeting(host string) []int {
	inside := t.inside[host]
	if parent, wild := strings.CutPrefix(host, "*"); wild && parent != "" && parent[0] != '.' {
		inside = t.inside[""] // a wildcard of a part of a label, which the Gateway API does not have, may meet any
	}
	out := t.covering(host)
	out = append(out, inside...)
	slices.Sort(out)
	return slices.Compact(out)
}
