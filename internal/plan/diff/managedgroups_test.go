package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// withRules is a stack whose load balancer has as many managed groups as its rules need, as compile makes it.
func withRules(t failer, rules []stack.Permission, limit int) *stack.Stack {
	t.Helper()
	s := testStack("/a")
	own, groups := s.SecurityGroups[0], [][]stack.Permission{rules}
	if n := sgrules.Count(sgrules.Pack(rules)); n > limit {
		groups, _ = sgrules.Lists(nil).Arrange(sgrules.Pack(rules), make([][]stack.Permission, (n+limit-1)/limit), limit)
	}
	s.SecurityGroups, s.LoadBalancers[0].SecurityGroups = s.SecurityGroups[1:], s.LoadBalancers[0].SecurityGroups[1:]
	for i, rules := range groups {
		g := own
		g.ID, g.Ingress = stack.NthManagedSecurityGroup(i+1), rules
		g.Tags = map[string]string{}
		s.SecurityGroups = append(s.SecurityGroups, g)
		s.LoadBalancers[0].SecurityGroups = append(s.LoadBalancers[0].SecurityGroups, groupRef(g.ID))
	}
	return s
}

// attached are the rules of the groups that the load balancer has, and the most that one of them counts.
func attached(o awsop.Observed) (rules []stack.Permission, most int) {
	for _, g := range o.SecurityGroups {
		most = max(most, sgrules.Count(g.Ingress))
		if len(o.LoadBalancers) > 0 && containsGroup(o.LoadBalancers[0].SecurityGroups, g.GroupID,
			func(r stack.Ref) string { return r.Literal }) {
			rules = append(rules, g.Ingress...)
		}
	}
	return rules, most
}

func tcpFrom(port int32, cidr string) stack.Permission {
	return stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, CIDR: cidr}
}

func TestRulesMoveBetweenGroupsWithoutClosingWantedOnes(t *testing.T) {
	t.Parallel()
	const limit = 4
	rapid.Check(t, func(t *rapid.T) {
		f := newFake(testKey())
		opt := Options{RulesPerSecurityGroup: limit}
		var before []stack.Permission
		for range rapid.IntRange(2, 4).Draw(t, "edits") {
			rules := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) stack.Permission {
				return tcpFrom(rapid.Int32Range(80, 90).Draw(t, "port"),
					fmt.Sprintf("10.%d.0.0/16", rapid.IntRange(0, 3).Draw(t, "range")))
			}), 1, 9, rapid.ID).Draw(t, "rules")
			want := withRules(t, rules, limit)
			p := Stack(want, stack.Keep{}, f.obs, opt)
			produced := map[stack.Ref]string{}
			for _, k := range p.Known {
				produced[k.Ref] = k.Value
			}
			stay := slices.DeleteFunc(slices.Clone(rules), func(r stack.Permission) bool {
				return !sgrules.Of(before).Admits(r)
			})
			roomless := false // a full group gives up a rule before it takes its successor
			for n, s := range p.Steps {
				if _, ok := s.Op.(awsop.RevokeSecurityGroupIngress); ok && n+1 < len(p.Steps) {
					_, grant := p.Steps[n+1].Op.(awsop.AuthorizeSecurityGroupIngress)
					roomless = roomless || grant
				}
				f.one(t, s, produced)
				now, most := attached(f.obs)
				if most > limit {
					t.Fatalf("after %s a group has %d rules", s.ID, most)
				}
				for _, r := range stay {
					if !roomless && !sgrules.Of(now).Admits(r) {
						t.Fatalf("after %s %v is closed\n%s", s.ID, r, p.Text(plan.TextOptions{}))
					}
				}
			}
			now, _ := attached(f.obs)
			if !sgrules.Of(now).Equal(sgrules.Of(rules)) {
				t.Fatalf("%v is open, want %v\n%s", now, rules, p.Text(plan.TextOptions{}))
			}
			if again := Stack(want, stack.Keep{}, f.obs, opt); !again.Empty() {
				t.Fatalf("then:\n%s", again.Text(plan.TextOptions{}))
			}
			before = rules
		}
	})
}

func TestRulesAsTheExistingControllerWritesThemAreLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	var ports []stack.Permission
	for port := range int32(51) {
		ports = append(ports, tcpFrom(8000+port, "0.0.0.0/0"))
	}
	want := withRules(t, ports, 60)
	f.converge(t, want, Options{})
	if rules, _ := attached(f.obs); len(rules) != 1 || rules[0].FromPort != 8000 || rules[0].ToPort != 8050 {
		t.Errorf("51 adjacent ports are opened as %v", rules)
	}
	for i := range f.obs.SecurityGroups {
		if stack.IsManagedSecurityGroup(f.obs.SecurityGroups[i].ID) {
			f.obs.SecurityGroups[i].Ingress = slices.Clone(ports)
		}
	}
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("rules by port are rewritten:\n%s", p.Text(plan.TextOptions{}))
	}
	more := withRules(t, append(slices.Clone(ports), tcpFrom(9000, "0.0.0.0/0")), 60)
	if writes := f.converge(t, more, Options{}); writes["AuthorizeSecurityGroupIngress"] != 1 ||
		writes["RevokeSecurityGroupIngress"] != 0 {
		t.Errorf("one port more: %v", writes)
	}
}

func TestRulesAreJoinedWhereAPrefixListLeavesNoRoomForSingleOnes(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	list := stack.Permission{Protocol: "tcp", FromPort: 80, ToPort: 80, PrefixList: "pl-1"}
	rules := []stack.Permission{list}
	for n := range 16 { // which make up one range
		rules = append(rules, tcpFrom(80, fmt.Sprintf("10.0.%d.0/24", n)))
	}
	want := withRules(t, rules, 60)
	want.PrefixLists = map[string]stack.PrefixList{"pl-1": {MaxEntries: 55}}
	first := Stack(want, stack.Keep{}, f.obs, Options{})
	if text := first.Text(plan.TextOptions{}); !strings.Contains(text, "open tcp 80 from pl-1, which counts as 55 rules") {
		t.Errorf("the plan does not say what the list counts:\n%s", text)
	}
	f.converge(t, want, Options{})
	got, _ := attached(f.obs)
	if n := sgrules.Lists(want.PrefixLists).Count(got); n != 56 || !sgrules.Of(got).Equal(sgrules.Of(rules)) {
		t.Errorf("%d rules are opened as %v", n, got)
	}
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("then:\n%s", p.Text(plan.TextOptions{}))
	}
}
