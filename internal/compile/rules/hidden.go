package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Hidden is a rule that answers no request, or a part of a rule that answers none.
type Hidden struct {
	At   int // in the rules that were given
	Rule Rule
	By   *Rule // answers all requests that the rule matches; nil = the rule is a redirect to itself, which is left out
	// Part are the conditions of the rule with only the host or path that By hides; nil = By hides the whole rule.
	Part []stack.Condition
}

// mostCompared is how many pairs of rules are compared: those of about a thousand rules of one host. A load balancer
// has far fewer, and every edit of a group would wait for the comparison of what one of its members declares beyond
// that.
const mostCompared = 500_000

// HiddenIn returns the rules, in order, whose requests a rule in front of them answers, and single hosts and paths of
// rules. Rules that one place declares do not hide each other. Of more rules than AWS allows, some may be missing in
// the result: namespaces take turns, so that the rules of one leave comparisons to those of others.
func HiddenIn(all []Rule) []Hidden {
	var out []Hidden
	front, compared := byHost{of: map[string][]int{}}, 0
	for i := range all {
		front.add(i, all[i].Conditions)
	}
	for _, i := range sorting.Turns(all, func(w Rule) string { return w.Route.Source.Object().Namespace }) {
		hider := func(conditions []stack.Condition) *Rule {
			before := front.before(i, conditions)
			if compared += len(before); compared > mostCompared {
				return nil
			}
			for _, j := range before {
				if all[j].Route.Source != all[i].Route.Source && overlap.Covers(all[j].Conditions, conditions) {
					return &all[j]
				}
			}
			return nil
		}
		if by := hider(all[i].Conditions); by != nil {
			out = append(out, Hidden{At: i, Rule: all[i], By: by})
		} else {
			for _, part := range partsOf(all[i].Conditions) {
				if by := hider(part); by != nil {
					out = append(out, Hidden{i, all[i], by, part})
				}
			}
		}
		if compared > mostCompared {
			break
		}
	}
	sorting.StableBy(out, func(a, b Hidden) int { return cmp.Compare(a.At, b.At) })
	return out
}

// partsOf are conditions with only one of their hosts, then with only one of their paths. A path and all below it, as of
// a prefix, are one: a rule for the path itself in front of them is usual.
func partsOf(conditions []stack.Condition) (out [][]stack.Condition) {
	for at, c := range conditions {
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern || c.Count() < 2 {
			continue
		}
		one := func(values, regex []string) {
			if len(values)+len(regex) == c.Count() {
				return
			}
			part := slices.Clone(conditions)
			part[at].Values, part[at].Regex = values, regex
			out = append(out, part)
		}
		for _, v := range c.Values {
			switch below := v + "/*"; {
			case c.Field == stack.PathPattern && slices.Contains(c.Values, below):
				one([]string{v, below}, nil)
			case c.Field == stack.PathPattern && slices.Contains(c.Values, strings.TrimSuffix(v, "/*")) &&
				strings.HasSuffix(v, "/*"):
			default:
				one([]string{v}, nil)
			}
		}
		for _, r := range c.Regex {
			one(nil, []string{r})
		}
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

// before are the rules in front of the i-th that may match all requests of conditions, in order.
func (f *byHost) before(i int, conditions []stack.Condition) []int {
	inFront := func(list []int) []int {
		n, _ := slices.BinarySearch(list, i)
		return list[:n]
	}
	hosts := hostKeys(valuesOf(conditions, stack.HostHeader))
	if len(hosts) == 0 {
		return inFront(f.any)
	}
	out := slices.Concat(inFront(f.any), inFront(f.of[hosts[0]]))
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
