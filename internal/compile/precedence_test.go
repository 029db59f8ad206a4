package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

func TestWhoIsOverruledLearnsWhichValueHoldsWhoseItIsAndByWhichRule(t *testing.T) {
	t.Parallel()
	of := func(name, scheme string, order int32, created int64, class bool) member {
		o := diag.Object{Kind: "Ingress", Namespace: "shop", Name: name}
		src := intent.Source{Object: o, Path: "metadata.annotations[scheme]"}
		if class {
			src = intent.Source{Object: diag.Object{Kind: "IngressClassParams", Name: "public"}, Path: "spec.scheme"}
		}
		m := member{Member: intent.Member{Object: o, Order: order, Created: created}}
		m.Settings.Scheme = intent.Of(scheme, src)
		return m
	}
	invalid := of("a", "internal", 0, 1, true)
	invalid.standing = silenced
	for _, test := range []struct {
		loser, winner member
		rule          string
	}{
		{invalid, of("b", "internet-facing", 9, 9, false), "and a valid member comes before one that is not"},
		{of("a", "internal", 0, 1, false), of("b", "internet-facing", 9, 9, true), "and class parameters come before annotations"},
		{of("a", "internal", 5, 1, false), of("b", "internet-facing", -3, 9, false), "and the lower group.order comes first (-3 before 5)"},
		{of("a", "internal", 5, 9, false), of("b", "internet-facing", 5, 1, false), "and of equal group.order the older one comes first"},
		{of("c", "internal", 5, 1, false), of("b", "internet-facing", 5, 1, false), "and of equal group.order and age the first by name comes first"},
	} {
		for _, members := range [][]member{{test.loser, test.winner}, {test.winner, test.loser}} {
			b := &build{members: members, notes: make([]diag.List, 2)}
			b.settleShared()
			var told diag.List
			for i, n := range b.notes {
				if members[i].Object == test.winner.Object && len(n) > 0 {
					t.Errorf("the winner is told %v", n)
				}
				told = append(told, n...)
			}
			if len(told) != 1 || !strings.Contains(told[0].Text, `"internal" of Ingress shop/`+test.loser.Object.Name+` is ignored, because Ingress shop/b has "internet-facing", `+test.rule) {
				t.Errorf("%s: %v", test.rule, told)
			}
		}
	}
}
