package registrar

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTargetStaysUntilItsPodWasLookedFor has targets of an emptied group that are read after the pods were looked for.
func TestTargetStaysUntilItsPodWasLookedFor(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("serves", "healthy"), held("gone", "healthy")}}
	r := newRegistry(b, b.write, func(string) bool { return false })
	q := Request{Binding: stack.ID{Name: "b"}, Group: tg, Emptied: true}
	serves := func(e Endpoint) bool { return e.Pod == "web" }
	for _, c := range []struct {
		former map[string]Endpoint
		unread bool
		held   int
		done   []string
	}{
		{former: map[string]Endpoint{}, unread: true},
		{former: map[string]Endpoint{"serves": {Pod: "web"}}, unread: true, held: 1},
		{former: map[string]Endpoint{"serves": {Pod: "web"}, "gone": {}}, held: 1, done: []string{"deregister 1 from gone"}},
	} {
		q.Former = c.former
		if got := r.KeepServing(q, false, serves); len(got) != c.held || r.Unread(tg) != c.unread {
			t.Errorf("%v: held %v, unread %t", c.former, got, r.Unread(tg))
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.done, b.done()); diff != "" {
			t.Errorf("%v: %s", c.former, diff)
		}
	}
}
