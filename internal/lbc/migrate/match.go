package migrate

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// maxValue is the longest value of a condition, in characters.
const maxValue = 128

// methods are those that a match may have.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "CONNECT": true, "OPTIONS": true, "TRACE": true,
	"PATCH": true,
}

// matches are the matches of a unit, as many as a rule may have each. There are none if it cannot be expressed, which
// is reported.
func (b *balancer) matches(u *unit) [][]gatewayv1.HTTPRouteMatch {
	var all []gatewayv1.HTTPRouteMatch
	for _, p := range b.paths(u) {
		all = append(all, gatewayv1.HTTPRouteMatch{Path: &p})
	}
	for _, c := range u.route.Conditions {
		switch c.Field {
		case stack.HostHeader, stack.PathPattern, stack.SourceIP:
		case stack.HTTPHeader:
			all = b.withHeader(u, all, c)
		case stack.RequestMethod:
			all = b.withMethod(u, all, c)
		case stack.QueryString:
			all = b.withQuery(u, all, c)
		}
	}
	return slices.Collect(slices.Chunk(all, maxMatches))
}

// times is each match combined with each alternative. combine reports false where the two exclude each other.
func times[T any](all []gatewayv1.HTTPRouteMatch, alternatives []T, combine func(*gatewayv1.HTTPRouteMatch, T) bool) (
	out []gatewayv1.HTTPRouteMatch) {
	for _, m := range all {
		for _, a := range alternatives {
			one := *m.DeepCopy()
			if combine(&one, a) {
				out = append(out, one)
			}
		}
	}
	return out
}

func (b *balancer) withHeader(u *unit, all []gatewayv1.HTTPRouteMatch, c stack.Condition) []gatewayv1.HTTPRouteMatch {
	var alternatives []gatewayv1.HTTPHeaderMatch
	add := func(kind gatewayv1.HeaderMatchType, value string) {
		alternatives = append(alternatives, gatewayv1.HTTPHeaderMatch{
			Type: &kind, Name: gatewayv1.HTTPHeaderName(c.HeaderName), Value: value})
	}
	for _, v := range c.Values {
		if strings.ContainsAny(v, overlap.Wildcards+",") {
			add(gatewayv1.HeaderMatchRegularExpression, "(?i)"+expression(v))
			continue
		}
		add(gatewayv1.HeaderMatchExact, v)
	}
	for _, r := range c.Regex {
		add(gatewayv1.HeaderMatchRegularExpression, r)
	}
	twice := false
	out := times(all, alternatives, func(m *gatewayv1.HTTPRouteMatch, h gatewayv1.HTTPHeaderMatch) bool {
		if slices.ContainsFunc(m.Headers, func(o gatewayv1.HTTPHeaderMatch) bool {
			return strings.EqualFold(string(o.Name), string(h.Name))
		}) {
			twice = true
			return false
		}
		m.Headers = append(m.Headers, h)
		return true
	})
	if twice {
		b.fail(u, "a match has one condition for header "+c.HeaderName+" only",
			"join the conditions in one regular expression")
	}
	return out
}

func (b *balancer) withMethod(u *unit, all []gatewayv1.HTTPRouteMatch, c stack.Condition) []gatewayv1.HTTPRouteMatch {
	var alternatives []gatewayv1.HTTPMethod
	for _, v := range c.Values {
		if !methods[v] {
			b.fail(u, "a route matches no requests of method "+v, "match them by path or header")
			continue
		}
		alternatives = append(alternatives, gatewayv1.HTTPMethod(v))
	}
	return times(all, alternatives, func(m *gatewayv1.HTTPRouteMatch, v gatewayv1.HTTPMethod) bool {
		if m.Method != nil {
			return *m.Method == v
		}
		m.Method = &v
		return true
	})
}

func (b *balancer) withQuery(u *unit, all []gatewayv1.HTTPRouteMatch, c stack.Condition) []gatewayv1.HTTPRouteMatch {
	var alternatives []gatewayv1.HTTPQueryParamMatch
	for _, q := range c.Query {
		switch {
		case q.Key == "":
			b.fail(u, "a match of a query parameter needs its name; the condition matches value "+q.Value+" of any",
				"name the parameter")
			continue
		case strings.ContainsAny(q.Key+q.Value, overlap.Wildcards):
			b.fail(u, "a match of a query parameter has no wildcards: "+q.Key+"="+q.Value, "list the values that are meant")
			continue
		}
		alternatives = append(alternatives, gatewayv1.HTTPQueryParamMatch{Type: ptr.To(gatewayv1.QueryParamMatchExact),
			Name: gatewayv1.HTTPHeaderName(q.Key), Value: q.Value})
	}
	twice := false
	out := times(all, alternatives, func(m *gatewayv1.HTTPRouteMatch, q gatewayv1.HTTPQueryParamMatch) bool {
		if slices.ContainsFunc(m.QueryParams, func(o gatewayv1.HTTPQueryParamMatch) bool { return o.Name == q.Name }) {
			twice = true
			return false
		}
		m.QueryParams = append(m.QueryParams, q)
		return true
	})
	if twice {
		b.fail(u, "a match has one condition for a query parameter only",
			"list the combinations in conditions of their own paths")
	}
	return out
}

// expression is the regular expression of a pattern with * and ?.
func expression(pattern string) string {
	var out strings.Builder
	out.WriteByte('^')
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '*':
			out.WriteString(".*")
		case '?':
			out.WriteByte('.')
		default:
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return out.String() + "$"
}

// needsExpression reports whether a unit has paths that only regular expressions match.
func (u *unit) needsExpression() bool {
	c, _ := u.conditionOf(stack.PathPattern)
	return len(c.Regex) > 0 || slices.ContainsFunc(c.Values, func(v string) bool {
		_, ok := below(v)
		return v != "/*" && !ok && strings.ContainsAny(v, overlap.Wildcards)
	})
}

// paths are the path matches of a unit.
func (b *balancer) paths(u *unit) (out []gatewayv1.HTTPPathMatch) {
	add := func(kind gatewayv1.PathMatchType, value string) {
		m := gatewayv1.HTTPPathMatch{Type: &kind, Value: &value}
		if !slices.ContainsFunc(out, func(o gatewayv1.HTTPPathMatch) bool { return *o.Type == kind && *o.Value == value }) {
			out = append(out, m)
		}
	}
	c, ok := u.conditionOf(stack.PathPattern)
	for _, r := range c.Regex {
		add(gatewayv1.PathMatchRegularExpression, r)
	}
	for _, v := range c.Values {
		prefix, whole := below(v)
		switch {
		case v == "/*" && u.last:
			add(gatewayv1.PathMatchRegularExpression, "/")
		case v == "/*":
			add(gatewayv1.PathMatchPathPrefix, "/")
		case slices.Contains(c.Values, v+"/*"): // the prefix has it
		case whole:
			add(gatewayv1.PathMatchPathPrefix, prefix)
		case !strings.ContainsAny(v, overlap.Wildcards) && strings.HasPrefix(v, "/"):
			add(gatewayv1.PathMatchExact, v)
		case len(expression(v)) > maxValue:
			b.fail(u, "the regular expression for path "+v+" is too long", "write a shorter path")
		default:
			add(gatewayv1.PathMatchRegularExpression, expression(v))
		}
	}
	switch {
	case ok:
	case u.last:
		add(gatewayv1.PathMatchRegularExpression, "/")
	default:
		add(gatewayv1.PathMatchPathPrefix, "/")
	}
	return append(out, u.also...)
}
