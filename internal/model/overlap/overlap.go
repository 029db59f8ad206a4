// Package overlap says which conditions of rules can match the same request, which match every request that others
// match, and which clients a list of ranges or prefix lists admits beyond another list.
package overlap

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Disjoint reports whether no request can match both. It may report false although none can.
func Disjoint(a, b []stack.Condition) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Field != y.Field {
				continue
			}
			if len(x.Regex)+len(y.Regex) > 0 {
				if x.Field == stack.HostHeader && disjointHosts(x, y) {
					return true
				}
				continue
			}
			switch x.Field {
			case stack.HostHeader:
				if disjointValues(x.Values, y.Values, true) {
					return true
				}
			case stack.PathPattern, stack.RequestMethod:
				if disjointValues(x.Values, y.Values, false) {
					return true
				}
			case stack.HTTPHeader, stack.QueryString, stack.SourceIP: // a request may carry several, and ranges may overlap
			}
		}
	}
	return false
}

// disjointHosts reports whether no host can match both of two conditions of expressions only, each of which matches a
// hostname with any port, such as ^a\.example(:[0-9]+)?$.
func disjointHosts(x, y stack.Condition) bool {
	if len(x.Values)+len(y.Values) > 0 {
		return false
	}
	for _, a := range x.Regex {
		nameA, wildA, ok := hostname(a)
		for _, b := range y.Regex {
			nameB, wildB, too := hostname(b)
			if !ok || !too || wildA == wildB && strings.EqualFold(nameA, nameB) || wildA && below(nameB, nameA) || wildB &&
				below(nameA, nameB) {
				return false
			}
		}
	}
	return true
}

// hostname is the name in an expression, with its dots escaped, without a wildcard in front; ok is false for other
// expressions.
func hostname(expression string) (name string, wildcard, ok bool) {
	name, begins := strings.CutPrefix(expression, "^")
	name, ends := strings.CutSuffix(name, "(:[0-9]+)?$")
	name, wildcard = strings.CutPrefix(name, `[^.].*\.`)
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		case c == '\\' && i+1 < len(name) && name[i+1] == '.':
			i++
		default:
			return "", false, false
		}
	}
	return name, wildcard, begins && ends
}

// below reports whether a name, with its dots escaped, ends with another one and has more labels.
func below(name, end string) bool {
	n := len(name) - len(end)
	return n > 2 && strings.EqualFold(name[n:], end) && name[n-2:n] == `\.`
}

// Covers reports whether every request that matches b matches a. It may report false although each does.
func Covers(a, b []stack.Condition) bool {
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

// implied reports whether every request that matches y matches x.
func implied(x, y stack.Condition) bool {
	if x.Field != y.Field || !strings.EqualFold(x.HeaderName, y.HeaderName) {
		return false
	}
	same := func(p, v string) bool { return p == v }
	switch x.Field {
	case stack.HostHeader:
		same = func(p, v string) bool { return wider(strings.ToLower(p), strings.ToLower(v)) }
	case stack.PathPattern:
		same = wider
	case stack.SourceIP:
		same = Contains
	case stack.HTTPHeader, stack.RequestMethod, stack.QueryString:
	}
	within := func(v string) bool { return slices.ContainsFunc(x.Values, func(p string) bool { return same(p, v) }) }
	for _, v := range y.Regex {
		if slices.Contains(x.Regex, v) {
			continue
		}
		if pattern, ok := covered(x.Field, v); !ok || !within(pattern) {
			return false
		}
	}
	for _, q := range y.Query {
		if !slices.Contains(x.Query, q) {
			return false
		}
	}
	return !slices.ContainsFunc(y.Values, func(v string) bool { return !within(v) })
}

// covered is a pattern that matches every text of a field that a regular expression matches; ok is false if there is
// none.
func covered(field stack.ConditionField, expression string) (pattern string, ok bool) {
	switch field {
	case stack.HostHeader:
		name, wildcard, ok := hostname(expression)
		name = strings.ReplaceAll(name, `\.`, ".")
		if wildcard {
			name = "*." + name
		}
		return name, ok
	case stack.PathPattern:
		return begins(expression)
	case stack.SourceIP, stack.HTTPHeader, stack.RequestMethod, stack.QueryString:
	}
	return "", false
}

// Patterns returns conditions that match all requests of the given ones, and have patterns of paths instead of regular
// expressions.
func Patterns(all []stack.Condition) (out []stack.Condition) {
	for _, c := range all {
		if c.Field != stack.PathPattern || len(c.Regex) == 0 {
			out = append(out, c)
			continue
		}
		values, known := slices.Clone(c.Values), true
		for _, expression := range c.Regex {
			pattern, ok := begins(expression)
			values, known = append(values, pattern), known && ok
		}
		if known {
			out = append(out, stack.Condition{Field: c.Field, Values: values})
		}
	}
	return out
}

// begins is a pattern that matches every text that an expression with ^ in front matches: its literal beginning, then
// anything. It is read from the text, as pairs of rules are compared by the hundred thousand.
func begins(expression string) (pattern string, ok bool) {
	rest, anchored := strings.CutPrefix(expression, "^")
	if !anchored || strings.Contains(rest, "|") {
		return "", false
	}
	const special = `.[](){}*+?^$\`
	var literal []byte
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch escaped := c == '\\' && i+1 < len(rest) && strings.IndexByte(special+"-/:", rest[i+1]) >= 0; {
		case escaped:
			i++
			c = rest[i]
		case c == '$' && i == len(rest)-1:
			return string(literal), true
		case c >= 0x80 || strings.IndexByte(special, c) >= 0:
			return string(literal) + "*", true
		}
		if i+1 < len(rest) && strings.IndexByte("*+?{", rest[i+1]) >= 0 {
			return string(literal) + "*", true
		}
		literal = append(literal, c)
	}
	return string(literal) + "*", true
}

// Contains reports whether all addresses of a range are in another one.
func Contains(wide, narrow string) bool {
	w, err := netip.ParsePrefix(wide)
	n, bad := netip.ParsePrefix(narrow)
	return wide == narrow || err == nil && bad == nil && w.Bits() <= n.Bits() && w.Contains(n.Addr())
}

// Admits reports whether a list of ranges, or of prefix lists, admits clients that another one keeps out.
func Admits(list, beyond []string) bool {
	return !AdmitsAll(beyond) && slices.ContainsFunc(list, func(narrow string) bool {
		return !slices.ContainsFunc(beyond, func(wide string) bool { return Contains(wide, narrow) })
	})
}

// AdmitsAll reports whether ranges admit all addresses of a family.
func AdmitsAll(ranges []string) bool {
	return slices.ContainsFunc(ranges, func(r string) bool { return strings.HasSuffix(r, "/0") })
}

// wider reports whether pattern p matches every text that pattern q matches. A pattern with backslashes covers only
// itself. For each asterisk of p it is enough to try the shortest text that reaches the next one, as a longer one can
// be matched by the next asterisk. Patterns that take much longer than their texts to compare count as different: a
// tenant may write thousands of them.
func wider(p, q string) bool {
	if p == q || strings.Contains(p+q, `\`) {
		return p == q
	}
	i, star, from := 0, -1, 0 // star is the last asterisk passed in p; from is where in q the text after it was tried last
	for j, steps := 0, 4*(len(p)+len(q)); j < len(q); steps-- {
		if steps == 0 {
			return false
		}
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

// disjointValues reports whether no value of a and no value of b can match the same text.
func disjointValues(a, b []string, fold bool) bool {
	for _, x := range a {
		for _, y := range b {
			if fold {
				x, y = strings.ToLower(x), strings.ToLower(y)
			}
			if !differ(x, y) {
				return false
			}
		}
	}
	return true
}

// differ reports whether the literal texts of two patterns, up to the first wildcard and behind the last one,
// contradict each other.
func differ(x, y string) bool {
	headX, tailX, wildX := Ends(x)
	headY, tailY, wildY := Ends(y)
	head, tail := min(len(headX), len(headY)), min(len(tailX), len(tailY))
	switch {
	case headX[:head] != headY[:head], tailX[len(tailX)-tail:] != tailY[len(tailY)-tail:]:
		return true
	case !wildX && !wildY:
		return x != y
	}
	return !wildX && len(x) < len(headY)+len(tailY) || !wildY && len(y) < len(headX)+len(tailX)
}

// Wildcards are the characters of a pattern that do not stand for themselves.
const Wildcards = `*?\`

// Ends returns the literal texts of a pattern before its first wildcard and behind its last one: the whole pattern,
// twice, if it has none. A backslash counts as a wildcard.
func Ends(pattern string) (head, tail string, wild bool) {
	first := strings.IndexAny(pattern, Wildcards)
	if first < 0 {
		return pattern, pattern, false
	}
	return pattern[:first], pattern[strings.LastIndexAny(pattern, Wildcards)+1:], true
}
