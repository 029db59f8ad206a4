package registrar

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

// TestCheckReportsLostAndForeignTargets has another writer take a target out and put one in.
func TestCheckReportsLostAndForeignTargets(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.0.0.2", "healthy")}}
	r := newRegistry(b, b.write, func(string) bool { return false })
	var gone, others []string
	compared := 0
	r.Compared = func(_ Group, deregistered []string, added []Health) {
		compared++
		gone, others = deregistered, nil
		for _, h := range added {
			others = append(others, h.ID+" "+h.State)
		}
	}
	check := func(what string, wantGone, wantOthers []string) {
		t.Helper()
		if _, _, err := r.Recheck(t.Context(), tg); err != nil || !slices.Equal(gone, wantGone) ||
			!slices.Equal(others, wantOthers) {
			t.Errorf("%s: %q went, others are %q, %v", what, gone, others, err)
		}
	}
	q := Request{Group: tg, Want: want("10.0.0.1", "10.0.0.2")}
	if _, err := r.Sync(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	check("nothing changed", nil, nil)
	b.held = []types.TargetHealthDescription{held("10.0.0.1", "healthy"), held("10.9.9.9", "healthy"),
		held("10.8.8.8", "draining")}
	check("changed by another", []string{"10.0.0.2:80"}, []string{"10.9.9.9 healthy"})

	// With Unseen, what others registered stays, and the own target comes back.
	q.Unseen = true
	c, err := r.Sync(t.Context(), q)
	if d := cmp.Diff([]string{"register 1 from 10.0.0.2"}, b.done()); err != nil || d != "" || len(c.NotOurs) != 1 {
		t.Errorf("%+v, %v: %s", c, err, d)
	}
	b.held = append(b.held, held("10.0.0.2", "healthy"))
	check("both register", nil, []string{"10.9.9.9 healthy"})
	if compared != 3 {
		t.Errorf("compared %d times", compared)
	}
}
