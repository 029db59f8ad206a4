package rules

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// maxParts bounds the rules of one route. It is AWS's default quota of rules per load balancer.
const maxParts = 100

// Split distributes conditions over as many rules as ELB's limits require. Together they match the same requests:
// consecutive rules with the same actions answer as one rule would. The result is empty if single values exceed the
// limits, or if too many rules are needed.
func Split(conditions []stack.Condition) [][]stack.Condition {
	room := maxParts
	return splitInto(conditions, &room)
}

// Cover is Split without those of the conditions that do not fit, so that the rules match more requests: another rule
// must not answer them. Hosts and paths come first.
func Cover(conditions []stack.Condition) (out [][]stack.Condition) {
	var kept []stack.Condition
	for _, of := range []func(stack.Condition) bool{isHost, isPath, isOther} {
		for _, c := range conditions {
			if with := append(slices.Clip(kept), c); of(c) && len(Split(with)) > 0 {
				kept = with
			}
		}
	}
	if len(kept) == 0 {
		kept = []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}
	}
	return Split(kept)
}

func isHost(c stack.Condition) bool  { return c.Field == stack.HostHeader }
func isPath(c stack.Condition) bool  { return c.Field == stack.PathPattern }
func isOther(c stack.Condition) bool { return !isHost(c) && !isPath(c) }

func splitInto(conditions []stack.Condition, room *int) [][]stack.Condition {
	if OverLimit(conditions) == "" {
		if *room--; *room < 0 {
			return nil
		}
		return [][]stack.Condition{conditions}
	}
	widest, most := -1, 1
	for i, c := range conditions {
		if n := c.Count(); n > most {
			widest, most = i, n
		}
	}
	if widest < 0 {
		return nil
	}
	var out [][]stack.Condition
	for _, half := range halves(conditions[widest]) {
		part := append([]stack.Condition(nil), conditions...)
		part[widest] = half
		parts := splitInto(part, room)
		if len(parts) == 0 {
			return nil
		}
		out = append(out, parts...)
	}
	return out
}

// halves divides the alternatives of a condition that has several.
func halves(c stack.Condition) []stack.Condition {
	a, b := c, c
	switch {
	case len(c.Values) > 0 && len(c.Regex) > 0: // both are alternatives
		a.Regex, b.Values = nil, nil
	case len(c.Values) > 1:
		a.Values, b.Values = c.Values[:len(c.Values)/2], c.Values[len(c.Values)/2:]
	case len(c.Regex) > 1:
		a.Regex, b.Regex = c.Regex[:len(c.Regex)/2], c.Regex[len(c.Regex)/2:]
	case len(c.Query) > 1:
		a.Query, b.Query = c.Query[:len(c.Query)/2], c.Query[len(c.Query)/2:]
	}
	return []stack.Condition{a, b}
}

// OverLimit describes how conditions exceed ELB's limits of one rule; empty = they do not.
func OverLimit(conditions []stack.Condition) string {
	values, wildcards := 0, 0
	single := map[stack.ConditionField]bool{}
	for _, c := range conditions {
		values += c.Count()
		for _, n := range c.Wildcards() {
			wildcards += n
		}
		if c.Field == stack.HTTPHeader || c.Field == stack.QueryString {
			continue
		}
		if single[c.Field] {
			return fmt.Sprintf("a rule can have only one %s condition", c.Field)
		}
		single[c.Field] = true
	}
	switch {
	case values > stack.MaxConditionValues:
		return fmt.Sprintf("the rule has %d condition values, AWS allows %d", values, stack.MaxConditionValues)
	case wildcards > stack.MaxWildcards:
		return fmt.Sprintf("the rule has %d wildcards in its conditions, AWS allows %d", wildcards, stack.MaxWildcards)
	}
	return ""
}
