package constraint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Cover are conditions that AWS allows and that hold for the requests of conditions which it refuses: what matches
// those must not get the answer of a wider rule. Values that no request can have are left out. ok is false if nothing
// is left of a condition, or it has too many values.
func Cover(all []stack.Condition) (out []stack.Condition, ok bool) {
	for _, c := range all {
		if OfConditions([]stack.Condition{c}) == "" {
			out = append(out, c)
			continue
		}
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern {
			continue // without it the rule holds for more requests
		}
		c, ok = cover(c)
		if !ok {
			return nil, false
		}
		out = append(out, c)
	}
	return out, slices.ContainsFunc(out, func(c stack.Condition) bool {
		return c.Field == stack.HostHeader || c.Field == stack.PathPattern
	})
}

// cover replaces the values of a condition on host or path that AWS refuses by regular expressions for the same
// requests.
func cover(c stack.Condition) (stack.Condition, bool) {
	out := stack.Condition{Field: c.Field}
	for _, v := range c.Values {
		e, ok := expressionOf(v)
		if !ok {
			return out, false
		}
		out.Regex = append(out.Regex, e)
	}
	for _, v := range c.Regex {
		if v != "" && expression(v, maxValue) == "" {
			out.Regex = append(out.Regex, v)
		}
	}
	return out, len(out.Regex) > 0 && len(out.Regex) <= stack.MaxConditionValues
}

// expressionOf is a regular expression for the requests of a value. If AWS does not allow its length, the expression
// has the number of characters in the place of those in the middle of the longest part without a wildcard. ok is false
// if that is too long, too.
func expressionOf(v string) (e string, ok bool) {
	all := []rune(v)
	from, to := literalOf(all)
	for n := 0; n <= to-from; n++ {
		left := (from + to - n) / 2
		e = "^" + globOf(all[:left])
		if n > 0 {
			e += fmt.Sprintf(".{%d}", n)
		}
		if e += globOf(all[left+n:]) + "$"; utf8.RuneCountInString(e) <= maxValue {
			return e, true
		}
	}
	return "", false
}

// literalOf is the longest part of a value without a wildcard.
func literalOf(all []rune) (from, to int) {
	for at := 0; at < len(all); at++ {
		end := at
		for end < len(all) && all[end] != '*' && all[end] != '?' {
			end++
		}
		if end-at > to-from {
			from, to = at, end
		}
		at = end
	}
	return from, to
}

// globOf is the regular expression of a part of a value.
func globOf(part []rune) string {
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(string(part)))
}
