package plan

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// overlapping orders the creation of rules: a rule must not be there before one with which it shares requests and that goes
// first, else those requests would be answered wrongly for a moment. Rules that share none may be created in any order.
type overlapping struct{ earlier []createdRule }

type createdRule struct {
	id         StepID
	conditions []stack.Condition
}

// mostCompared bounds the pairwise comparison; beyond it, each new rule simply follows the one before.
const mostCompared = 128

// before lists the steps that a new rule must follow, and remembers it.
func (o *overlapping) before(id StepID, cs []stack.Condition) []StepID {
	defer func() { o.earlier = append(o.earlier, createdRule{id, cs}) }()
	return o.sharing(cs)
}

// sharing lists the steps that whoever shares requests with their rules must follow.
func (o *overlapping) sharing(cs []stack.Condition) []StepID {
	switch n := len(o.earlier); {
	case n == mostCompared:
		ids := make([]StepID, n)
		for i, e := range o.earlier {
			ids[i] = e.id
		}
		return ids
	case n > mostCompared:
		return []StepID{o.earlier[n-1].id}
	}
	var out []StepID
	for _, e := range o.earlier {
		if !disjoint(e.conditions, cs) {
			out = append(out, e.id)
		}
	}
	return out
}

// disjoint reports whether certainly no request meets both.
func disjoint(a, b []stack.Condition) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Field != y.Field || len(x.Regex)+len(y.Regex) > 0 {
				continue
			}
			switch x.Field {
			case stack.HostHeader:
				if apart(x.Values, y.Values, true) {
					return true
				}
			case stack.PathPattern, stack.RequestMethod:
				if apart(x.Values, y.Values, false) {
					return true
				}
			case stack.HTTPHeader, stack.QueryString, stack.SourceIP: // a request may carry several, and ranges may overlap
			}
		}
	}
	return false
}

// covers reports whether certainly every request that meets b meets a.
func covers(a, b []stack.Condition) bool {
	for _, x := range a {
		if x.Field == stack.PathPattern && slices.Contains(x.Values, "/*") {
			continue
		}
		if !slices.ContainsFunc(b, func(y stack.Condition) bool { return implied(x, y) }) {
			return false
		}
	}
	return true
}

// implied reports whether whoever meets y meets x.
func implied(x, y stack.Condition) bool {
	if x.Field != y.Field || !strings.EqualFold(x.HeaderName, y.HeaderName) {
		return false
	}
	within := func(v string, all []string, same func(pattern, v string) bool) bool {
		return slices.ContainsFunc(all, func(p string) bool { return same(p, v) })
	}
	equal := func(p, v string) bool { return p == v }
	for _, v := range y.Regex {
		if !within(v, x.Regex, equal) {
			return false
		}
	}
	for _, q := range y.Query {
		if !slices.Contains(x.Query, q) {
			return false
		}
	}
	same := equal
	switch x.Field {
	case stack.HostHeader:
		same = func(p, v string) bool { return wider(strings.ToLower(p), strings.ToLower(v)) }
	case stack.PathPattern:
		same = wider
	case stack.HTTPHeader, stack.RequestMethod, stack.QueryString, stack.SourceIP:
	}
	for _, v := range y.Values {
		if !within(v, x.Values, same) {
			return false
		}
	}
	return true
}

// wider reports whether pattern p matches whatever pattern q matches. Patterns with backslashes are only equal to themselves. Of
// each asterisk of p it is enough to try the shortest text that lets p go on to the next one, as whatever comes between two of
// them may as well come later: what users write must not cost more than a few steps per character.
func wider(p, q string) bool {
	if p == q || strings.Contains(p+q, `\`) {
		return p == q
	}
	i, star, from := 0, -1, 0 // star is the last asterisk of p that was passed, from where what follows it was tried last
	for j := 0; j < len(q); {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == q[j] || p[i] == '?' && q[j] != '*'):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// apart reports whether no value of a and no value of b can match the same text.
func apart(a, b []string, fold bool) bool {
	for _, x := range a {
		for _, y := range b {
			if fold {
				x, y = strings.ToLower(x), strings.ToLower(y)
			}
			// Up to its first wildcard each pattern demands its own text; if these differ, nothing matches both.
			px, wx := literalPrefix(x)
			py, wy := literalPrefix(y)
			n := min(len(px), len(py))
			switch {
			case px[:n] != py[:n]:
			case !wx && !wy && px != py:
			case !wx && len(px) < len(py), !wy && len(py) < len(px):
			default:
				return false
			}
		}
	}
	return true
}

func literalPrefix(pattern string) (prefix string, wild bool) {
	if i := strings.IndexAny(pattern, `*?\`); i >= 0 {
		return pattern[:i], true
	}
	return pattern, false
}
