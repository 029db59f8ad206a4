package diff

import (
	"maps"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// forge adds the tags of another kind of stack.
func forge(tags map[string]string, key stack.Key) map[string]string {
	out := map[string]string{}
	maps.Copy(out, tags)
	other := stack.Service
	if key.Owner == stack.Service {
		other = stack.Ingress
	}
	out[naming.StackTag(other)], out[naming.ResourceTag(other)] = "mal/x", "LoadBalancer"
	return out
}

func TestAmbiguousResourcesBesideOwnAreIgnored(t *testing.T) {
	t.Parallel()
	f, want := doubled(t)
	lb, tg, g := &f.obs.LoadBalancers[len(f.obs.LoadBalancers)-1], &f.obs.TargetGroups[len(f.obs.TargetGroups)-1],
		&f.obs.SecurityGroups[len(f.obs.SecurityGroups)-1]
	lb.Tags, tg.Tags, g.Tags = forge(lb.Tags, want.Key), forge(tg.Tags, want.Key), forge(g.Tags, want.Key)
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("the plan is not empty:\n%s", p.Text(plan.TextOptions{}))
	}
	removed := stack.ForRemoval(want.Key, want.Cluster, want.VPC, stack.ObjectsDeleted)
	for _, s := range Stack(removed, stack.Keep{}, f.obs, Options{}).Steps {
		if id := s.Resource.Literal; id == lb.ARN || id == tg.ARN || id == g.GroupID {
			t.Errorf("step %s of a resource with tags of two stacks", s.ID)
		}
	}
}

func TestAmbiguousResourceAloneIsKept(t *testing.T) {
	t.Parallel()
	f, want := newFake(testKey()), testStack("shop/web-a:80")
	f.converge(t, want, Options{})
	keys := []string{}
	for k := range forge(nil, want.Key) {
		keys = append(keys, k)
	}
	for i := range f.obs.LoadBalancers {
		f.obs.LoadBalancers[i].Tags = forge(f.obs.LoadBalancers[i].Tags, want.Key)
	}
	for i := range f.obs.TargetGroups {
		f.obs.TargetGroups[i].Tags = forge(f.obs.TargetGroups[i].Tags, want.Key)
	}
	if p := Stack(want, stack.Keep{Tags: keys}, f.obs, Options{}); !p.Empty() {
		t.Errorf("while a user declares the tags:\n%s", p.Text(plan.TextOptions{}))
	}
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	if p.Empty() {
		t.Error("once nobody declares the tags, they stay")
	}
	for _, s := range p.Steps {
		if plan.NameOf(s.Op) != "RemoveTags" {
			t.Errorf("step %s", s.ID)
		}
	}
}
