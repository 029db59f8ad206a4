// Package rollback reports on which listeners the existing controller renumbers and retags rules when it takes load
// balancers back.
package rollback

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Retagged lists the listeners with rules that the existing controller tags again, as the tag has the number of the
// rule. tags are those of the rules of each listener, "<port>:<n>", by number; one without is of others.
func Retagged(tags map[string]map[int32]string) (listeners []string) {
	for _, listener := range slices.Sorted(maps.Keys(tags)) {
		for number, tag := range tags[listener] {
			if tag != "" && !strings.HasSuffix(tag, fmt.Sprintf(":%d", number)) {
				listeners = append(listeners, listener)
				break
			}
		}
	}
	return listeners
}

// Renumbered lists the listeners whose rules the existing controller numbers again: it gives the rules of each listener
// the numbers from 1 on, without gaps.
func Renumbered(priorities map[string][]int32) (listeners []string) {
	for _, listener := range slices.Sorted(maps.Keys(priorities)) {
		held := slices.Sorted(slices.Values(priorities[listener]))
		for i, p := range held {
			if int(p) != i+1 {
				listeners = append(listeners, listener)
				break
			}
		}
	}
	return listeners
}
