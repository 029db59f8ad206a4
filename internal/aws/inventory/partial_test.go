package inventory_test

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

func TestTagsThatWereReadBeforeAListingFailedAreNotReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range 30 { // sixty resources: three batches
		f.balancer(fmt.Sprintf("lb%02d", n), tracking(fmt.Sprintf("web%02d", n)))
	}
	if _, err := f.sim.Gate.AddFault(gate.Fault{ID: "late", Action: "DescribeTags", Skip: 2, Times: 1,
		Code: "Throttling"}); err != nil {
		t.Fatal(err)
	}
	f.reads()
	if _, err := f.inv.Keys(t.Context()); err == nil {
		t.Fatal("nothing failed")
	}
	f.reads()
	keys, err := f.inv.Keys(t.Context())
	if err != nil || len(keys) != 30 {
		t.Fatalf("%d stacks: %v", len(keys), err)
	}
	if got := f.reads()["DescribeTags"]; got != 1 {
		t.Errorf("%d batches of tags were read, one was left", got)
	}
}
