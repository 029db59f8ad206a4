package diff

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// named is a stack with the declared names of target groups by path; an empty one is not declared.
func named(names map[string]string) *stack.Stack {
	s := testStack("/a", "/b")
	for i := range s.TargetGroups {
		if name := names[s.TargetGroups[i].ID]; name != "" {
			s.TargetGroups[i].Name, s.TargetGroups[i].Declared, s.Bindings[i].Name = name, true, name
		}
	}
	return s
}

// have are the names of target groups and bindings.
func (f *fakeAWS) have() string {
	var out []string
	for _, tg := range f.obs.TargetGroups {
		out = append(out, tg.ID+" "+tg.Name)
	}
	for _, b := range f.obs.Bindings {
		out = append(out, "binding "+b.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestRenamedTargetGroupServesMeanwhile(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		from, to map[string]string
		edit     func(*fakeAWS)
		want     string
	}{
		"a name is declared": {nil, map[string]string{"/a": "mine"}, nil,
			"/a mine, /b tg/b, binding mine, binding tg/b"},
		"another name is declared": {map[string]string{"/a": "mine"}, map[string]string{"/a": "yours"}, nil,
			"/a yours, /b tg/b, binding tg/b, binding yours"},
		"the name is not declared": {map[string]string{"/a": "mine"}, nil, nil,
			"/a mine, /b tg/b, binding mine, binding tg/b"},
		"another has the name": {map[string]string{"/b": "mine"}, map[string]string{"/a": "mine"}, nil,
			"/a tg/a, /b mine, binding mine, binding tg/a"},
		"the name is given on": {map[string]string{"/b": "mine"}, map[string]string{"/a": "mine", "/b": "b"}, nil,
			"/a mine, /b b, binding b, binding mine"},
		"names are exchanged": {map[string]string{"/a": "x", "/b": "y"}, map[string]string{"/a": "y", "/b": "x"}, nil,
			"/a y, /b x, binding x, binding y"},
		"the binding of another has the name": {nil, map[string]string{"/b": "mine"},
			func(f *fakeAWS) { f.obs.Bindings[0].Name = "mine" },
			"/a tg/a, /b mine, binding " + naming.Successor("mine", 0) + ", binding mine"},
		"a binding has the name only": {nil, map[string]string{"/a": "mine"}, func(f *fakeAWS) {
			f.obs.Bindings[0].Name = "mine"
		}, "/a tg/a, /b tg/b, binding mine, binding tg/b"},
		"a binding of another tenant has the name": {nil, map[string]string{"/a": "mine"}, func(f *fakeAWS) {
			forged := f.obs.Bindings[0]
			forged.Namespace, forged.Name = "evil", "mine"
			f.obs.Bindings = append(f.obs.Bindings, forged)
		}, "/a mine, /b tg/b, binding mine, binding mine, binding tg/b"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, named(c.from), Options{})
			if c.edit != nil {
				c.edit(f)
			}
			for range 4 {
				p := Stack(named(c.to), stack.Keep{}, f.obs, Options{})
				servesThroughout(t, p)
				if f.run(t, p); p.Empty() {
					break
				}
			}
			if p := Stack(named(c.to), stack.Keep{}, f.obs, Options{}); !p.Empty() {
				t.Errorf("it does not end:\n%s", p.Text(plan.TextOptions{}))
			}
			if got := f.have(); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestATargetGroupThatIsReplacedByItsNameIsNoDuplicate has both groups in one rule, as while the successor warms up, in
// either order of ARNs.
func TestATargetGroupThatIsReplacedByItsNameIsNoDuplicate(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]map[string]string{"declared": {"/a": "mine"}, "undeclared meanwhile": nil} {
		for _, arn := range []string{"a-former", "z-former"} {
			f := newFake(testKey())
			f.converge(t, named(map[string]string{"/a": "mine"}), Options{})
			former, binding := f.obs.TargetGroups[0], f.obs.Bindings[0]
			former.ARN, former.Name, binding.Name = arn, "former", "former"
			binding.TargetGroup = stack.Literal(stack.KindTargetGroup, arn)
			f.obs.TargetGroups, f.obs.Bindings = append(f.obs.TargetGroups, former), append(f.obs.Bindings, binding)
			for i := range f.obs.Rules {
				if fwd := f.obs.Rules[i].Actions[0].Forward; fwd.TargetGroups[0].TargetGroup.Literal == f.obs.TargetGroups[0].ARN {
					both := *fwd
					both.TargetGroups = append(slices.Clone(fwd.TargetGroups), fwd.TargetGroups[0])
					both.TargetGroups[1].TargetGroup = binding.TargetGroup
					f.obs.Rules[i].Actions = slices.Clone(f.obs.Rules[i].Actions)
					f.obs.Rules[i].Actions[0].Forward = &both
				}
			}
			p := Stack(named(want), stack.Keep{}, f.obs, Options{})
			if n := p.Summary(); n.Refused > 0 || n.Delete != 2 {
				t.Errorf("%s, %s:\n%s", what, arn, p.Text(plan.TextOptions{}))
			}
		}
	}
}

// TestCopyOfOtherNameIsDuplicate has a group with copied tags in front of which
// nothing is.
func TestCopyOfOtherNameIsDuplicate(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, named(map[string]string{"/a": "mine"}), Options{})
	c := f.obs.TargetGroups[0]
	c.ARN, c.Name = "a-copy", "copied"
	f.obs.TargetGroups = append(f.obs.TargetGroups, c)
	p := Stack(named(map[string]string{"/a": "mine"}), stack.Keep{}, f.obs, Options{})
	if n := p.Summary(); n.Refused != 1 || len(p.Steps) != 1 {
		t.Error(p.Text(plan.TextOptions{}))
	}
}

// TestUnboundTargetGroupIsNoDuplicate ends the process right after the creation of
// a group with a declared name, once or twice, and declares another one then.
func TestUnboundTargetGroupIsNoDuplicate(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		from, to []map[string]string // before, and with a process that ends in the middle; the last one is carried out
		want     string
	}{
		"another name": {nil, []map[string]string{{"/a": "mine"}, {"/a": "yours"}},
			"/a yours, /b tg/b, binding tg/b, binding yours"},
		"no name": {nil, []map[string]string{{"/a": "mine"}, nil},
			"/a tg/a, /b tg/b, binding tg/a, binding tg/b"},
		"the former name": {[]map[string]string{{"/a": "hers"}}, []map[string]string{{"/a": "mine"}, {"/a": "hers"}},
			"/a hers, /b tg/b, binding hers, binding tg/b"},
		"a third name": {nil, []map[string]string{{"/a": "mine"}, {"/a": "yours"}, {"/a": "hers"}},
			"/a hers, /b tg/b, binding hers, binding tg/b"},
		"a name from the first": {nil, []map[string]string{nil, {"/a": "mine"}, {"/a": "mine"}},
			"/a mine, /b tg/b, binding mine, binding tg/b"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			if c.from != nil || c.to[0] != nil {
				f.converge(t, named(append(c.from, nil)[0]), Options{})
			}
			last := len(c.to) - 1
			for _, names := range c.to[:last] {
				p := Stack(named(names), stack.Keep{}, f.obs, Options{})
				end := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == "CreateTargetGroup /a" })
				p.Steps = p.Steps[:end+1]
				f.run(t, p)
			}
			for range 4 {
				p := Stack(named(c.to[last]), stack.Keep{}, f.obs, Options{})
				if n := p.Summary(); n.Refused > 0 {
					t.Fatal(p.Text(plan.TextOptions{}))
				}
				f.run(t, p)
			}
			if p := Stack(named(c.to[last]), stack.Keep{}, f.obs, Options{}); !p.Empty() {
				t.Errorf("it does not end:\n%s", p.Text(plan.TextOptions{}))
			}
			if got := f.have(); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			for _, tg := range f.obs.TargetGroups {
				if tg.Tags[naming.ReplacesTag] != "" {
					t.Errorf("%s keeps the tag that it replaces %s", tg.Name, tg.Tags[naming.ReplacesTag])
				}
			}
		})
	}
}

// servesThroughout checks that no target group goes before its successor is there, healthy and in use.
func servesThroughout(t *testing.T, p plan.Plan) {
	t.Helper()
	at := func(id plan.StepID) int {
		return slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.ID == id })
	}
	for _, s := range p.Steps {
		id, ok := strings.CutPrefix(string(s.ID), "DeleteTargetGroup ")
		if !ok {
			continue
		}
		created, awaited, bound := at(plan.StepID("CreateTargetGroup "+id)), at(plan.StepID("DescribeTargetHealth "+id)),
			at(plan.StepID("CreateBinding "+id))
		if created < 0 || bound < created || awaited < bound || at(s.ID) < awaited {
			t.Errorf("%s at %d; created at %d, bound at %d, awaited at %d:\n%s", s.ID, at(s.ID), created, bound, awaited,
				p.Text(plan.TextOptions{}))
		}
	}
}

func TestTargetGroupsWaitForALoadBalancerWhoseNameMayBeTaken(t *testing.T) {
	t.Parallel()
	for name, waits := range map[string]bool{"shop": true, "k8s-shop-web-0123456789": false} {
		want := testStack("/a", "/b")
		want.LoadBalancers[0].Name = name
		var created plan.StepID
		groups := 0
		for _, step := range Stack(want, stack.Keep{}, newFake(testKey()).obs, Options{}).Steps {
			switch step.Op.(type) {
			case awsop.CreateLoadBalancer:
				created = step.ID
			case awsop.CreateTargetGroup:
				groups++
				if needs := created != "" && slices.Contains(step.Needs, created); needs != waits {
					t.Errorf("%s: %s needs %v", name, step.ID, step.Needs)
				}
			}
		}
		if created == "" || groups != 2 {
			t.Errorf("%s: created by %q, %d target groups", name, created, groups)
		}
	}
}

// TestNamesOfOtherStacksAreLeftToThem creates resources whose generated names another stack has, and two target groups
// that would have one name.
func TestNamesOfOtherStacksAreLeftToThem(t *testing.T) {
	t.Parallel()
	const balancer, group, opens = "k8s-shop-web-0123456789", "k8s-shop-a-0123456789", "k8s-shop-web-9876543210"
	want := testStack("/a", "/b")
	want.LoadBalancers[0].Name, want.SecurityGroups[0].Name = balancer, opens
	want.TargetGroups[0].Name, want.TargetGroups[1].Name = group, group
	for name, taken := range map[string][]string{
		"none": nil, "all": {balancer, group, opens},
		"those for which they are left": {balancer, naming.Apart(balancer, testKey()), opens},
	} {
		var names []string
		options := Options{Taken: func(_ stack.Kind, name string) bool { return slices.Contains(taken, name) }}
		for _, step := range Stack(want, stack.Keep{}, newFake(testKey()).obs, options).Steps {
			switch op := step.Op.(type) {
			case awsop.CreateLoadBalancer:
				names = append(names, op.LoadBalancer.Name)
			case awsop.CreateTargetGroup:
				names = append(names, op.TargetGroup.Name)
			case awsop.CreateSecurityGroup:
				if !op.Group.Shared {
					names = append(names, op.Group.Name)
				}
			}
		}
		kept := 0
		for i, n := range names {
			if slices.Contains(taken, n) || !naming.Generated(n) || slices.Contains(names[:i], n) {
				t.Errorf("%s: %s is taken, declared or given twice, of %v", name, n, names)
			}
			if n == balancer || n == group || n == opens {
				kept++
			}
		}
		if len(names) != 4 || taken == nil && kept != 3 {
			t.Errorf("%s: names %v", name, names)
		}
	}
}

// TestFurtherSecurityGroupHasANameOfItsOwn has another stack have the names of all security groups of a stack.
func TestFurtherSecurityGroupHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	want := testStack("/a")
	first := "k8s-shop-web-9876543210"
	want.SecurityGroups[0].Name = first
	further := want.SecurityGroups[0]
	further.ID, further.Name = stack.ManagedSecurityGroup+"-2", naming.NthSecurityGroup(first, 2)
	want.SecurityGroups = append(want.SecurityGroups, further)
	taken := []string{first, further.Name}
	var names []string
	options := Options{Taken: func(_ stack.Kind, name string) bool { return slices.Contains(taken, name) }}
	for _, step := range Stack(want, stack.Keep{}, newFake(testKey()).obs, options).Steps {
		if op, ok := step.Op.(awsop.CreateSecurityGroup); ok && !op.Group.Shared {
			names = append(names, op.Group.Name)
		}
	}
	apart := naming.Apart(first, testKey())
	if !slices.Equal(names, []string{apart, apart + "-2"}) {
		t.Errorf("names %v", names)
	}
}
