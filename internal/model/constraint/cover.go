package constraint

import (
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
		e := "^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(v)) + "$"
		if utf8.RuneCountInString(e) > maxValue {
			return out, false
		}
		out.Regex = append(out.Regex, e)
	}
	for _, v := range c.Regex {
		if expression(v, maxValue) == "" {
			out.Regex = append(out.Regex, v)
		}
	}
	return out, len(out.Regex) > 0 && len(out.Regex) <= stack.MaxConditionValues
}
