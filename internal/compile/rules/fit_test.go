package rules

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// claim is one of a member with host and path, which forwards to a target group; a login comes before it if it guards.
func claim(member int, host, path, group string, login bool) Claim {
	var conditions []stack.Condition
	if host != "" {
		conditions = append(conditions, stack.Condition{Field: stack.HostHeader, Values: []string{host}})
	}
	conditions = append(conditions, stack.Condition{Field: stack.PathPattern, Values: []string{path}})
	w := &Rule{Member: member, Route: &intent.Route{Actions: []intent.Action{{Type: stack.ActionForward}}},
		Rule: stack.Rule{Conditions: conditions}}
	if login {
		w.Route.Authentication = []intent.Action{{Type: stack.ActionAuthenticateOIDC}}
		w.Actions = []stack.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{Issuer: group}}}
	}
	w.Actions = append(w.Actions, stack.Action{Type: stack.ActionForward, Forward: &stack.Forward{
		TargetGroups: []stack.WeightedTargetGroup{{TargetGroup: stack.Ref{Kind: stack.KindTargetGroup, ID: group}}}}})
	return Claim{Rule: w, Port: 80, Seniority: member}
}

// names are the paths of the claims that have room.
func names(claims []Claim, left []bool) (out []string) {
	for i, c := range claims {
		if !left[i] {
			out = append(out, c.Conditions[len(c.Conditions)-1].Values[0])
		}
	}
	return out
}

func TestRulesThatExceedTheRoomAreLeftOut(t *testing.T) {
	t.Parallel()
	on := func(port int32, c Claim) Claim { c.Port = port; return c }
	standing := func(c Claim) Claim { c.Stands = true; return c }
	ample := Room{Rules: 2, TargetGroups: 100}
	for name, test := range map[string]struct {
		claims []Claim
		room   Room
		want   []string
		closed []int32
	}{
		"of one member the last ones": {[]Claim{claim(0, "", "/a/b", "x", false), claim(0, "", "/a", "x", false),
			claim(0, "", "/*", "x", false)}, ample, []string{"/a/b", "/a"}, nil},
		"of two members those of the one that joined last": {
			[]Claim{claim(1, "", "/young1", "x", false), claim(1, "", "/young2", "x", false), claim(0, "", "/old", "x", false)},
			ample, []string{"/young1", "/old"}, nil,
		},
		"not what stands": {[]Claim{claim(0, "", "/new", "x", false), claim(0, "", "/a", "x", false),
			standing(claim(1, "", "/b", "x", false))}, ample, []string{"/new", "/b"}, nil},
		"on all ports alike": {
			[]Claim{claim(0, "", "/a", "x", false), claim(0, "", "/b", "x", false), on(443, claim(0, "", "/a", "x", false)),
				on(443, claim(0, "", "/b", "x", false))}, ample, []string{"/a", "/a"}, nil,
		},
		"a login stays before what would serve without it": {
			[]Claim{claim(1, "", "/admin", "x", true), claim(0, "", "/a", "x", false), claim(0, "", "/*", "x", false)}, ample,
			[]string{"/admin", "/a"}, nil,
		},
		"a login for which nothing else serves goes": {
			[]Claim{claim(1, "b.test", "/admin", "x", true), claim(0, "a.test", "/a", "x", false),
				claim(0, "a.test", "/*", "x", false)}, ample, []string{"/a", "/*"}, nil,
		},
		"where logins alone are too many, nothing serves without": {
			[]Claim{claim(0, "", "/1", "x", true), claim(0, "", "/2", "x", true), claim(0, "", "/3", "x", true),
				claim(0, "", "/*", "x", false)}, ample, []string{"/1", "/2"}, nil,
		},
		"nor does a default action": {
			[]Claim{claim(0, "", "/1", "x", true), claim(0, "", "/2", "x", true), claim(0, "", "/3", "x", true)},
			Room{Rules: 2, TargetGroups: 100, Open: map[int32]bool{80: true}}, []string{"/1", "/2"}, []int32{80},
		},
		"of target groups": {
			[]Claim{claim(0, "", "/a", "x", false), claim(0, "", "/b", "y", false), claim(0, "", "/c", "x", false)},
			Room{Rules: 9, TargetGroups: 1}, []string{"/a", "/c"}, nil,
		},
		"of target groups a login that has no room": {
			[]Claim{claim(0, "", "/a", "x", true), claim(0, "", "/admin", "y", true), claim(0, "", "/*", "x", false)},
			Room{Rules: 9, TargetGroups: 1}, []string{"/admin"}, nil,
		},
	} {
		got := Fit(test.claims, test.room)
		var closed []int32
		for p := range got.Closed {
			closed = append(closed, p)
		}
		if d := cmp.Diff(test.want, names(test.claims, got.LeftOut)); d != "" || !slices.Equal(closed, test.closed) {
			t.Errorf("%s: %s; closed %v", name, d, closed)
		}
	}
}

// TestWhatIsLeftOutOpensNothing draws rules with and without a login: no request that would meet a login is forwarded
// without one once rules are left out, no more rules and target groups remain than there is room for, and nothing is
// left out that has room.
func TestWhatIsLeftOutOpensNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var claims []Claim
		for range rapid.IntRange(1, 9).Draw(rt, "rules") {
			c := claim(rapid.IntRange(0, 2).Draw(rt, "member"), rapid.SampledFrom([]string{"", "a.test", "b.test", "*.c.test"}).
				Draw(rt, "host"),
				rapid.SampledFrom([]string{"/a", "/a/*", "/b", "/*"}).Draw(rt, "path"),
				rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "group"), rapid.Bool().Draw(rt, "login"))
			c.Stands = rapid.Bool().Draw(rt, "stands")
			claims = append(claims, c)
		}
		room := Room{Rules: rapid.IntRange(0, 9).Draw(rt, "room"), TargetGroups: rapid.IntRange(1, 3).Draw(rt, "groups"),
			Open: map[int32]bool{80: rapid.Bool().Draw(rt, "open")}}
		got := Fit(claims, room)
		var before, after []stack.Rule
		groups, left := map[string]bool{}, 0
		for i, c := range claims {
			w := c.Rule.Rule
			w.Order = int32(i + 1)
			before = append(before, w)
			if got.LeftOut[i] {
				left++
				continue
			}
			after = append(after, w)
			groups[w.Actions[len(w.Actions)-1].Forward.TargetGroups[0].TargetGroup.ID] = true
		}
		if len(after) > room.Rules || len(groups) > room.TargetGroups {
			rt.Fatalf("%d rules to %d target groups, there is room for %+v", len(after), len(groups), room)
		}
		if left > 0 && len(claims) <= room.Rules && room.TargetGroups == 3 {
			rt.Fatalf("%d rules are left out, though there is room for all", left)
		}
		defaults := func(closed bool) []stack.Action {
			if room.Open[80] && !closed {
				return claim(0, "", "/", "default", false).Actions
			}
			return nil
		}
		loggedIn := func(d traffic.Decision) bool { return len(d.Actions) > 0 && d.Actions[0].OIDC != nil }
		for range 20 {
			r := drawRequest(rt)
			x, y := traffic.Match(before, defaults(false), r), traffic.Match(after, defaults(got.Closed[80]), r)
			if _, served := y.Routing(); loggedIn(x) && served && !loggedIn(y) {
				rt.Fatalf("%+v meets a login with all rules, and none with those that have room", r)
			}
		}
	})
}

// TestRulesThatAreJoinedToFitAnswerAsBefore has rules of several routes, and as many joined as are asked for at most.
func TestRulesThatAreJoinedToFitAnswerAsBefore(t *testing.T) {
	t.Parallel()
	less := false
	rapid.Check(t, func(rt *rapid.T) {
		var all []Rule
		for range rapid.IntRange(1, 9).Draw(rt, "rules") {
			member := rapid.IntRange(0, 1).Draw(rt, "member")
			name := fmt.Sprint(member, "/", rapid.IntRange(0, 1).Draw(rt, "backend"))
			for _, part := range Split(drawConditions(rt)) {
				all = append(all, answering(member, 0, name, part...))
			}
		}
		n := rapid.IntRange(0, 4).Draw(rt, "fewer")
		f := NewFitter(all)
		f.Join(0, "", n)
		joined := f.Rules()
		less = less || len(joined) < len(all)
		if len(all)-len(joined) > n {
			rt.Fatalf("%d rules of %d are left, %d fewer were asked for", len(joined), len(all), n)
		}
		number := func(in []Rule) (out []stack.Rule) {
			for i, w := range in {
				if problem := OverLimit(w.Conditions); problem != "" {
					rt.Fatalf("%v: %s", w.Conditions, problem)
				}
				w.Order = int32(i + 1)
				out = append(out, w.Rule)
			}
			return out
		}
		for range 20 {
			r := drawRequest(rt)
			if d := cmp.Diff(traffic.Match(number(all), nil, r).Actions, traffic.Match(number(joined), nil, r).Actions); d !=
				"" {
				rt.Fatalf("%+v: %s", r, d)
			}
		}
	})
	if !less && !testing.Short() {
		t.Error("nothing was joined")
	}
}
