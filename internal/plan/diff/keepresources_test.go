package diff

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestWhatASuccessorDeclaresDecidesWhetherItsPredecessorMayGo replaces a load balancer by one of another scheme.
func TestWhatASuccessorDeclaresDecidesWhetherItsPredecessorMayGo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name            string
		found, declared string
		refused, lifts  bool
	}{
		{"protected, and nothing is declared", "true", "", true, false},
		{"protected, and that is declared", "true", "true", true, false},
		{"protected, and the opposite is declared", "true", "false", false, true},
		{"not protected, and the successor is to be", "false", "true", false, false},
		{"not protected, and that is declared", "false", "false", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			s := testStack("/a")
			s.LoadBalancers[0].Attributes = map[string]string{awsop.DeletionProtection: tc.found}
			f.converge(t, s, Options{})
			old := f.obs.LoadBalancers[0].ARN
			want := testStack("/a")
			want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-webfront-internal"
			if tc.declared != "" {
				want.LoadBalancers[0].Attributes = map[string]string{awsop.DeletionProtection: tc.declared}
			}
			p := Stack(want, stack.Keep{}, f.obs, Options{})
			lifts := slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
				op, ok := s.Op.(awsop.ModifyLoadBalancerAttributes)
				return ok && op.LoadBalancer.Literal == old && op.Attributes[awsop.DeletionProtection] == "false"
			})
			deletion, _ := p.Step("DeleteLoadBalancer LoadBalancer")
			creation, _ := p.Step("CreateLoadBalancer LoadBalancer")
			if (deletion.Guard != nil) != tc.refused || (creation.Guard != nil) != tc.refused || lifts != tc.lifts {
				t.Errorf("deletion %+v, creation %+v, lifts %t:\n%s", deletion.Guard, creation.Guard, lifts,
					p.Text(plan.TextOptions{}))
			}
			f.run(t, p)
			if stays := slices.ContainsFunc(f.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
				return lb.ARN == old
			}); stays != tc.refused {
				t.Errorf("the old load balancer stays: %t", stays)
			}
		})
	}
}

func TestABindingThatIsOnItsWayOutIsNotDeletedOnceMore(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	f.obs.Bindings[0].Deleting = true
	for name, want := range map[string]*stack.Stack{"deleted": removed(), "without its path": testStack()} {
		n := 0
		p := Stack(want, stack.Keep{}, f.obs, Options{})
		for _, s := range p.Steps {
			if op, ok := s.Op.(awsop.DeleteBinding); ok {
				n++
				if op.ObjectName == f.obs.Bindings[0].Name {
					t.Errorf("%s: %s", name, s.ID)
				}
			}
		}
		if n != 1 {
			t.Errorf("%s: %d bindings are deleted, want the other one", name, n)
		}
	}
}

// TestAKeptBindingIsNeitherChangedNorDeleted also not where its target group is gone and comes again under its name.
func TestAKeptBindingIsNeitherChangedNorDeleted(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	have := f.obs.Bindings[0]
	keep := stack.Keep{Resources: []stack.Ref{{Kind: stack.KindBinding, Literal: have.Name}}}
	touches := func(p plan.Plan) bool {
		return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
			switch op := s.Op.(type) {
			case awsop.DeleteBinding:
				return op.ObjectName == have.Name
			case awsop.UpdateBinding:
				return op.Binding.Name == have.Name
			}
			return false
		})
	}
	changed := testStack("/a")
	changed.Bindings[0].ServicePort = "8443"
	groupless := f.obs
	groupless.TargetGroups = nil
	for name, c := range map[string]struct {
		want *stack.Stack
		obs  awsop.Observed
	}{
		"changed": {changed, f.obs}, "not wanted": {testStack(), f.obs}, "everything goes": {removed(), f.obs},
		"its target group is gone": {testStack("/a"), groupless},
	} {
		if p := Stack(c.want, stack.Keep{}, c.obs, Options{}); !touches(p) {
			t.Errorf("%s: nothing would happen anyway:\n%s", name, p.Text(plan.TextOptions{}))
		}
		if p := Stack(c.want, keep, c.obs, Options{}); touches(p) {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}
