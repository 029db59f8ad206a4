package merge

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

func TestANoteOnTheMemberThatLosesNamesTheValueThatHoldsItsMemberAndTheRule(t *testing.T) {
	t.Parallel()
	type candidate struct {
		Member
		scheme string
		class  bool
	}
	of := func(name, scheme string, order int32, created int64, class bool) candidate {
		o := diag.Object{Kind: "Ingress", Namespace: "shop", Name: name}
		return candidate{Member{Object: o, Order: order, Created: created}, scheme, class}
	}
	invalid := of("a", "internal", 0, 1, true)
	invalid.LeftOut = true
	for _, test := range []struct {
		loser, winner candidate
		rule          string
	}{
		{invalid, of("b", "internet-facing", 9, 9, false), "and a valid member comes before one that is not"},
		{of("a", "internal", 0, 1, false), of("b", "internet-facing", 9, 9, true), "and class parameters come before annotations"},
		{of("a", "internal", 5, 1, false), of("b", "internet-facing", -3, 9, false), "and the lower group.order comes first (-3 before 5)"},
		{of("a", "internal", 5, 9, false), of("b", "internet-facing", 5, 1, false), "and of equal group.order the older one comes first"},
		{of("c", "internal", 5, 1, false), of("b", "internet-facing", 5, 1, false), "and of equal group.order and age the first by name comes first"},
	} {
		for _, members := range [][]candidate{{test.loser, test.winner}, {test.winner, test.loser}} {
			var noted diag.List
			g := &Group{NewEffect: map[string]Effect{}, Note: func(i int, d diag.Diagnostic) {
				if members[i].Object == test.winner.Object {
					t.Errorf("the winner has the note %v", d)
				}
				noted = append(noted, d)
			}}
			var candidates []Owned[string]
			for i, m := range members {
				source := intent.Source{Object: m.Object, Path: "metadata.annotations[scheme]"}
				if m.class {
					source = intent.Source{Object: diag.Object{Kind: "IngressClassParams", Name: "public"}, Path: "spec.scheme"}
				}
				g.Members = append(g.Members, m.Member)
				candidates = append(candidates, Of(i, intent.Of(m.scheme, source)))
			}
			if holds, ok := Resolve(g, candidates, Setting[string]{Name: "scheme", What: "scheme"}); !ok || holds.Value != test.winner.scheme {
				t.Errorf("%s: %+v holds", test.rule, holds)
			}
			if len(noted) != 1 || !strings.Contains(noted[0].Text, `"internal" of Ingress shop/`+test.loser.Object.Name+` is ignored, because Ingress shop/b has "internet-facing", `+test.rule) {
				t.Errorf("%s: %v", test.rule, noted)
			}
		}
	}
}
