package diff

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// family is a stack of one path whose target group has an IP address type; the name of the group does not tell it.
func family(kind string) *stack.Stack {
	s := testStack("/api")
	s.TargetGroups[0].IPAddressType, s.Bindings[0].IPAddress = kind, kind
	return s
}

func TestNewAddressFamilyTakesOverFromOldGroup(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, family(stack.IPv4), Options{})
	first := f.obs.TargetGroups[0].Name
	for _, kind := range []string{stack.IPv6, stack.IPv4, stack.IPv6} {
		p := Stack(family(kind), stack.Keep{}, f.obs, Options{})
		got := order(p, "CreateTargetGroup", "CreateBinding", "ModifyRule", "DeleteTargetGroup", "DeleteBinding")
		want := []string{"CreateTargetGroup /api", "CreateBinding /api", "ModifyRule 80:1", "DeleteTargetGroup /api",
			"DeleteBinding /api"}
		if !slices.Equal(got, want) {
			t.Fatalf("to %s: %v, want %v", kind, got, want)
		}
		f.converge(t, family(kind), Options{})
		if len(f.obs.TargetGroups) != 1 || len(f.obs.Bindings) != 1 {
			t.Fatalf("to %s: left are %v and %v", kind, f.obs.TargetGroups, f.obs.Bindings)
		}
		tg, b := f.obs.TargetGroups[0], f.obs.Bindings[0]
		if tg.IPAddressType != kind || b.IPAddress != kind || b.TargetGroup.Literal != tg.ARN || b.Name != tg.Name ||
			(tg.Name == first) != (kind == stack.IPv4) {
			t.Errorf("to %s: target group %s %s, binding %s to %s", kind, tg.Name, tg.IPAddressType, b.Name,
				b.TargetGroup.Literal)
		}
	}
}

func TestASuccessorThatHasNoBindingYetGetsOneWhileTheOldOneServes(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, family(stack.IPv4), Options{})
	p := Stack(family(stack.IPv6), stack.Keep{}, f.obs, Options{})
	for i := range p.Steps { // the controller dies after the first write
		if _, ok := p.Steps[i].Op.(awsop.CreateTargetGroup); ok {
			f.run(t, plan.Plan{Key: p.Key, Known: p.Known, Steps: p.Steps[i : i+1]})
		}
	}
	p = Stack(family(stack.IPv6), stack.Keep{}, f.obs, Options{})
	if got := order(p, "CreateTargetGroup", "CreateBinding", "ModifyRule", "DeleteTargetGroup", "DeleteBinding"); got[0] !=
		"CreateBinding /api" || got[len(got)-1] != "DeleteBinding /api" {
		t.Errorf("the old binding goes too early: %v", got)
	}
	f.converge(t, family(stack.IPv6), Options{})
}

func TestTargetsThatWarmUpBesideAStickyGroupAreStagedStickyToo(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	on := map[string]string{"stickiness.enabled": "true", "stickiness.type": "lb_cookie"}
	old := testStack("/api")
	old.TargetGroups[0].Attributes = on
	f.converge(t, old, Options{})
	want := testStack("/api")
	want.TargetGroups[0].Attributes, want.TargetGroups[0].Protocol, want.TargetGroups[0].Name = on, "HTTPS", "tg/api-s"
	want.Bindings[0].Name, want.Bindings[0].Protocol = "tg/api-s", "HTTPS"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	var sticky []bool
	for _, s := range p.Steps {
		if op, ok := s.Op.(awsop.ModifyRule); ok {
			fw := op.Rule.Actions[0].Forward
			sticky = append(sticky, len(fw.TargetGroups) > 1 == (fw.Stickiness != nil && fw.Stickiness.Enabled))
		}
	}
	if !slices.Equal(sticky, []bool{true, true}) {
		t.Errorf("AWS demands a sticky forward to several groups, and nobody else does:\n%s", p.Text(plan.TextOptions{}))
	}
	f.converge(t, want, Options{})
}
