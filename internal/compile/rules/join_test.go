package rules

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// answering is a rule of an alternative that answers with its name.
func answering(member int, alternative int32, name string, conditions ...stack.Condition) Rule {
	a := intent.Action{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "200", MessageBody: name}}
	return Rule{
		Member: member, Route: &intent.Route{Alternative: alternative, Actions: []intent.Action{a}},
		Rule: stack.Rule{Conditions: conditions, Actions: []stack.Action{{Type: a.Type, FixedResponse: a.FixedResponse}}},
	}
}

// TestJoinedRulesAnswerAsTheRulesBefore compares the answers, and holds joined rules to ELB's limits.
func TestJoinedRulesAnswerAsTheRulesBefore(t *testing.T) {
	t.Parallel()
	numbered := func(in []Rule) (out []stack.Rule) {
		for i, w := range in {
			w.Order = int32(i + 1)
			out = append(out, w.Rule)
		}
		return out
	}
	less := false
	rapid.Check(t, func(rt *rapid.T) {
		var all []Rule
		for range rapid.IntRange(1, 8).Draw(rt, "rules") {
			member, alternative := rapid.IntRange(0, 2).Draw(rt, "member"), int32(rapid.IntRange(0, 2).Draw(rt, "alternative"))
			name := fmt.Sprint(member, "/", alternative)
			for _, part := range Split(drawConditions(rt)) {
				all = append(all, answering(member, alternative, name, part...))
			}
		}
		joined := Join(all)
		less = less || len(joined) < len(all)
		for _, w := range joined {
			if problem := OverLimit(w.Conditions); problem != "" {
				rt.Fatalf("%v: %s", w.Conditions, problem)
			}
		}
		for range 20 {
			r := drawRequest(rt)
			x, y := traffic.Match(numbered(all), nil, r), traffic.Match(numbered(joined), nil, r)
			if diff := cmp.Diff(x.Actions, y.Actions); diff != "" {
				rt.Fatalf("%+v: %s", r, diff)
			}
		}
	})
	if !less {
		t.Error("nothing was joined")
	}
}

func TestOnlyAlternativesOfOneRuleAreJoined(t *testing.T) {
	t.Parallel()
	host := func(h string) stack.Condition {
		return stack.Condition{Field: stack.HostHeader, Regex: []string{"^" + h + `\.test(:[0-9]+)?$`}}
	}
	path := func(p string) stack.Condition {
		return stack.Condition{Field: stack.PathPattern, Values: []string{p}}
	}
	header := func(v string) stack.Condition {
		return stack.Condition{Field: stack.HTTPHeader, HeaderName: "A", Values: []string{v}}
	}
	a, b := host("a"), host("b")
	transformed := answering(0, 1, "x", b)
	transformed.Route.Transforms = []stack.Transform{{Type: "url-rewrite"}}
	for name, test := range map[string]struct {
		in   []Rule
		want int
	}{
		"hosts": {[]Rule{answering(0, 1, "x", a), answering(0, 1, "x", b)}, 1},
		"paths": {[]Rule{answering(0, 1, "x", a, path("/a")), answering(0, 1, "x", a, path("/b"))},
			1},
		"hosts and paths": {[]Rule{answering(0, 1, "x", a, path("/a")), answering(0, 1, "x", b, path("/b"))},
			2},
		"headers":          {[]Rule{answering(0, 1, "x", header("1")), answering(0, 1, "x", header("2"))}, 2},
		"two rules":        {[]Rule{answering(0, 1, "x", a), answering(0, 2, "x", b)}, 2},
		"two routes":       {[]Rule{answering(0, 1, "x", a), answering(1, 1, "x", b)}, 2},
		"no alternatives":  {[]Rule{answering(0, 0, "x", a), answering(0, 0, "x", b)}, 2},
		"other transforms": {[]Rule{answering(0, 1, "x", a), transformed}, 2},
		"another host between them": {[]Rule{answering(0, 1, "x", a), answering(1, 1, "y", host("c")),
			answering(0, 1, "x", b)}, 2},
		"the same host between them": {[]Rule{answering(0, 1, "x", a, path("/a")), answering(1, 1, "y", a, path("/*")),
			answering(0, 1, "x", a, path("/b"))}, 3},
		"one that may be between them": {[]Rule{answering(0, 1, "x", a), answering(1, 1, "y", header("1")),
			answering(0, 1, "x", b)}, 3},
		"more values than a rule admits": {[]Rule{answering(0, 1, "x", path("/a")), answering(0, 1, "x", path("/b")),
			answering(0, 1, "x", path("/c")), answering(0, 1, "x", path("/d")), answering(0, 1, "x", path("/e")),
			answering(0, 1, "x", path("/f"))}, 2},
	} {
		if got := Join(test.in); len(got) != test.want {
			t.Errorf("%s: %d rules, want %d", name, len(got), test.want)
		}
	}
}

// TestARedirectOfATransformedPathIsNoLoop has a redirect whose every part is as before, but for the path that a
// transform makes.
func TestARedirectOfATransformedPathIsNoLoop(t *testing.T) {
	t.Parallel()
	w := answering(0, 0, "x", stack.Condition{Field: stack.PathPattern, Values: []string{"/a/*"}})
	w.Actions = []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443",
		StatusCode: "HTTP_301"}}}
	l := &Listener{Port: 443, Protocol: "HTTPS"}
	if got, _ := l.Optimise([]Rule{w}); len(got) != 0 {
		t.Error("a loop is kept")
	}
	w.Transforms = []stack.Transform{{Type: "url-rewrite"}}
	if got, _ := l.Optimise([]Rule{w}); len(got) != 1 {
		t.Error("a redirect to another path is dropped")
	}
}

func TestAVerbatimRuleIsKeptWhereARedirectHidesIt(t *testing.T) {
	t.Parallel()
	path := stack.Condition{Field: stack.PathPattern, Values: []string{"/a"}}
	front := answering(0, 0, "x", path)
	front.Actions = []stack.Action{
		{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Host: "b.test", StatusCode: "HTTP_301"}}}
	behind := answering(1, 0, "y", path)
	l := &Listener{Port: 80, Protocol: "HTTP"}
	if got, _ := l.Optimise([]Rule{front, behind}); len(got) != 1 {
		t.Errorf("%d rules", len(got))
	}
	behind.Route.Verbatim = true
	if got, _ := l.Optimise([]Rule{front, behind}); len(got) != 2 {
		t.Errorf("verbatim: %d rules", len(got))
	}
}

// TestJoinIsDeterministic has a rule of one member in the way of another member's rule until it is joined itself.
func TestJoinIsDeterministic(t *testing.T) {
	t.Parallel()
	path := func(value string) stack.Condition {
		return stack.Condition{Field: stack.PathPattern, Values: []string{value}}
	}
	for range 100 {
		for b, a := range []int{1, 0} {
			all := []Rule{answering(b, 1, "b", path("/b")), answering(a, 1, "a", path("/a")),
				answering(b, 1, "b", path("/c*")), answering(a, 1, "a", path("/c1"))}
			if got := Join(all); len(got) != 2 {
				t.Fatalf("%d rules: %v", len(got), got)
			}
		}
	}
}
