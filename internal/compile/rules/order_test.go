package rules

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

func TestRoutesComeByPrecedenceAndThoseOfEqualPrecedenceByMember(t *testing.T) {
	t.Parallel()
	member := func(i int, precedences ...[]int32) Member {
		m := Member{Index: i, Object: diag.Object{Name: fmt.Sprint(i)}}
		for n, p := range precedences {
			m.Routes = append(m.Routes, &intent.Route{Source: intent.At(diag.Object{}, fmt.Sprintf("%d.%d", i, n)),
				Precedence: p})
		}
		return m
	}
	for _, test := range []struct {
		members []Member
		want    []string
	}{
		{[]Member{member(0, nil, nil), member(1, nil)}, []string{"0.0", "0.1", "1.0"}},
		{[]Member{member(0, []int32{3}, []int32{1, 5}), member(1, []int32{1, 4}), member(2, []int32{1, 5})},
			[]string{"1.0", "0.1", "2.0", "0.0"}},
	} {
		var got []string
		for _, p := range (&Listener{Members: test.members}).Order() {
			got = append(got, p.Route.Source.Path())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}
