package diff

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// drawWAFClassic draws the web ACL of WAF Classic.
func drawWAFClassic(t *rapid.T, label string, a *stack.AddOns) {
	id := rapid.SampledFrom([]string{"", "id1"}).Draw(t, label+" classic")
	a.ClassicWebACL = &id
}

func TestWebACLsOfTwoGenerationsAreLeftWhereNoMemberManagesThem(t *testing.T) {
	t.Parallel()
	want := guarded()
	id := "classic"
	want.LoadBalancers[0].ClassicWebACL = &id
	f := newFake(testKey())
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	if got := operationsOf(p); !slices.Contains(got, "AssociateRegionalWebACL") || !slices.Contains(got, "AssociateWebACL") {
		t.Errorf("a new load balancer: %v", got)
	}
	f.run(t, p)
	if has := f.obs.LoadBalancers[0].ClassicWebACL; has == nil || *has != id {
		t.Errorf("observed afterwards: %v", has)
	}
	if again := Stack(want, stack.Keep{}, f.obs, Options{}); !again.Empty() {
		t.Error(again.Text(plan.TextOptions{}))
	}
	if p := Stack(guarded(), stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("with nobody to manage it: %s", p.Text(plan.TextOptions{}))
	}
}
