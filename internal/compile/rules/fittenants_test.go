package rules

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// in has a claim be one of a namespace.
func in(namespace string, c Claim) Claim {
	c.Namespace = namespace
	return c
}

func TestGuardTakesRoomOfItsNamespaceOnly(t *testing.T) {
	t.Parallel()
	decides := func(c Claim) Claim { c.Decides = true; return c }
	for name, test := range map[string]struct {
		claims []Claim
		room   Room
		want   []string
		closed bool
	}{
		"of others": {[]Claim{in("mal", claim(1, "", "/admin", "x", true)), in("shop", claim(0, "", "/a", "x", false)),
			in("shop", claim(0, "", "/*", "x", false))}, Room{Rules: 2, TargetGroups: 9}, []string{"/a", "/*"}, false},
		"of its own": {[]Claim{in("shop", claim(0, "", "/a", "x", false)), in("mal", claim(1, "", "/admin", "x", true)),
			in("mal", claim(1, "", "/*", "x", false))}, Room{Rules: 2, TargetGroups: 9}, []string{"/a", "/admin"}, false},
		"of all, of a namespace that decides": {[]Claim{decides(in("shop", claim(1, "", "/admin", "x", true))),
			in("blog", claim(0, "", "/a", "x", false)), in("blog", claim(0, "", "/*", "x", false))},
			Room{Rules: 2, TargetGroups: 9}, []string{"/admin", "/a"}, false},
		"not the default action of others": {[]Claim{in("mal", claim(1, "", "/1", "x", true)),
			in("mal", claim(1, "", "/2", "x", true))}, Room{Rules: 1, TargetGroups: 9, Open: map[int32]bool{80: true},
			Defaults: map[int32]string{80: "shop"}}, []string{"/1"}, false},
		"the default action of its own": {[]Claim{in("mal", claim(1, "", "/1", "x", true)),
			in("mal", claim(1, "", "/2", "x", true))}, Room{Rules: 1, TargetGroups: 9, Open: map[int32]bool{80: true},
			Defaults: map[int32]string{80: "mal"}}, []string{"/1"}, true},
	} {
		got := Fit(test.claims, test.room)
		if d := cmp.Diff(test.want, names(test.claims, got.LeftOut)); d != "" || got.Closed[80] != test.closed {
			t.Errorf("%s: %s; closed %v", name, d, got.Closed)
		}
	}
}

// TestGuardTakesNoRoomOfOtherNamespaces draws rules of a member, and rules of a newcomer of another namespace between
// them: the member's rules that have room, and its default action, are the same as without the newcomer's.
func TestGuardTakesNoRoomOfOtherNamespaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var hers, all []Claim
		for range rapid.IntRange(1, 12).Draw(rt, "rules") {
			member := rapid.IntRange(0, 1).Draw(rt, "member")
			c := claim(member, rapid.SampledFrom([]string{"", "a.test", "b.test"}).Draw(rt, "host"),
				rapid.SampledFrom([]string{"/a", "/a/*", "/b", "/*"}).Draw(rt, "path"),
				rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "group"), rapid.Bool().Draw(rt, "login"))
			if member == 0 {
				c.Stands = rapid.Bool().Draw(rt, "stands")
				c = in("shop", c)
				hers = append(hers, c)
			} else {
				c = in("mal", c)
			}
			all = append(all, c)
		}
		room := Room{Rules: rapid.IntRange(0, 9).Draw(rt, "room"), TargetGroups: rapid.IntRange(1, 3).Draw(rt, "groups"),
			Open: map[int32]bool{80: rapid.Bool().Draw(rt, "open")}, Defaults: map[int32]string{80: "shop"}}
		alone, beside := Fit(hers, room), Fit(all, room)
		var left []bool
		for i, c := range all {
			if c.Namespace == "shop" {
				left = append(left, beside.LeftOut[i])
			}
		}
		if !slices.Equal(left, alone.LeftOut) || alone.Closed[80] != beside.Closed[80] {
			rt.Fatalf("left out %v, closed %v; without the newcomer %v, %v", left, beside.Closed, alone.LeftOut, alone.Closed)
		}
	})
}
