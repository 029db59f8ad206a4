package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Nameless is the account with what resources are in the place of their names, which AWS does not change: they may stem
// from settings that hold no more.
func (l *Lab) Nameless() string {
	r := l.Sim.Resources()
	of := map[string]string{}
	for _, lb := range r.LoadBalancers {
		of[lb.Name] = fmt.Sprint("balancer of ", lb.Tags)
	}
	for _, tg := range r.TargetGroups {
		of[tg.Name] = fmt.Sprint("targets of ", tg.Tags)
	}
	var names []string
	// of two of which one begins as the other, the longer one first
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(of))) {
		names = append(names, name, of[name])
	}
	lines := strings.Split(strings.NewReplacer(names...).Replace(l.Account()), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
