package annotation

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// mostNamingNothing bounds the keys of a family, or the entries of a list, that count as misspelt because they name
// nothing.
const mostNamingNothing = 20

// CheckKeys records which keys of a family name something, and which name nothing. The name is what follows the
// family in a key; names are all valid ones.
func (r Reader) CheckKeys(family Key, names []string) {
	var written []string
	for _, k := range slices.Sorted(maps.Keys(r.objects[0].annotations)) {
		if name, ok := strings.CutPrefix(k, string(family)); ok && name != "" {
			written = append(written, name)
		}
	}
	r.checkNames(written, names, false, func(name string) (string, Key) {
		return "annotation " + string(family) + name, family + Key(name)
	})
}

// CheckEntries does the same for the entries of a list of ports. If an entry that is no number names no port, an edit
// may have taken the name away from a port.
func (r Reader) CheckEntries(k Key, ports []string) {
	r.checkNames(r.List(k).Value, ports, true, func(name string) (string, Key) {
		return "entry " + name + " of annotation " + string(k), k
	})
}

func (r Reader) checkNames(written, names []string, entries bool, describe func(string) (element string, k Key)) {
	present, known := map[string]bool{}, map[string]bool{}
	for _, w := range written {
		present[w] = true
	}
	var lacking []string
	for _, name := range names {
		element, _ := describe(name)
		switch {
		case known[name]:
		case present[name]:
			r.findings.named = append(r.findings.named, element)
		default:
			lacking = append(lacking, element)
		}
		known[name] = true
	}
	left := mostNamingNothing
	for _, w := range written {
		if known[w] || left == 0 {
			continue
		}
		left--
		element, k := describe(w)
		instead := lacking
		if _, err := strconv.Atoi(w); entries && err != nil {
			instead = append(slices.Clone(lacking), element)
		}
		if len(instead) == 0 {
			continue
		}
		_, source, _ := r.Raw(k)
		r.findings.Misspell(intent.Misspelling{Setting: element, Key: string(k), Meant: string(k), Source: source,
			Text: element + " names nothing", Lacks: instead})
	}
}
