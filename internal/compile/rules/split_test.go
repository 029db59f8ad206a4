package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// drawConditions draws conditions with many values of few, so that most exceed a limit and most requests meet
// something.
func drawConditions(t *rapid.T) []stack.Condition {
	some := func(what string, from ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 0, 12).Draw(t, what)
	}
	var out []stack.Condition
	add := func(c stack.Condition) {
		if len(c.Values)+len(c.Regex)+len(c.Query) > 0 {
			out = append(out, c)
		}
	}
	add(stack.Condition{Field: stack.HostHeader, Values: some("hosts", "a.test", "b.test", "*.c.test", "?.d.test")})
	if rapid.Bool().Draw(t, "regex paths") {
		add(stack.Condition{Field: stack.PathPattern, Regex: some("paths", "^/a", "^/b$", "^/[cd]")})
	} else {
		add(stack.Condition{Field: stack.PathPattern, Values: some("paths", "/a", "/a/*", "/b", "/c*", "/?/*/*")})
	}
	add(stack.Condition{Field: stack.RequestMethod, Values: some("methods", "GET", "POST", "PUT")})
	add(stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-A", Values: some("headers", "1", "2*", "3")})
	var query []stack.QueryValue
	for _, v := range some("query", "1", "2", "*") {
		query = append(query, stack.QueryValue{Key: "q", Value: v})
	}
	add(stack.Condition{Field: stack.QueryString, Query: query})
	add(stack.Condition{Field: stack.SourceIP, Values: some("sources", "10.0.0.0/8", "192.0.2.0/24")})
	return out
}

func drawRequest(t *rapid.T) traffic.Request {
	pick := func(what string, from ...string) string { return rapid.SampledFrom(from).Draw(t, what) }
	return traffic.Request{
		Host: pick("host", "a.test", "b.test", "x.c.test", "y.d.test", "other"), Path: pick("path", "/a", "/a/x", "/b",
			"/cc", "/d/e/f"),
		Method: pick("method", "GET", "POST", "PUT"), RawQuery: pick("query string", "", "q=1", "q=3"),
		Header: map[string][]string{"X-A": {pick("header", "1", "22", "4")}}, SourceIP: netip.MustParseAddr(
			pick("source", "10.1.1.1", "192.0.2.9", "8.8.8.8")),
	}
}

// TestRulesThatAreSplitMatchWhatOneRuleWould holds each part to AWS's limits and all parts to the traffic of the whole.
func TestRulesThatAreSplitMatchWhatOneRuleWould(t *testing.T) {
	t.Parallel()
	meets := func(cs []stack.Condition, r traffic.Request) bool {
		return traffic.Match([]stack.Rule{{Order: 1, Conditions: cs}}, nil, r).Rule != nil
	}
	rapid.Check(t, func(rt *rapid.T) {
		whole := drawConditions(rt)
		parts := Split(whole)
		if len(parts) == 0 {
			if OverLimit(whole) == "" {
				rt.Fatalf("%v needs no splitting", whole)
			}
			return
		}
		for _, p := range parts {
			if problem := OverLimit(p); problem != "" {
				rt.Fatalf("%v: %s", p, problem)
			}
		}
		for range 20 {
			r := drawRequest(rt)
			if one, many := meets(whole, r), slices.ContainsFunc(parts, func(p []stack.Condition) bool {
				return meets(p, r)
			}); one != many {
				rt.Fatalf("%+v meets the whole: %v, a part: %v; %v", r, one, many, parts)
			}
		}
	})
}

// TestARedirectHidesOnlyRulesThatNoRequestReaches compares the answers of all rules with those of the rules that are
// kept.
func TestARedirectHidesOnlyRulesThatNoRequestReaches(t *testing.T) {
	t.Parallel()
	l := &Listener{Port: 80, Protocol: "HTTP"}
	rapid.Check(t, func(rt *rapid.T) {
		var all []Rule
		for i := range rapid.IntRange(1, 6).Draw(rt, "rules") {
			a := stack.Action{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "200", MessageBody: fmt.Sprint(i)}}
			if rapid.Bool().Draw(rt, "redirect") {
				a = stack.Action{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: fmt.Sprintf("r%d.test", i),
					StatusCode: "HTTP_301"}}
			}
			all = append(all, Rule{Route: &intent.Route{}, Rule: stack.Rule{Order: int32(i + 1), Conditions: drawConditions(rt),
				Actions: []stack.Action{a}}})
		}
		rules := func(ws []Rule) (out []stack.Rule) {
			for _, w := range ws {
				out = append(out, w.Rule)
			}
			return out
		}
		kept, _ := l.Optimise(all)
		for range 20 {
			r := drawRequest(rt)
			x, y := traffic.Match(rules(all), nil, r), traffic.Match(rules(kept), nil, r)
			if (x.Rule == nil) != (y.Rule == nil) || x.Rule != nil && x.Rule.Order != y.Rule.Order {
				rt.Fatalf("%+v is answered by %+v with all rules, by %+v with those that are kept", r, x.Rule, y.Rule)
			}
		}
	})
}
