package rules

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Hidden is a rule that answers no request.
type Hidden struct {
	At   int // in the rules that were given
	Rule Rule
	By   *Rule // answers all requests that the rule matches; nil = the rule is a redirect to itself, which is left out
}

// mostCompared is how many pairs of rules are compared: those of about a thousand rules of one host. A load balancer
// has far fewer, and every edit of a group would wait for the comparison of what one of its members declares beyond
// that.
const mostCompared = 500_000

// HiddenIn returns the rules, in order, whose requests a rule in front of them answers. Rules that one
// place declares do not hide each other. Of more rules than AWS allows, the last ones may be missing in the result.
func HiddenIn(all []Rule) []Hidden {
	var out []Hidden
	front, compared := byHost{of: map[string][]int{}}, 0
	for i := range all {
		before := front.before(all[i].Conditions)
		if compared += len(before); compared > mostCompared {
			break
		}
		for _, j := range before {
			if all[j].Route.Source != all[i].Route.Source && overlap.Covers(all[j].Conditions, all[i].Conditions) {
				out = append(out, Hidden{i, all[i], &all[j]})
				break
			}
		}
		front.add(i, all[i].Conditions)
	}
	return out
}

// byHost finds the rules that may hide another one by its first host, since groups may have thousands of rules.
type byHost struct {
	of  map[string][]int // rules with exact hosts
	any []int            // rules with a pattern, or without hosts
}

// add adds a rule under each of its hosts.
func (f *byHost) add(i int, conditions []stack.Condition) {
	values, regex := valuesOf(conditions, stack.HostHeader)
	hosts := hostKeys(values, regex)
	if len(hosts) == 0 || slices.ContainsFunc(values, func(h string) bool {
		return strings.ContainsAny(h, overlap.Wildcards)
	}) {
		f.any = append(f.any, i)
		return
	}
	for _, h := range hosts {
		f.of[h] = append(f.of[h], i)
	}
}

// before are the rules that may match all requests of a rule, in order.
func (f *byHost) before(conditions []stack.Condition) []int {
	hosts := hostKeys(valuesOf(conditions, stack.HostHeader))
	if len(hosts) == 0 {
		return f.any
	}
	out := slices.Concat(f.any, f.of[hosts[0]])
	slices.Sort(out)
	return out
}

// hostKeys are hosts in lower case and regular expressions, which a prefix distinguishes.
func hostKeys(values, regex []string) []string {
	out := make([]string, 0, len(values)+len(regex))
	for _, h := range values {
		out = append(out, strings.ToLower(h))
	}
	for _, r := range regex {
		out = append(out, "~"+r)
	}
	return out
}
