package merge

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

func TestNoteOnLoserNamesWinningValueMemberAndReason(t *testing.T) {
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
		{invalid, of("b", "internet-facing", 9, 9, false), "and valid members come before invalid ones"},
		{of("a", "internal", 0, 1, false), of("b", "internet-facing", 9, 9, true),
			"and class parameters come before annotations"},
		{of("a", "internal", 5, 1, false), of("b", "internet-facing", -3, 9, false),
			"and the lower group.order comes first (-3 before 5)"},
		{of("a", "internal", 5, 9, false), of("b", "internet-facing", 5, 1, false),
			"and with equal group.order, the older object comes first"},
		{of("c", "internal", 5, 1, false), of("b", "internet-facing", 5, 1, false),
			"and with equal group.order and age, the first object by name comes first"},
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
				source := intent.At(m.Object, "metadata.annotations[scheme]")
				if m.class {
					source = intent.At(diag.Object{Kind: "IngressClassParams", Name: "public"}, "spec.scheme")
				}
				g.Members = append(g.Members, m.Member)
				candidates = append(candidates, Of(i, intent.Of(m.scheme, source)))
			}
			if holds, ok := Resolve(g, candidates, &Setting[string]{Name: "scheme", What: "scheme"}); !ok ||
				holds.Value != test.winner.scheme {
				t.Errorf("%s: %+v holds", test.rule, holds)
			}
			if len(noted) != 1 || !strings.Contains(noted[0].Text, `"internal" of Ingress shop/`+test.loser.Object.Name+
				` has no effect, because Ingress shop/b has "internet-facing", `+test.rule) {
				t.Errorf("%s: %v", test.rule, noted)
			}
		}
	}
}

// TestNoteStaysTheSameOnceValueIsInEffect settles disagreements in a group, and again with the
// value in effect.
func TestNoteStaysTheSameOnceValueIsInEffect(t *testing.T) {
	t.Parallel()
	value := func(name, value string, order int32) (Member, intent.Field[string]) {
		o := diag.Object{Kind: "Ingress", Namespace: "shop", Name: name}
		return Member{Object: o, Order: order}, intent.Of(value, intent.At(o, "metadata.annotations[it]"))
	}
	for _, test := range []struct {
		setting, winning, losing string
		overtakes                int32 // the order of the loser once the value is in effect
		want                     string
	}{
		{"scheme", "internal", "internet-facing", 5, "the stricter value applies"},
		{"scheme", "internal", "internet-facing", -5, "the stricter value applies"},
		{"address-type", "ipv4", "dualstack", 5, "the lower group.order comes first (1 before 5)"},
		{"address-type", "ipv4", "dualstack", -5, "the value in effect stays until that object changes it"},
	} {
		var texts []string
		var before map[string]Effect
		for _, order := range []int32{5, test.overtakes} {
			m, of := value("m", test.winning, 1)
			n, other := value("n", test.losing, order)
			g := &Group{Joinable: true, InEffect: before, NewEffect: map[string]Effect{}, Members: []Member{m, n},
				Note: func(_ int, d diag.Diagnostic) { texts = append(texts, d.Message()) }}
			if holds, _ := Resolve(g, []Owned[string]{Of(0, of), Of(1, other)}, &Setting[string]{Name: test.setting,
				What: test.setting}); holds.Value != test.winning {
				t.Errorf("%s: %q holds", test.setting, holds.Value)
			}
			before = g.NewEffect
		}
		if len(texts) != 2 || !strings.Contains(texts[1], test.want) || test.overtakes == 5 && texts[0] != texts[1] {
			t.Errorf("%s, want %q: %q", test.setting, test.want, texts)
		}
	}
}
