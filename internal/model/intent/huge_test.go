package intent

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestYoungestOfTheGreediestNamespaceGoWithout(t *testing.T) {
	t.Parallel()
	of := func(namespace string, created int64, rules int) Load {
		return Load{Object: diag.Object{Kind: "Ingress", Namespace: namespace, Name: "x"}, Created: created, Rules: rules}
	}
	const half = MaxGroupRules / 2
	for name, c := range map[string]struct {
		loads []Load
		want  []bool
	}{
		"what fits": {[]Load{of("a", 1, half), of("b", 2, half)}, []bool{false, false}},
		"one namespace": {[]Load{of("a", 1, half), of("a", 2, half), of("a", 3, half)},
			[]bool{false, false, false}},
		"the larger namespace": {[]Load{of("b", 1, half+1), of("a", 2, half)}, []bool{true, false}},
		"its youngest": {[]Load{of("b", 3, half), of("b", 2, half), of("a", 9, 1)},
			[]bool{true, false, false}},
		"what has room beside a refusal": {[]Load{of("b", 1, half), of("b", 2, half), of("b", 3, 1),
			of("a", 9, 1)}, []bool{false, true, false, false}},
		"equal shares": {[]Load{of("a", 1, half), of("b", 2, half), of("c", 3, half),
			of("d", 4, 10)}, []bool{true, true, true, false}},
	} {
		if got := Excess(c.loads); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	names := []Load{{Names: MaxGroupNames}, {Object: diag.Object{Namespace: "b"}, Names: 1}}
	if got := ExcessNames(names); !slices.Equal(got, []bool{true, false}) || slices.Contains(Excess(names), true) {
		t.Errorf("names: %v", got)
	}
}
