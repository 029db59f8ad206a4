package compile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// apart are ranges of which no two can be joined.
func apart(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("10.%d.%d.0/24", i/100, 2*(i%100)))
	}
	return out
}

// onPorts is a member with listeners that admit ranges.
func onPorts(list []string, ports ...int32) func(*intent.Member) {
	return func(m *intent.Member) {
		m.Listeners = nil
		for _, p := range ports {
			m.Listeners = append(m.Listeners, intent.Listener{Port: p, Protocol: "HTTP"})
		}
		if list != nil {
			ranges(list...)(m)
		}
	}
}

func TestRulesThatDoNotFitIntoOneGroupGetFurtherOnes(t *testing.T) {
	t.Parallel()
	var ports []int32
	for p := range int32(51) {
		ports = append(ports, 8000+p)
	}
	for name, c := range map[string]struct {
		member func(*intent.Member)
		groups string
	}{
		"40 ranges to one port": {onPorts(apart(40), 80), "[ManagedLBSecurityGroup backend-sg]"},
		"40 ranges to two ports": {onPorts(apart(40), 80, 443),
			"[ManagedLBSecurityGroup ManagedLBSecurityGroup-2 backend-sg]"},
		"40 ranges to two ports that touch": {onPorts(apart(40), 80, 81), "[ManagedLBSecurityGroup backend-sg]"},
		"as many as a network interface takes": {onPorts(apart(120), 80, 443),
			"[ManagedLBSecurityGroup ManagedLBSecurityGroup-2 ManagedLBSecurityGroup-3 ManagedLBSecurityGroup-4 backend-sg]"},
		"51 ports": {onPorts(nil, ports...), "[ManagedLBSecurityGroup backend-sg]"},
	} {
		f := account()
		f.Limits = map[string]int{"listeners-per-application-load-balancer": 60}
		s := mustBuild(t, Compile(loadBalancer(ingress("shop", "web", c.member)), f, config(), nil))
		var groups, names []string
		var rules []stack.Permission
		for _, g := range s.LoadBalancers[0].SecurityGroups {
			groups = append(groups, g.ID)
		}
		for _, g := range s.SecurityGroups {
			if len(groups) > 2 && sgrules.Count(g.Ingress) > 60 {
				t.Errorf("%s: group %s has %d rules", name, g.ID, len(g.Ingress))
			}
			rules, names = append(rules, g.Ingress...), append(names, g.Name)
		}
		if fmt.Sprint(groups) != c.groups {
			t.Errorf("%s: the load balancer has groups %v, want %s", name, groups, c.groups)
		}
		if len(groups) > 2 && names[1] != names[0]+"-2" {
			t.Errorf("%s: the groups are named %v", name, names)
		}
		m := ingress("shop", "web", c.member)
		var want []stack.Permission
		for _, l := range m.Listeners {
			list := l.InboundCIDRs.Value
			if len(list) == 0 {
				list = []string{"0.0.0.0/0"}
			}
			for _, r := range list {
				want = append(want, stack.Permission{Protocol: "tcp", FromPort: l.Port, ToPort: l.Port, CIDR: r})
			}
		}
		if !sgrules.Of(rules).Equal(sgrules.Of(want)) {
			t.Errorf("%s: the groups admit something else than what is asked for", name)
		}
	}
}

func TestInboundRulesBeyondAllGroupsAreRefusedWithNumbers(t *testing.T) {
	t.Parallel()
	r := Compile(loadBalancer(ingress("shop", "web", onPorts(apart(400), 80, 443))), account(), config(), nil)
	if r.Stack != nil {
		t.Errorf("a stack is made: %v", r.Stack.SecurityGroups)
	}
	for _, want := range []string{"need 800 inbound rules", "400 of them for port 443", "they may have 240",
		"60 rules in each of 4 groups", `"Inbound or outbound rules per security group"`, "--max-rules-per-security-group"} {
		if len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != diag.QuotaExceeded ||
			!strings.Contains(r.Diagnostics[0].Message(), want) {
			t.Errorf("%v does not say %q", r.Diagnostics, want)
		}
	}
	cfg := config()
	cfg.RulesPerSecurityGroup = 200
	if r := Compile(loadBalancer(ingress("shop", "web", onPorts(apart(400), 80, 443))), account(), cfg,
		nil); r.Stack == nil {
		t.Errorf("with the quota raised to 200: %v", r.Diagnostics)
	}
}

func TestNewcomerWhoseInboundRulesDoNotFitChangesNoOther(t *testing.T) {
	t.Parallel()
	old := ingress("shop", "old", onPorts(apart(150), 80), born(1))
	first := Compile(loadBalancer(old, ingress("shop", "other", born(2))), account(), config(), nil)
	want := mustBuild(t, first)
	f := asFacts(account(), want)
	f.Existing.Ingress = nil
	for _, g := range want.SecurityGroups {
		f.Existing.Ingress = append(f.Existing.Ingress, g.Ingress...)
	}
	newcomer := ingress("shop", "new", onPorts(apart(100), 443), born(3))
	r := Compile(loadBalancer(old, ingress("shop", "other", born(2)), newcomer), f, config(), first.Memory)
	got := mustBuild(t, r)
	if len(got.Listeners) != 1 || len(r.Diagnostics) == 0 {
		t.Errorf("listeners %v, findings %v", got.Listeners, r.Diagnostics)
	}
	for _, d := range r.Diagnostics {
		if d.Object != newcomer.Object || d.Code != diag.QuotaExceeded {
			t.Errorf("%v", d)
		}
	}
}

func TestFullerSecurityGroupProvesHigherRuleQuota(t *testing.T) {
	t.Parallel()
	m := ingress("shop", "web", onPorts(apart(90), 80))
	lone := Compile(loadBalancer(m), account(), config(), nil)
	want := mustBuild(t, lone)
	f := asFacts(account(), want)
	f.Existing.ManagedRules = [][]stack.Permission{
		slices.Concat(want.SecurityGroups[0].Ingress, want.SecurityGroups[1].Ingress)}
	s := mustBuild(t, Compile(loadBalancer(m), f, config(), lone.Memory))
	if n := len(s.LoadBalancers[0].SecurityGroups); n != 2 {
		t.Errorf("%d groups, want the managed one and the backend's", n)
	}
}

// fromLists is a member whose listeners admit ranges and prefix lists.
func fromLists(ranges []string, lists []string, ports ...int32) func(*intent.Member) {
	return func(m *intent.Member) {
		onPorts(ranges, ports...)(m)
		for i := range m.Listeners {
			m.Listeners[i].PrefixLists = set(m, "prefix-lists", lists)
		}
	}
}

func TestAPrefixListCountsAsManyRulesAsItMayHaveEntries(t *testing.T) {
	t.Parallel()
	lists := map[string]*stack.PrefixList{
		"pl-30": {MaxEntries: 30}, "pl-35": {MaxEntries: 35}, "pl-36": {MaxEntries: 36}, "pl-37": {MaxEntries: 37},
		"pl-55": {MaxEntries: 55}, "pl-80": {MaxEntries: 80}, "pl-6": {MaxEntries: 60, IPv6: true}, "pl-0": nil,
	}
	for name, c := range map[string]struct {
		member func(*intent.Member)
		groups []int  // the rules of each managed group, as EC2 counts them
		text   string // of the refusal
	}{
		"a list and few ranges": {member: fromLists(apart(5), []string{"pl-55"}, 80),
			groups: []int{60}},
		"a list and a range too many": {member: fromLists(apart(6), []string{"pl-55"}, 80),
			groups: []int{60, 1}},
		"a list on two ports": {member: fromLists(nil, []string{"pl-55"}, 80, 443),
			groups: []int{55, 55}},
		"a list on ports that touch": {member: fromLists(nil, []string{"pl-55"}, 80, 81),
			groups: []int{55}},
		"lists of which no two fit into a group": {member: fromLists(nil, []string{"pl-35", "pl-36", "pl-37"}, 80),
			groups: []int{37, 36, 35}},
		"a list of IPv6 beside one of IPv4": {member: fromLists(nil, []string{"pl-6", "pl-55"}, 80),
			groups: []int{60}},
		"a list that does not exist": {member: fromLists(nil, []string{"pl-0"}, 80, 443),
			groups: []int{2}},
		"a list that is larger than a group": {member: fromLists(nil, []string{"pl-80"}, 80),
			text: "would need 80 inbound rules, 80 of them for port 80: they may have 240, as AWS allows 60 rules in each of " +
				"4 groups; each rule counts as many as its prefix list may have entries (pl-80 has 80), and these " +
				"are in one group"},
		"a list on more ports than groups have room for": {member: fromLists(nil, []string{"pl-55"}, 80, 82, 84, 86, 88),
			text: "would need 275 inbound rules, 55 of them for port 88: they may have 240"},
		"lists that fit by their number only": {member: fromLists(nil, []string{"pl-35"}, 80, 82, 84, 86, 88),
			text: "would need 175 inbound rules, 35 of them for port 88"},
	} {
		f := account()
		f.PrefixLists = lists
		r := Compile(loadBalancer(ingress("shop", "web", c.member)), f, config(), nil)
		if c.text != "" {
			if r.Stack != nil || len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != diag.QuotaExceeded ||
				r.Diagnostics[0].Path != "metadata.annotations[alb.ingress.kubernetes.io/prefix-lists]" ||
				!strings.Contains(r.Diagnostics[0].Message(), c.text) {
				t.Errorf("%s: %v, want %q", name, r.Diagnostics, c.text)
			}
			continue
		}
		s := mustBuild(t, r)
		var groups []int
		for _, g := range s.SecurityGroups {
			if stack.IsManagedSecurityGroup(g.ID) {
				groups = append(groups, sgrules.Lists(s.PrefixLists).Count(sgrules.Pack(g.Ingress)))
			}
		}
		if !slices.Equal(groups, c.groups) {
			t.Errorf("%s: groups of %v rules, want %v", name, groups, c.groups)
		}
	}
}

func TestPrefixListsAreLookedUpOnlyWhereRulesNameThem(t *testing.T) {
	t.Parallel()
	f := account()
	f.PrefixLists = nil
	if r := Compile(loadBalancer(ingress("shop", "web", onPorts(apart(40), 80, 443))), f, config(), nil); len(
		r.Needs) > 0 {
		t.Errorf("of ranges %v is asked", r.Needs)
	}
	named := loadBalancer(ingress("shop", "web", fromLists(nil, []string{"pl-9"}, 80, 443)))
	need := facts.Need{Kind: facts.NeedPrefixList, Key: "pl-9"}
	if r := Compile(named, f, config(), nil); len(r.Needs) != 1 || r.Needs[0] != need {
		t.Errorf("of a list %v is asked", r.Needs)
	}
	managed := func(f facts.Facts) (n int) {
		for _, g := range mustBuild(t, Compile(named, f, config(), nil)).SecurityGroups {
			if stack.IsManagedSecurityGroup(g.ID) {
				n++
			}
		}
		return n
	}
	known, denied := f, f
	known.PrefixLists = map[string]*stack.PrefixList{"pl-9": {MaxEntries: 50}}
	denied.Errors = map[facts.Need]error{need: errors.New("denied")}
	if n := managed(known); n != 2 {
		t.Errorf("with its size known %d groups", n)
	}
	if n := managed(denied); n != 1 {
		t.Errorf("with its size unknown %d groups", n)
	}
	want := mustBuild(t, Compile(named, known, config(), nil))
	standing := asFacts(denied, want)
	for _, g := range want.SecurityGroups {
		if stack.IsManagedSecurityGroup(g.ID) {
			standing.Existing.ManagedRules = append(standing.Existing.ManagedRules, g.Ingress)
		}
	}
	if n := managed(standing); n != 2 {
		t.Errorf("of two groups that stand %d are left while the size is unknown", n)
	}
}
