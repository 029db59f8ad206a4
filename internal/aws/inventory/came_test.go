package inventory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestWhatOthersMakeOfAStackIsKnownFromTheNextListing has load balancers come before the first listing, before the
// second one, and after.
func TestWhatOthersMakeOfAStackIsKnownFromTheNextListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.balancer("before", tracking("before"))
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.balancer("behind", tracking("behind")) // the first listing may have missed it
	f.clock.Advance(time.Minute)
	if err := f.inv.ListAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	lb, tg := f.balancer("after", tracking("after"))
	f.balancer("written", tracking("written"))
	f.balancer("foreign", nil)
	f.inv.Record(key(stack.Ingress, "written"), awsop.AddTags{}, awsop.Output{}, literally)
	f.clock.Advance(time.Minute)
	f.reads()
	if got := f.inv.Came(key(stack.Ingress, "after")); len(got) > 0 {
		t.Errorf("known without a listing: %q", got)
	}
	if reads := f.reads(); len(reads) > 0 {
		t.Errorf("it reads %v", reads)
	}
	f.inv.Invalidate(key(stack.Ingress, "before"))
	if err := f.observe("before"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"before": nil, "behind": nil, "after": {lb, tg}, "written": nil} {
		if got := f.inv.Came(key(stack.Ingress, name)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
