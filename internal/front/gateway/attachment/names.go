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

// Covering returns the names that cover a hostname, itself included if it is one of them.
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
	below  map[string][]int // hostnames without wildcard, by the wildcard for their first label
	wild   map[string][]int // hostnames with wildcard, as inside
}

// add adds a number. Those that are added in ascending order are each once at a hostname.
func (t *table) add(host string, number int) {
	if t.at == nil {
		t.at, t.inside, t.below, t.wild = map[string][]int{}, map[string][]int{}, map[string][]int{}, map[string][]int{}
	}
	note := func(in map[string][]int, name string) {
		if all := in[name]; len(all) == 0 || all[len(all)-1] != number {
			in[name] = append(all, number)
		}
	}
	note(t.at, host)
	wild := strings.HasPrefix(host, "*")
	for wide := range wider(host) {
		if note(t.inside, wide); wild {
			note(t.wild, wide)
		}
	}
	if _, parent, ok := strings.Cut(host, "."); ok && !wild {
		note(t.below, "*."+parent)
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
	out := append(t.covering(host), t.inside[host]...)
	slices.Sort(out)
	return slices.Compact(out)
}

// certified are the numbers at hostnames of which a client of some name takes a certificate with a name, in no order.
func (t *table) certified(name string) iter.Seq[int] {
	return func(yield func(int) bool) {
		lists := [][]int{t.covering(name), t.below[name], t.wild[name]}
		for _, list := range lists {
			for _, number := range list {
				if !yield(number) {
					return
				}
			}
		}
	}
}

// Covers reports whether all names of hostname b are names of hostname a. An empty hostname has all names.
func Covers(a, b string) bool { return a == "" || a == b || within(b, a) }

// Narrower returns the one of two hostnames that lies in the other, either of which may be any; ok is false if they
// have nothing in common.
func Narrower(a, b string) (string, bool) {
	if b == "" {
		return a, true
	}
	return narrower(a, b)
}

// narrower is the one of two hostnames that lies in the other. A wildcard stands for one label or more.
func narrower(a, b string) (string, bool) {
	switch {
	case a == "" || a == b:
		return b, true
	case within(a, b):
		return a, true
	case within(b, a):
		return b, true
	}
	return "", false
}

// within reports whether all names of a hostname match a wildcard.
func within(name, wildcard string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(name, suffix) && name != wildcard
}
