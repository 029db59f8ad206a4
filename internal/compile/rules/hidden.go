package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/turns"
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

// mostCompared is how many pairs of rules are compared: those of about a thousand rules of one host; and how many
// pairs of a part of a rule and a rule. A load balancer has far fewer, and every edit of a group would wait for the
// comparison of what one of its members declares beyond that.
const mostCompared = 500_000

// HiddenIn returns the rules, in order, whose requests a rule in front of them answers, and single hosts and paths of
// rules. Rules that one place declares do not hide each other. Of more rules than AWS allows, some may be missing in
// the result, and before them single hosts and paths: namespaces take turns, so that the rules of one leave comparisons
// to those of others.
func HiddenIn(all []Rule) []Hidden {
	var out []Hidden
	front, rules, parts := byHost{of: map[string][]int{}}, mostCompared, mostCompared
	for i := range all {
		front.add(i, all[i].Conditions)
	}
	for _, i := range turns.Order(all, func(w Rule) string { return w.Route.Source.Object().Namespace }) {
		hider := func(conditions []stack.Condition, left *int) *Rule {
			wide, ofHost := front.before(i, conditions)
			if *left -= len(wide) + len(ofHost); *left < 0 {
				return nil
			}
			first := func(before []int) int {
				at := slices.IndexFunc(before, func(j int) bool {
					return all[j].Route.Source != all[i].Route.Source && overlap.Covers(all[j].Conditions, conditions)
				})
				if at < 0 {
					return len(all)
				}
				return before[at]
			}
			if j := min(first(wide), first(ofHost)); j < len(all) {
				return &all[j]
			}
			return nil
		}
		if by := hider(all[i].Conditions, &rules); by != nil {
			out = append(out, Hidden{At: i, Rule: all[i], By: by})
		} else if parts > 0 {
			eachPart(all[i].Conditions, func(part []stack.Condition) {
				if by := hider(part, &parts); by != nil {
					out = append(out, Hidden{i, all[i], by, slices.Clone(part)})
				}
			})
		}
		if rules < 0 {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b Hidden) int { return cmp.Compare(a.At, b.At) })
	return out
}

// eachPart calls do with conditions with only one of their hosts, then with only one of their paths, which are valid
// during the call. A path and all below it, as of a prefix, are one: a rule for the path itself in front of them is
// usual.
func eachPart(conditions []stack.Condition, do func(part []stack.Condition)) {
	for at, c := range conditions {
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern || c.Count() < 2 {
			continue
		}
		part := slices.Clone(conditions)
		one := func(values, regex []string) {
			if len(values)+len(regex) < c.Count() {
				part[at].Values, part[at].Regex = values, regex
				do(part)
			}
		}
		for i, v := range c.Values {
			prefix, all := strings.CutSuffix(v, "/*")
			switch {
			case c.Field == stack.PathPattern && all && slices.Contains(c.Values, prefix):
				one([]string{prefix, v}, nil)
			case c.Field == stack.PathPattern && !all && slices.Contains(c.Values, v+"/*"):
			default:
				one(c.Values[i:i+1:i+1], nil)
			}
		}
		for i := range c.Regex {
			one(nil, c.Regex[i:i+1:i+1])
		}
	}
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

// before are the rules in front of the i-th that may match all requests of conditions, each in order: those for any
// host, and those for the first host.
func (f *byHost) before(i int, conditions []stack.Condition) (wide, ofHost []int) {
	inFront := func(list []int) []int {
		n, _ := slices.BinarySearch(list, i)
		return list[:n]
	}
	values, regex := valuesOf(conditions, stack.HostHeader)
	if hosts := hostKeys(values[:min(len(values), 1)], regex[:min(len(regex), 1)]); len(hosts) > 0 {
		ofHost = f.of[hosts[0]]
	}
	return inFront(f.any), inFront(ofHost)
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
