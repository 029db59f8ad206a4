package apply_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// TestFortyStacksTogetherStayWithinTheBudget creates, touches and deletes as many load balancers as fit below the
// quota.
func TestFortyStacksTogetherStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	const n = 40
	w := newWorld(t, account.Instant())
	if err := w.inv.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := func(want func(name string) *stack.Stack) (reads, writes map[string]int) {
		t.Helper()
		from := w.mark()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				s := want(fmt.Sprintf("s%d", i))
				if p, r, err := w.pass(s, diff.Options{}, 8); err != nil || r.Count(apply.Done) != len(p.Steps) {
					t.Errorf("%s: %v\n%s", s.Key, err, outcomes(p, r))
				}
			})
		}
		wg.Wait()
		return w.calls(from)
	}
	desired := func(name string) *stack.Stack { return shop(name, "/a/*") }
	gone := func(name string) *stack.Stack {
		return stack.ForRemoval(shop(name).Key, testCluster, testVPC, stack.ObjectsDeleted)
	}
	none := map[string]int{}
	reads, writes := all(desired)
	if diff := cmp.Diff(none, reads); diff != "" {
		t.Errorf("creating reads %s", diff)
	}
	want := map[string]int{"CreateSecurityGroup": n + 1, "AuthorizeSecurityGroupIngress": n, "CreateTargetGroup": n,
		"CreateLoadBalancer": n,
		"CreateListener":     2 * n, "AddListenerCertificates": n, "CreateRule": n}
	if diff := cmp.Diff(want, writes); diff != "" {
		t.Error(diff)
	}
	if reads, writes = all(desired); len(reads)+len(writes) > 0 {
		t.Errorf("touching calls %v %v", reads, writes)
	}
	reads, writes = all(gone)
	if diff := cmp.Diff(none, reads); diff != "" {
		t.Errorf("deleting reads %s", diff)
	}
	if diff := cmp.Diff(map[string]int{"DeleteLoadBalancer": n, "DeleteTargetGroup": n, "DeleteSecurityGroup": n},
		writes); diff != "" {
		t.Error(diff)
	}
}
