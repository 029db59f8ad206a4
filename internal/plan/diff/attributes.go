package diff

import (
	"maps"
	"slices"
)

// attribute changes: what of want differs from have (absent = default), with a reason for each, sorted by key.
func attributeChanges(want, have map[string]string, def func(string) (string, bool)) (change map[string]string, why []string) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		old, known := have[k]
		if !known {
			old, known = def(k)
		}
		if known && old == want[k] {
			continue
		}
		if change == nil {
			change = map[string]string{}
		}
		change[k] = want[k]
		if known {
			why = append(why, k+" "+quoteEmpty(old)+" → "+quoteEmpty(want[k]))
		} else {
			why = append(why, k+" = "+quoteEmpty(want[k]))
		}
	}
	return change, why
}

func quoteEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
