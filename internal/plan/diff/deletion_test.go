package diff

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestNothingIsDeletedWithoutAReason wants nothing of a stack that exists, in every way but one that gives a reason.
func TestNothingIsDeletedWithoutAReason(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	for name, want := range map[string]*stack.Stack{
		"nil": nil, "empty": {Key: testKey()}, "made without a reason": stack.ForRemoval(testKey(), "demo", "vpc-1",
			stack.NotRemoved),
	} {
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
	partial := testStack("/a")
	partial.LoadBalancers, partial.Listeners, partial.Rules = nil, nil, nil
	for _, s := range Stack(partial, stack.Keep{}, f.obs, Options{}).Steps {
		if _, ok := s.Op.(awsop.DeleteLoadBalancer); ok {
			t.Error("a stack that lacks its load balancer deletes it")
		}
	}
	for _, reason := range []stack.Removal{stack.ObjectsDeleted, stack.NotDeclared, stack.Orphaned} {
		if p := Stack(stack.ForRemoval(testKey(), "demo", "vpc-1", reason), stack.Keep{}, f.obs, Options{}); p.Summary().
			Delete == 0 {
			t.Errorf("%v: nothing is deleted", reason)
		}
	}
}
