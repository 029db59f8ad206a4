package transition

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestRulesAreMadeBehindThoseOfOthers has rules of others in the way, which are neither moved nor passed.
func TestRulesAreMadeBehindThoseOfOthers(t *testing.T) {
	t.Parallel()
	path := func(p string) []stack.Condition {
		return []stack.Condition{{Field: "path-pattern", Values: []string{p}}}
	}
	fixed := []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
		StatusCode: "200", ContentType: "text/plain"}}}
	for name, c := range map[string]struct {
		taken []int32
		have  []int32 // priorities of the first wanted rules
		want  func(got []int32) bool
	}{
		"behind the last one": {[]int32{1, 7, 300}, nil, func(got []int32) bool {
			return got[0] > 300 && got[1] > got[0]
		}},
		"one that exists stays": {[]int32{5}, []int32{40}, func(got []int32) bool {
			return len(got) == 1 &&
				got[0] > 40
		}},
		"one that is passed moves": {[]int32{500}, []int32{40}, func(got []int32) bool {
			return len(got) == 2 &&
				slices.Min(got) > 500
		}},
		"the last one is at the end": {[]int32{2, 50000}, nil, func(got []int32) bool {
			return got[0] > 40000 && got[1] > got[0] && got[1] < 50000
		}},
	} {
		in := Input{Listener: stack.Literal(stack.KindListener, "l"), Application: true, Stays: map[string]bool{},
			Taken: c.taken, Behind: slices.Max(c.taken),
			Targets: &Targets{Resolve: func(r stack.Ref) string { return r.Literal }, Labels: stack.Labels{},
				Observed: &awsop.Observed{}}}
		for n, p := range []string{"/a", "/b"} {
			in.Want = append(in.Want, stack.Rule{ID: p, Order: int32(n + 1), Conditions: path(p), Actions: fixed})
			if n < len(c.have) {
				in.Observed = append(in.Observed, &awsop.Rule{ARN: "rule " + p, Priority: c.have[n], Rule: stack.Rule{
					Conditions: path(p), Actions: fixed}})
			}
		}
		var got []int32
		for _, p := range Compute(in).Batches {
			for _, change := range p.Changes {
				switch op := change.Op.(type) {
				case awsop.CreateRule:
					got = append(got, op.Priority)
				case awsop.SetRulePriorities:
					for _, m := range op.Priorities {
						got = append(got, m.Priority)
					}
				}
			}
		}
		if !c.want(got) {
			t.Errorf("%s: %v", name, got)
		}
		for _, p := range got {
			if slices.Contains(c.taken, p) {
				t.Errorf("%s: priority %d is taken", name, p)
			}
		}
	}
}
