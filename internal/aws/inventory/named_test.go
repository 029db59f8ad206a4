package inventory

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAnotherStackThatHasANameIsKnown(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	e := newEntry(key)
	e.obs.LoadBalancers = []awsop.LoadBalancer{{LoadBalancer: stack.LoadBalancer{Name: "lb"}},
		{LoadBalancer: stack.LoadBalancer{Name: "theirs"}, Foreign: true}}
	e.obs.TargetGroups = []awsop.TargetGroup{{TargetGroup: stack.TargetGroup{Name: "tg"}}}
	e.obs.SecurityGroups = []awsop.SecurityGroup{{SecurityGroup: stack.SecurityGroup{Name: "sg"}},
		{SecurityGroup: stack.SecurityGroup{Name: "backend", Shared: true}}}
	i := &Inventory{stacks: map[stack.Key]*entry{key: e}, starting: map[string]stack.Key{}}
	i.noteHaving(e)
	mine, others := i.TakenBeside(key), i.TakenBeside(stack.Key{})
	for _, c := range []struct {
		kind stack.Kind
		name string
		want bool
	}{
		{stack.KindLoadBalancer, "lb", true}, {stack.KindTargetGroup, "tg", true}, {stack.KindSecurityGroup, "sg", true},
		{stack.KindTargetGroup, "lb", false}, {stack.KindLoadBalancer, "theirs", false},
		{stack.KindSecurityGroup, "backend", false}, {stack.KindLoadBalancer, "", false},
	} {
		if mine(c.kind, c.name) || others(c.kind, c.name) != c.want {
			t.Errorf("%s %q is taken: %v, by the stack itself: %v", c.kind, c.name, !c.want, mine(c.kind, c.name))
		}
	}
	e.obs.TargetGroups = nil
	if others(stack.KindTargetGroup, "tg") {
		t.Error("the name of what is gone is taken")
	}
}
