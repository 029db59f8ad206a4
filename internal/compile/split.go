package compile

import "github.com/k8s-lbc/lbc/internal/stack"

// split distributes conditions over as many rules as ELB's limits demand; together they match the same requests. It is empty
// if even single values are too many.
func split(conditions []stack.Condition) [][]stack.Condition {
	if overLimit(conditions) == "" {
		return [][]stack.Condition{conditions}
	}
	widest, most := -1, 1
	for i, c := range conditions {
		if n := len(c.Values) + len(c.Regex) + len(c.Query); n > most {
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
		out = append(out, split(part)...)
	}
	return out
}

// halves divides the alternatives of a condition.
func halves(c stack.Condition) []stack.Condition {
	a, b := c, c
	switch {
	case len(c.Values) > 1:
		a.Values, b.Values = c.Values[:len(c.Values)/2], c.Values[len(c.Values)/2:]
	case len(c.Regex) > 1:
		a.Regex, b.Regex = c.Regex[:len(c.Regex)/2], c.Regex[len(c.Regex)/2:]
	case len(c.Query) > 1:
		a.Query, b.Query = c.Query[:len(c.Query)/2], c.Query[len(c.Query)/2:]
	default:
		return nil
	}
	return []stack.Condition{a, b}
}
