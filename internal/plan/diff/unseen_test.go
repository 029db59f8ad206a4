package diff

import (
	"maps"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestUnseenObjectsKeepUnknownResources(t *testing.T) {
	t.Parallel()
	redirect := func(order int, path, to string) stack.Rule {
		r := testRule(80, order, path, "")
		r.Actions = []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: to,
			StatusCode: "HTTP_301"}}}
		return r
	}
	all := testStack("shop/a", "pay/a", "shop/b", "shop2/a")
	all.Rules = append(all.Rules, redirect(5, "/ours", "443"), redirect(6, "/somebodys", "443"))
	for name, c := range map[string]struct {
		want  *stack.Stack
		steps []string
	}{
		"all that are seen are as they were": {func() *stack.Stack {
			s := testStack("shop/a", "shop/b")
			s.Rules = append(s.Rules, redirect(3, "/ours", "443"))
			return s
		}(), nil},
		"one that is seen goes": {func() *stack.Stack {
			s := testStack("shop/b")
			s.Rules = append(s.Rules, redirect(2, "/ours", "443"))
			return s
		}(), []string{"DeleteBinding", "DeleteRule", "DeleteTargetGroup"}},
		"a redirect is edited to the conditions of somebody's": {func() *stack.Stack {
			s := testStack("shop/a", "shop/b")
			s.Rules = append(s.Rules, redirect(3, "/ours", "443"), redirect(4, "/somebodys", "8443"))
			return s
		}(), []string{"CreateRule"}},
		"one gets the conditions of an unseen one": {func() *stack.Stack {
			s := testStack("shop/a", "shop/b")
			s.Rules = append(s.Rules, redirect(3, "/ours", "443"), testRule(80, 4, "pay/a", "shop/b"))
			return s
		}(), []string{"CreateRule"}},
		"all that are seen go": {&stack.Stack{Key: all.Key, Cluster: all.Cluster, VPC: all.VPC,
			LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Type: stack.Application}}},
			[]string{"DeleteBinding", "DeleteRule", "DeleteTargetGroup"}},
	} {
		f := newFake(testKey())
		f.converge(t, all, Options{})
		keep := stack.Keep{Settings: true, SeenNamespace: "shop"}
		p := Stack(c.want, keep, f.obs, Options{})
		ops := map[string]bool{}
		for _, s := range p.Steps {
			ops[plan.NameOf(s.Op)] = true
		}
		same(t, name+": steps", slices.Sorted(maps.Keys(ops)), c.steps)
		f.run(t, p)
		for _, id := range []string{"pay/a", "shop2/a"} {
			if !slices.ContainsFunc(f.obs.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.ID == id }) ||
				!slices.ContainsFunc(f.obs.Rules, func(r awsop.Rule) bool {
					return slices.Contains(r.Conditions[0].Values, id) && len(awsop.TargetGroupsOf(r.Actions)) == 1
				}) {
				t.Errorf("%s: %s is gone", name, id)
			}
		}
		if !slices.ContainsFunc(f.obs.Rules, func(r awsop.Rule) bool {
			return r.Conditions[0].Values[0] == "/somebodys" && r.Actions[0].Redirect.Port == "443"
		}) {
			t.Errorf("%s: somebody's redirect is gone", name)
		}
		if p := Stack(c.want, keep, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s: a second plan is not empty:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}
