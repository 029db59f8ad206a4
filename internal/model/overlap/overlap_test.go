package overlap

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// widerSlowly is wider by trying everything.
func widerSlowly(p, q string) bool {
	switch {
	case p == "":
		return q == ""
	case p[0] == '*':
		return widerSlowly(p[1:], q) || q != "" && widerSlowly(p, q[1:])
	case q == "":
		return false
	}
	return (p[0] == q[0] || p[0] == '?' && q[0] != '*') && widerSlowly(p[1:], q[1:])
}

func TestAPatternIsWiderWhereTryingEverythingShowsIt(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, r.IntN(7))
		for i := range b {
			b[i] = "aab*?"[r.IntN(5)]
		}
		return string(b)
	}
	wide := 0
	for range 200_000 {
		p, q := text(), text()
		want := widerSlowly(p, q)
		if want {
			wide++
		}
		if wider(p, q) != want {
			t.Fatalf("wider(%q, %q) = %v", p, q, !want)
		}
	}
	if wide < 1000 {
		t.Errorf("only %d pairs are wider: the cases prove little", wide)
	}
}

// TestDisjointnessIsNeverClaimedWrongly compares with brute force over short shortTexts.
func TestDisjointnessIsNeverClaimedWrongly(t *testing.T) {
	t.Parallel()
	matches := func(pattern, s string) bool { return wildcard(pattern, s) }
	rapid.Check(t, func(rt *rapid.T) {
		gen := rapid.StringMatching(`/[ab*?]{0,4}`)
		x, y := gen.Draw(rt, "x"), gen.Draw(rt, "y")
		if !disjointValues([]string{x}, []string{y}, false) {
			return
		}
		for _, s := range shortTexts {
			if matches(x, s) && matches(y, s) {
				rt.Fatalf("%q and %q both match %q", x, y, s)
			}
		}
	})
}

// TestCoverageIsNeverClaimedWrongly compares with brute force over short shortTexts.
func TestCoverageIsNeverClaimedWrongly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		gen := rapid.StringMatching(`/[ab*?]{0,4}`)
		x, y := gen.Draw(rt, "x"), gen.Draw(rt, "y")
		if !wider(x, y) {
			return
		}
		for _, s := range shortTexts {
			if wildcard(y, s) && !wildcard(x, s) {
				rt.Fatalf("%q matches %q and %q does not", y, s, x)
			}
		}
	})
	host := func(v ...string) stack.Condition { return stack.Condition{Field: stack.HostHeader, Values: v} }
	path := func(v ...string) stack.Condition { return stack.Condition{Field: stack.PathPattern, Values: v} }
	post := stack.Condition{Field: stack.RequestMethod, Values: []string{"POST"}}
	for _, tc := range []struct {
		a, b []stack.Condition
		want bool
	}{
		{[]stack.Condition{path("/*")}, []stack.Condition{host("a.test"), path("/x")}, true},
		{[]stack.Condition{path("/*")}, []stack.Condition{host("a.test")}, true},
		{[]stack.Condition{host("*.TEST"), path("/*")}, []stack.Condition{host("a.test"), path("/x", "/x/*")}, true},
		{[]stack.Condition{path("/x", "/x/*")}, []stack.Condition{path("/x/y/*")}, true},
		{[]stack.Condition{path("/x", "/x/*")}, []stack.Condition{path("/x*")}, false},
		{[]stack.Condition{path("/*"), post}, []stack.Condition{path("/x")}, false},
		{[]stack.Condition{path("/*")}, []stack.Condition{path("/x"), post}, true},
		{[]stack.Condition{host("a.test")}, []stack.Condition{host("a.test", "b.test")}, false},
		{[]stack.Condition{{Field: stack.PathPattern, Regex: []string{"^/a"}}}, []stack.Condition{path("/a")}, false},
		{[]stack.Condition{{Field: stack.PathPattern, Values: []string{"/a"}}}, []stack.Condition{
			{Field: stack.PathPattern, Regex: []string{"^/a"}}}, false},
		{[]stack.Condition{{Field: stack.HTTPHeader, HeaderName: "X-A", Values: []string{"1"}}}, []stack.Condition{
			{Field: stack.HTTPHeader, HeaderName: "X-B", Values: []string{"1"}}}, false},
	} {
		if got := Covers(tc.a, tc.b); got != tc.want {
			t.Errorf("Covers(%+v, %+v) = %v", tc.a, tc.b, got)
		}
	}
}

// shortTexts are all shortTexts of "/" and at most five of a and b.
var shortTexts = func() []string {
	out := []string{"/"}
	for from, n := 0, 0; n < 5; n++ {
		to := len(out)
		for _, s := range out[from:to] {
			out = append(out, s+"a", s+"b")
		}
		from = to
	}
	return out
}()

func wildcard(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return wildcard(p[1:], s) || s != "" && wildcard(p, s[1:])
	case s == "":
		return false
	}
	return (p[0] == '?' || p[0] == s[0]) && wildcard(p[1:], s[1:])
}

// TestExpressionsOfHostnamesAreDisjointIfTheirNamesAre has the expressions that match a hostname with any port.
func TestExpressionsOfHostnamesAreDisjointIfTheirNamesAre(t *testing.T) {
	t.Parallel()
	host := func(all ...string) []stack.Condition {
		return []stack.Condition{{Field: stack.HostHeader, Regex: all}}
	}
	const a, b, wild, deep = `^a\.test(:[0-9]+)?$`, `^b\.test(:[0-9]+)?$`, `^[^.].*\.test(:[0-9]+)?$`,
		`^[^.].*\.b\.test(:[0-9]+)?$`
	for _, test := range []struct {
		x, y []stack.Condition
		want bool
	}{
		{host(a), host(b), true}, {host(a), host(a), false}, {host(a), host(`^A\.test(:[0-9]+)?$`), false},
		{host(a, b), host(b), false},
		{host(a), host(wild), false}, {host(wild), host(a), false}, {host(deep), host(wild), false},
		{host(deep), host(a), true},
		{host(`^test(:[0-9]+)?$`), host(wild), true}, {host(`^xtest(:[0-9]+)?$`), host(wild), true},
		{host(a), host(`^b`), false}, {host(`^a.test(:[0-9]+)?$`), host(b), false}, {host(`^a\.test$`), host(b), false},
		{host(a), []stack.Condition{{Field: stack.HostHeader, Values: []string{"b.test"}}}, false},
	} {
		if got := Disjoint(test.x, test.y); got != test.want {
			t.Errorf("%v and %v: %t", test.x, test.y, got)
		}
	}
}

// TestPatternsCoverExpressions lists expressions all of whose texts a pattern matches, and others.
func TestPatternsCoverExpressions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		field               stack.ConditionField
		pattern, expression string
		want                bool
	}{
		{stack.PathPattern, "/*", `/v[0-9]+/users`, true},
		{stack.PathPattern, "/orders/*", `^/orders/[0-9]+$`, true},
		{stack.PathPattern, "/orders", `^/orders$`, true},
		{stack.PathPattern, "/orders", `^/orders`, false},
		{stack.PathPattern, "/orders/*", `^/orders(/.*)?$`, false},
		{stack.PathPattern, "/orders/*", `/orders/[0-9]+$`, false},
		{stack.PathPattern, "/orders/*", `^(?i)/orders/[0-9]+$`, false},
		{stack.PathPattern, "/orders/*", `^/orders/a|/b$`, false},
		{stack.PathPattern, "/orders/*", `(`, false},
		{stack.PathPattern, "/a/*", `(?m)^/a/b`, false},
		{stack.PathPattern, "/a.b*", `^/a\.b`, true},
		{stack.PathPattern, "/a.b", `^/a\.b$`, true},
		{stack.PathPattern, "/order*", `^/orders?`, true},
		{stack.PathPattern, "/orders*", `^/orders?`, false},
		{stack.PathPattern, "/orders*", `^/orders{0,1}`, false},
		{stack.PathPattern, "/orders*", `^/orders$/`, true},
		{stack.PathPattern, "/d*", `^/\d`, false},
		{stack.PathPattern, "/*", `^/é?`, true},
		{stack.PathPattern, "/a*", "^/a\u00e9+", true},
		{stack.PathPattern, "/\u00e9*", "^/\u00e9?", false},
		{stack.HostHeader, "a.test", `^a\.test(:[0-9]+)?$`, true},
		{stack.HostHeader, "*.test", `^a\.test(:[0-9]+)?$`, true},
		{stack.HostHeader, "*.test", `^[^.].*\.a\.test(:[0-9]+)?$`, true},
		{stack.HostHeader, "a.test", `^[^.].*\.test(:[0-9]+)?$`, false},
	} {
		wide := []stack.Condition{{Field: tc.field, Values: []string{tc.pattern}}}
		narrow := []stack.Condition{{Field: tc.field, Regex: []string{tc.expression}}}
		if got := Covers(wide, narrow); got != tc.want {
			t.Errorf("%s covers expression %s: %t, want %t", tc.pattern, tc.expression, got, tc.want)
		}
	}
}

func TestRangesCoverThoseWithinThem(t *testing.T) {
	t.Parallel()
	from := func(ranges ...string) []stack.Condition {
		return []stack.Condition{{Field: stack.SourceIP, Values: ranges}}
	}
	if !Covers(from("10.0.0.0/8"), from("10.1.0.0/16", "10.2.3.4/32")) ||
		Covers(from("10.1.0.0/16"), from("10.0.0.0/8")) || Covers(from("0.0.0.0/0"), from("::/0")) {
		t.Error("a range covers ranges beyond it, or not those within it")
	}
}
