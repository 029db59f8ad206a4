package settle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSettle has members declare one setting or two. A member is "ROLE a=1 b=2"; a role is serves, former, both or new.
func TestSettle(t *testing.T) {
	t.Parallel()
	roles := map[string]Role{"serves": {Serves: true}, "former": {Former: true}, "both": {true, true}, "new": {}}
	for name, c := range map[string]struct {
		members []string
		effect  string // SETTING=VALUE of MEMBER, with ? if it is disputed
		refused []int
		ignored []int
	}{
		"nobody":                             {},
		"one":                                {members: []string{"new a=1"}, effect: "a=1 of 0"},
		"a newcomer adds":                    {members: []string{"serves", "new a=1"}, effect: "a=1 of 1"},
		"all agree":                          {members: []string{"serves a=1", "new a=1", "serves a=1"}, effect: "a=1 of 0"},
		"a newcomer disagrees":               {members: []string{"new a=2", "serves a=1"}, effect: "a=1 of 1", refused: []int{0}},
		"newcomers disagree":                 {members: []string{"new a=1", "new a=2"}, effect: "a=1 of 0", refused: []int{1}},
		"a refused one refuses none":         {members: []string{"serves a=1", "new a=2 b=1", "new b=2"}, effect: "a=1 of 0 b=2 of 2", refused: []int{1}},
		"those that serve disagree":          {members: []string{"serves a=1", "serves a=2"}, effect: "a=1? of 0", ignored: []int{0, 1}},
		"and a newcomer with one of them":    {members: []string{"serves a=1", "serves a=2", "new a=2"}, effect: "a=1? of 0", refused: []int{2}, ignored: []int{0, 1}},
		"a last valid version, and a valid":  {members: []string{"both a=1", "serves a=2"}, effect: "a=2 of 1", ignored: []int{0}},
		"a last valid version alone":         {members: []string{"both a=1", "serves"}, effect: "a=1 of 0"},
		"it serves, and a newcomer comes":    {members: []string{"new a=2", "both a=1"}, effect: "a=1 of 1", refused: []int{0}},
		"one that never served, and is left": {members: []string{"former a=1", "new a=2"}, effect: "a=2 of 1", ignored: []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all []Declared
			var of []Role
			for i, m := range c.members {
				words := strings.Fields(m)
				of = append(of, roles[words[0]])
				for _, w := range words[1:] {
					setting, value, _ := strings.Cut(w, "=")
					all = append(all, Declared{Setting: setting, Member: i, Value: value})
				}
			}
			effect, refused, ignored := Settle(of, all)
			var got []string
			for setting, s := range effect {
				mark := ""
				if s.Disputed {
					mark = "?"
				}
				got = append(got, fmt.Sprintf("%s=%s%s of %d", setting, s.Value, mark, s.Member))
			}
			slices.Sort(got)
			members := func(of []Disagreement) (out []int) {
				for _, d := range of {
					out = append(out, d.Of.Member)
				}
				return out
			}
			if strings.Join(got, " ") != c.effect || !slices.Equal(members(refused), c.refused) ||
				!slices.Equal(members(ignored), c.ignored) {
				t.Errorf("%v, refused %v, ignored %v", got, refused, ignored)
			}
		})
	}
}
