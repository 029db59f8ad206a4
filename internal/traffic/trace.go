package traffic

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Attempt is one rule that was tried on a request.
type Attempt struct {
	Rule *stack.Rule
	// Failed is the first condition that does not hold; nil = all hold, and the rule applies.
	Failed *stack.Condition
	// Got is the text that the failed condition compared, such as the host without its port in lower case, the normalised path or
	// a header's lines. Empty if the request has no such part.
	Got string
}

// Trace is Match with a record of every rule that was tried, up to and including the one that matched.
func (m *Matcher) Trace(r *Request) []Attempt {
	v := view{Request: r}
	var out []Attempt
	for i := range m.rules {
		rule := &m.rules[i]
		a := Attempt{Rule: &rule.source}
		for n, c := range rule.conditions {
			if !c(&v) {
				a.Failed = &rule.source.Conditions[n]
				a.Got = v.shown(a.Failed)
				break
			}
		}
		out = append(out, a)
		if a.Failed == nil {
			break
		}
	}
	return out
}

// shown is the part of the request that a condition compares.
func (v *view) shown(c *stack.Condition) string {
	switch c.Field {
	case stack.HostHeader:
		return v.hostname()
	case stack.PathPattern:
		return v.normalizedPath()
	case stack.HTTPHeader:
		return strings.Join(v.header(c.HeaderName), ", ")
	case stack.RequestMethod:
		return v.Method
	case stack.QueryString:
		return v.RawQuery
	case stack.SourceIP:
		if v.SourceIP.IsValid() {
			return v.SourceIP.Unmap().String()
		}
	}
	return ""
}
