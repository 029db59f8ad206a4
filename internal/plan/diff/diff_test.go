package diff

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

func orderOf(f *fakeAWS) []string {
	rules := slices.Clone(f.obs.Rules)
	slices.SortFunc(rules, func(a, b awsop.Rule) int { return int(a.Priority - b.Priority) })
	var out []string
	for _, r := range rules {
		out = append(out, r.Conditions[0].Values[0])
	}
	return out
}

// costedEdit is an edit of a stack with rules for some paths, and what it writes.
type costedEdit struct {
	name   string
	from   []string // paths of the rules
	edit   func(*stack.Stack)
	to     []string // paths wanted; nil = from
	writes map[string]int
}

// TestAChangeCostsTheWritesThatItNeeds is the economy of plans: what each kind of edit writes.
func TestAChangeCostsTheWritesThatItNeeds(t *testing.T) {
	t.Parallel()
	for _, tc := range slices.Concat(loadBalancerEdits(), ruleEdits(), targetGroupEdits()) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, testStack(tc.from...), Options{})
			to := tc.to
			if to == nil {
				to = tc.from
			}
			want := testStack(to...)
			if tc.edit != nil {
				tc.edit(want)
			}
			if diff := cmp.Diff(tc.writes, f.converge(t, want, Options{})); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if tc.edit == nil {
				if diff := cmp.Diff(to, orderOf(f)); diff != "" {
					t.Errorf("order of rules (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// loadBalancerEdits are edits of the load balancer and of its security groups.
func loadBalancerEdits() []costedEdit {
	return []costedEdit{
		{name: "nothing", from: []string{"/b"}, writes: map[string]int{}},
		{name: "one attribute", from: []string{"/b"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
		}, writes: map[string]int{"ModifyLoadBalancerAttributes": 1}},
		{name: "an attribute at its default", from: []string{"/b"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "60",
				"routing.http2.enabled": "true"}
		}, writes: map[string]int{}},
		{name: "another pool of customer-owned addresses", from: []string{"/a"}, edit: func(s *stack.Stack) {
			// AWS reads the pool only at creation, and the compiler notes the difference
			s.LoadBalancers[0].CustomerOwnedPool = "ipv4pool-coip-2"
		}, writes: map[string]int{}},
		{name: "another name of the load balancer", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Name = "renamed"
		}, writes: map[string]int{}},
		{name: "a subnet", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Subnets = append(s.LoadBalancers[0].Subnets, stack.SubnetMapping{Subnet: "subnet-c"})
		}, writes: map[string]int{"SetSubnets": 1}},
		{name: "inbound rules off for PrivateLink traffic", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].PrivateLinkRules = "off"
		}, writes: map[string]int{"SetSecurityGroups": 1}},
		{name: "inbound rules on for PrivateLink traffic, as they are unless they were set", from: []string{"/a"},
			edit: func(s *stack.Stack) { s.LoadBalancers[0].PrivateLinkRules = "on" }, writes: map[string]int{}},
		{name: "a prefix for source NAT", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Subnets[0].SourceNATPrefix = "2001:db8::/80"
		}, writes: map[string]int{"SetSubnets": 1}},
		{name: "a prefix for source NAT that AWS chooses", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.LoadBalancers[0].Subnets[0].SourceNATPrefix = stack.AutoAssigned
		}, writes: map[string]int{}},
		{name: "groups of the user", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.SecurityGroups = s.SecurityGroups[1:]
			s.LoadBalancers[0].SecurityGroups = []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-user")}
		}, writes: map[string]int{"SetSecurityGroups": 1, "DeleteSecurityGroup": 1}},
		{name: "another source range", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.SecurityGroups[0].Ingress[0].CIDR = "10.0.0.0/8"
		}, writes: map[string]int{"AuthorizeSecurityGroupIngress": 1, "RevokeSecurityGroupIngress": 1}},
		{name: "the same range with host bits", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.SecurityGroups[0].Ingress[0].CIDR = "0.1.2.3/0"
		}, writes: map[string]int{}},
		{name: "a tag", from: []string{"/a"}, edit: func(s *stack.Stack) { s.LoadBalancers[0].Tags["team"] = "web" },
			writes: map[string]int{"AddTags": 1}},
	}
}

// ruleEdits are edits of listeners and rules.
func ruleEdits() []costedEdit {
	return []costedEdit{
		{name: "a path in front", from: []string{"/b"}, to: []string{"/a", "/b"}, writes: map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "CreateRule": 1, "SetRulePriorities": 1}},
		{name: "a path in between", from: []string{"/a", "/c"}, to: []string{"/a", "/b", "/c"}, writes: map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "CreateRule": 1, "SetRulePriorities": 1}},
		{name: "a path behind", from: []string{"/a"}, to: []string{"/a", "/b"}, writes: map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "CreateRule": 1}},
		{name: "one member moved", from: []string{"/a", "/b", "/c", "/d"}, to: []string{"/d", "/a", "/b", "/c"}, writes: map[string]int{"SetRulePriorities": 1}},
		{name: "all reversed", from: []string{"/a", "/b", "/c", "/d"}, to: []string{"/d", "/c", "/b", "/a"}, writes: map[string]int{"SetRulePriorities": 1}},
		{name: "a path removed", from: []string{"/a", "/b"}, to: []string{"/b"}, writes: map[string]int{"DeleteRule": 1, "DeleteTargetGroup": 1, "DeleteBinding": 1}},
		{name: "a path renamed", from: []string{"/a", "/b", "/c"}, edit: func(s *stack.Stack) {
			s.Rules[1].Conditions[0].Values = []string{"/bb"}
		}, writes: map[string]int{"ModifyRule": 1}},
		{name: "weights edited", from: []string{"/a", "/b"}, edit: func(s *stack.Stack) {
			w := int32(50)
			s.Rules[0].Actions[0].Forward.TargetGroups = []stack.WeightedTargetGroup{
				{TargetGroup: targetGroupRef("/a"), Weight: &w}, {TargetGroup: targetGroupRef("/b"), Weight: &w}}
		}, writes: map[string]int{"ModifyRule": 1, "DescribeTargetHealth": 1}},
		{name: "a tag of a rule", from: []string{"/a", "/b"}, edit: func(s *stack.Stack) { s.Rules[1].Tags["team"] = "web" },
			writes: map[string]int{"AddTags": 1}},
		{name: "a transform of a rule", from: []string{"/a", "/b"}, edit: func(s *stack.Stack) {
			s.Rules[1].Transforms = []stack.Transform{
				{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/b", Replace: "/"}}}}
		}, writes: map[string]int{"ModifyRule": 1}},
		{name: "another listener", from: []string{"/a"}, edit: func(s *stack.Stack) {
			l := s.Listeners[0]
			l.ID, l.Port = "8080", 8080
			s.Listeners = append(s.Listeners, l)
		}, writes: map[string]int{"CreateListener": 1}},
		{name: "a listener on another port", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.Listeners[0].ID, s.Listeners[0].Port = "8080", 8080
			s.Rules[0].Listener, s.Rules[0].ID = listenerRef("8080"), "8080:1"
		}, writes: map[string]int{"CreateListener": 1, "CreateRule": 1, "DeleteListener": 1}},
		{name: "the weight of a single target", from: []string{"/a"}, edit: func(s *stack.Stack) {
			w := int32(7)
			s.Rules[0].Actions[0].Forward.TargetGroups[0].Weight = &w // the weight of a single target says nothing
		}, writes: map[string]int{}},
	}
}

// targetGroupEdits are edits of target groups and their bindings.
func targetGroupEdits() []costedEdit {
	return []costedEdit{
		{name: "a health check", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.TargetGroups[0].HealthCheck.Matcher = "200-399"
		}, writes: map[string]int{"ModifyTargetGroup": 1}},
		{name: "port, path and thresholds of a health check", from: []string{"/a"}, edit: func(s *stack.Stack) {
			h := &s.TargetGroups[0].HealthCheck
			h.Port, h.Path, h.HealthyThreshold, h.UnhealthyThreshold = "9000", "/ready", 5, 4
		}, writes: map[string]int{"ModifyTargetGroup": 1}},
		{name: "protocol, codes and times of a health check", from: []string{"/a"}, edit: func(s *stack.Stack) {
			h := &s.TargetGroups[0].HealthCheck
			h.Protocol, h.Matcher, h.IntervalSeconds, h.TimeoutSeconds = "HTTPS", "200-299", 30, 10
		}, writes: map[string]int{"ModifyTargetGroup": 1}},
		{name: "another protocol of the targets", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.TargetGroups[0].Protocol, s.TargetGroups[0].Name = "HTTPS", "tg/a2"
			s.Bindings[0].Protocol, s.Bindings[0].Name = "HTTPS", "tg/a2"
		}, writes: map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "ModifyRule": 2, "DescribeTargetHealth": 1,
			"DeleteTargetGroup": 1, "DeleteBinding": 1}},
		{name: "another control port of the targets", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.TargetGroups[0].ControlPort, s.TargetGroups[0].Name, s.Bindings[0].Name = 3000, "tg/a2", "tg/a2"
		}, writes: map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "ModifyRule": 2, "DescribeTargetHealth": 1,
			"DeleteTargetGroup": 1, "DeleteBinding": 1}},
		{name: "another name of a target group, as of another port", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.TargetGroups[0].Port, s.TargetGroups[0].Name, s.Bindings[0].Name = 9090, "tg/a2", "tg/a2"
		}, writes: map[string]int{}},
		{name: "other nodes", from: []string{"/a"}, edit: func(s *stack.Stack) {
			s.Bindings[0].NodeExpressions = []stack.NodeExpression{{Key: "pool", Operator: "In", Values: []string{"x", "y"}}}
		}, writes: map[string]int{"UpdateBinding": 1}},
	}
}

func TestNLBHealthCheckChangesInPlace(t *testing.T) {
	t.Parallel()
	nlb := func(check stack.HealthCheck) *stack.Stack {
		s := testStack()
		s.LoadBalancers[0].Type = stack.Network
		s.TargetGroups = []stack.TargetGroup{{ID: "n/s:80", Name: "tg", TargetType: stack.TargetIP, Port: 8080,
			Protocol: "TCP", HealthCheck: check}}
		s.Listeners[0].Protocol = "TCP"
		s.Listeners[0].DefaultActions = []stack.Action{
			{Type: stack.ActionForward, Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{
				{TargetGroup: targetGroupRef("n/s:80")}}}}}
		return s
	}
	f := newFake(testKey())
	f.converge(t, nlb(stack.HealthCheck{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 10, TimeoutSeconds: 10,
		HealthyThreshold: 3, UnhealthyThreshold: 3}), Options{})
	group := f.obs.TargetGroups[0].ARN
	for _, check := range []stack.HealthCheck{
		{Protocol: "HTTP", Port: "traffic-port", Path: "/", Matcher: "200-399", IntervalSeconds: 10, TimeoutSeconds: 10,
			HealthyThreshold: 3, UnhealthyThreshold: 3},
		{Protocol: "HTTP", Port: "8081", Path: "/healthz", Matcher: "200", IntervalSeconds: 30, TimeoutSeconds: 6,
			HealthyThreshold: 2, UnhealthyThreshold: 2},
		{Protocol: "TCP", Port: "traffic-port", IntervalSeconds: 10, TimeoutSeconds: 10, HealthyThreshold: 3,
			UnhealthyThreshold: 3},
	} {
		if diff := cmp.Diff(map[string]int{"ModifyTargetGroup": 1}, f.converge(t, nlb(check), Options{})); diff != "" ||
			f.obs.TargetGroups[0].ARN != group {
			t.Errorf("%+v: %s", check, diff)
		}
	}
	// Behind the gate they cannot, other than the port, the path and the thresholds.
	fixed := Options{Region: Region{FixedHealthChecks: true}}
	check := stack.HealthCheck{Protocol: "TCP", Port: "8081", Path: "/ready", IntervalSeconds: 10, TimeoutSeconds: 10,
		HealthyThreshold: 2, UnhealthyThreshold: 2}
	if diff := cmp.Diff(map[string]int{"ModifyTargetGroup": 1}, f.converge(t, nlb(check), fixed)); diff != "" ||
		f.obs.TargetGroups[0].ARN != group {
		t.Errorf("port, path and thresholds: %s", diff)
	}
	for what, change := range map[string]func(*stack.HealthCheck){
		"protocol": func(h *stack.HealthCheck) {
			h.Protocol = "HTTP"
		}, "codes": func(h *stack.HealthCheck) { h.Matcher = "200" },
		"interval": func(h *stack.HealthCheck) {
			h.IntervalSeconds = 30
		}, "timeout": func(h *stack.HealthCheck) { h.TimeoutSeconds = 6 },
	} {
		before := f.obs.TargetGroups[0].ARN
		change(&check)
		got := f.converge(t, nlb(check), fixed)
		if len(f.obs.TargetGroups) != 1 || f.obs.TargetGroups[0].ARN == before || got["CreateTargetGroup"] != 1 ||
			got["DeleteTargetGroup"] != 1 || got["ModifyTargetGroup"] != 0 {
			t.Errorf("%s: writes %v", what, got)
		}
	}
}

func TestCreatingAStackTakesOneWritePerResource(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	got := f.converge(t, testStack("/"), Options{})
	want := map[string]int{"CreateSecurityGroup": 2, "AuthorizeSecurityGroupIngress": 1, "CreateTargetGroup": 1,
		"CreateLoadBalancer": 1,
		"CreateListener":     1, "CreateRule": 1, "CreateBinding": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeletingAStackTakesOneWritePerOwnedThing(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	got := f.converge(t, removed(), Options{})
	want := map[string]int{"DeleteLoadBalancer": 1, "DeleteTargetGroup": 2, "DeleteBinding": 2, "DeleteSecurityGroup": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(f.obs.SecurityGroups) != 1 || !f.obs.SecurityGroups[0].Shared {
		t.Errorf("the shared group must stay alone, got %v", f.obs.SecurityGroups)
	}
}

func TestRulesNumberedOneTwoThreeAreAdoptedWithoutAWrite(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b", "/c"), Options{})
	for i := range f.obs.Rules {
		f.obs.Rules[i].Priority = int32(i + 1)
	}
	if got := f.converge(t, testStack("/a", "/b", "/c"), Options{}); len(got) > 0 {
		t.Errorf("adoption writes %v", got)
	}
	want := map[string]int{"CreateTargetGroup": 1, "CreateBinding": 1, "SetRulePriorities": 1, "CreateRule": 1}
	if diff := cmp.Diff(want, f.converge(t, testStack("/0", "/a", "/b", "/c"), Options{})); diff != "" {
		t.Errorf("insertion without room: %s", diff)
	}
}

func TestAForeignRuleStaysAndKeepsItsPriority(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	foreign := f.obs.Rules[0]
	foreign.ARN, foreign.Priority, foreign.Tags = "arn:foreign", 150, map[string]string{}
	foreign.Conditions = []stack.Condition{{Field: stack.PathPattern, Values: []string{"/theirs"}}}
	f.obs.Rules = append(f.obs.Rules, foreign)
	f.converge(t, testStack("/a", "/x", "/b"), Options{})
	f.converge(t, testStack("/b", "/x", "/a", "/y"), Options{})
	for _, r := range f.obs.Rules {
		if r.ARN == "arn:foreign" && r.Priority == 150 {
			return
		}
	}
	t.Errorf("the foreign rule is gone or moved: %v", orderOf(f))
}

func TestDeletionProtectionRefusesDeletionAndWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	protected := func() *fakeAWS {
		f := newFake(testKey())
		s := testStack("/a")
		s.LoadBalancers[0].Attributes = map[string]string{"deletion_protection.enabled": "true"}
		f.converge(t, s, Options{})
		return f
	}
	for _, tc := range []struct {
		name     string
		opt      Options
		declared string // the place
		refused  bool
	}{
		{"as found", Options{}, "", true},
		{"declared", Options{}, "IngressClassParams prod, spec.loadBalancerAttributes", true},
		{"lifted", Options{LiftProtection: []string{stack.LoadBalancerIdentity}}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := protected()
			p := Stack(removed(), stack.Keep{}, f.obs, tc.opt)
			if tc.declared != "" {
				p = p.Under(policy.Protect(map[string]string{stack.LoadBalancerIdentity: tc.declared}, f.obs))
			}
			s, _ := p.Step("DeleteLoadBalancer LoadBalancer")
			if refused := s.Guard != nil; refused != tc.refused {
				t.Fatalf("refused = %v, want %v", refused, tc.refused)
			}
			if tc.refused && (s.Guard.Code != diag.DeletionProtected || !strings.Contains(s.Guard.Text, tc.declared)) {
				t.Errorf("guard %+v", s.Guard)
			}
			f.run(t, p)
			if left := len(f.obs.LoadBalancers) + len(f.obs.TargetGroups) + len(f.obs.Bindings); (left == 3) != tc.refused {
				t.Errorf("%d resources left", left)
			}
		})
	}
}

func TestAnotherSchemeReplacesTheLoadBalancerNewBeforeOld(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	want := testStack("/a")
	want.LoadBalancers[0].Scheme, want.LoadBalancers[0].Name = stack.Internal, "k8s-shop-webfront-internal"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	var ops []string
	for _, s := range p.Steps {
		ops = append(ops, plan.NameOf(s.Op))
	}
	if diff := cmp.Diff([]string{"CreateLoadBalancer", "DeleteLoadBalancer", "CreateListener", "CreateRule"},
		ops); diff != "" {
		t.Error(diff)
	}
	rule, _ := p.Step("CreateRule 80:1")
	if !slices.Contains(rule.Needs, "DeleteLoadBalancer LoadBalancer") {
		t.Errorf("the rule must wait until the old load balancer releases the target group, needs %v", rule.Needs)
	}
	f.converge(t, want, Options{})
	// With a name of the user's the old one must go first.
	back := testStack("/a")
	back.LoadBalancers[0].Name = "k8s-shop-webfront-internal"
	p = Stack(back, stack.Keep{}, f.obs, Options{})
	if plan.NameOf(p.Steps[0].Op) != "DeleteLoadBalancer" {
		t.Errorf("first step is %s", p.Steps[0].ID)
	}
	f.converge(t, back, Options{})
}

func TestKeptListenersAreNeitherChangedNorDeleted(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	want := testStack("/a")
	want.Listeners, want.Rules, want.TargetGroups, want.Bindings = nil, nil, nil, nil
	p := Stack(want, stack.Keep{Resources: []stack.Ref{listenerRef("80")}}, f.obs, Options{})
	if !p.Empty() {
		t.Errorf("unexpected steps:\n%s", p.Text(plan.TextOptions{}))
	}
	if p = Stack(removed(), stack.Keep{Resources: []stack.Ref{listenerRef("80")}}, f.obs, Options{}); !p.Empty() {
		t.Errorf("unexpected steps:\n%s", p.Text(plan.TextOptions{}))
	}
}

func TestATargetGroupDeletedByHandIsCreatedAgainWithANewBinding(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	f.obs.TargetGroups = nil
	f.obs.Rules = nil
	got := f.converge(t, testStack("/a"), Options{})
	want := map[string]int{"CreateTargetGroup": 1, "DeleteBinding": 1, "CreateBinding": 1, "CreateRule": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBindingOfUnlistedTargetGroupGoesLast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		listed func(*awsop.Observed) // changes what AWS lists
		needs  []string
	}{
		"nothing is listed": {func(o *awsop.Observed) { o.LoadBalancers, o.Listeners, o.Rules = nil, nil, nil },
			[]string{"CreateListener 80", "CreateRule 80:1"}},
		"a rule forwards to it":  {func(*awsop.Observed) {}, []string{"ModifyRule 80:1", "ModifyRule 80:1#2"}},
		"nothing forwards to it": {func(o *awsop.Observed) { o.Rules = nil }, nil},
		"a listener forwards to it": {func(o *awsop.Observed) {
			o.Listeners[0].DefaultActions, o.Rules = o.Rules[0].Actions, nil
		}, []string{"CreateRule 80:1", "ModifyRule 80:1", "ModifyListener 80"}},
	} {
		f := newFake(testKey())
		f.converge(t, testStack("/a"), Options{})
		f.obs.Bindings[0].Name = "of-a-group-made-a-moment-ago"
		f.obs.TargetGroups = nil
		c.listed(&f.obs)
		p := Stack(testStack("/a"), stack.Keep{}, f.obs, Options{Namespaces: []string{f.obs.Bindings[0].Namespace}})
		var needs []string
		for _, s := range p.Steps {
			if _, ok := s.Op.(awsop.DeleteBinding); ok {
				for _, id := range s.Needs {
					needs = append(needs, string(id))
				}
			}
		}
		if diff := cmp.Diff(c.needs, needs); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, p.Text(plan.TextOptions{}))
		}
	}
}

func TestExternalAndLegacyTagsAreLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	tags := maps.Clone(f.obs.LoadBalancers[0].Tags)
	maps.Copy(tags, map[string]string{"aws:x": "1", "owner": "finance", "kubernetes.io/cluster/demo": "owned",
		"junk": "1"})
	f.obs.LoadBalancers[0].Tags = tags
	want := testStack("/a")
	want.LoadBalancers[0].Tags["owner"] = "web"
	p := Stack(want, stack.Keep{}, f.obs, Options{ExternalTags: []string{"owner"}})
	if len(p.Steps) != 1 {
		t.Fatalf("plan:\n%s", p.Text(plan.TextOptions{}))
	}
	if diff := cmp.Diff(awsop.RemoveTags{Resource: loadBalancerRef("LoadBalancer"), Keys: []string{"junk"}},
		p.Steps[0].Op); diff != "" {
		t.Error(diff)
	}
}

func TestATagGoesBeforeAnotherComesSinceAResourceHasFifty(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	want := testStack("/a")
	f.obs.LoadBalancers[0].Tags["old"], want.LoadBalancers[0].Tags["new"] = "1", "1"
	p := Stack(want, stack.Keep{}, f.obs, Options{})
	if len(p.Steps) != 2 || plan.NameOf(p.Steps[0].Op) != "RemoveTags" || !slices.Equal(p.Steps[1].After, []plan.StepID{
		p.Steps[0].ID}) || len(p.Steps[1].Needs) > 0 {
		t.Errorf("plan:\n%s", p.Text(plan.TextOptions{}))
	}
}

// TestTheDefaultCertificateIsNotAttachedOnceMore keeps what others made of it, too: the existing controller attaches
// it.
func TestTheDefaultCertificateIsNotAttachedOnceMore(t *testing.T) {
	t.Parallel()
	s := testStack("/a")
	s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy = "HTTPS", "ELBSecurityPolicy-2016-08"
	s.Listeners[0].Certificates, s.Listeners[0].SNI = []string{"c1"}, []string{"c1", "c2"}
	f := newFake(testKey())
	if got := f.converge(t, s, Options{}); got["AddListenerCertificates"] != 1 {
		t.Errorf("creation writes %v", got)
	}
	f.obs.Listeners[0].SNI = []string{"c1", "c2"}
	if p := Stack(s, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("what the existing controller attached is changed:\n%s", p.Text(plan.TextOptions{}))
	}
}

// TestTheOrderOfConditionsAndTheirValuesHasNoMeaning compares with other orders, and with other values.
func TestTheOrderOfConditionsAndTheirValuesHasNoMeaning(t *testing.T) {
	t.Parallel()
	header := func(name string, values ...string) stack.Condition {
		return stack.Condition{Field: stack.HTTPHeader, HeaderName: name, Values: values}
	}
	query := func(pairs ...stack.QueryValue) stack.Condition {
		return stack.Condition{Field: stack.QueryString, Query: pairs}
	}
	a, b := stack.QueryValue{Key: "a", Value: "1"}, stack.QueryValue{Key: "b", Value: "2"}
	as := canonical.Conditions([]stack.Condition{header("X-A", "1", "2"), header("X-B", "3"), query(a, b)})
	if got := canonical.Conditions([]stack.Condition{query(b, a), header("x-b", "3"), header("X-A", "2", "1")}); got !=
		as {
		t.Errorf("%q is not %q", got, as)
	}
	for _, other := range [][]stack.Condition{
		{header("X-A", "1", "3"), header("X-B", "2"), query(a, b)},
		{header("X-A", "1", "2"), header("X-B", "3"), query(a), query(b)},
		{header("X-A", "1", "2"), header("X-B", "3")},
	} {
		if canonical.Conditions(other) == as {
			t.Errorf("%v is taken for the same", other)
		}
	}
}

// TestTheOrderOfABindingsNetworkingRulesHasNoMeaning compares with another order.
func TestTheOrderOfABindingsNetworkingRulesHasNoMeaning(t *testing.T) {
	t.Parallel()
	s := testStack("/a")
	rule := func(port string) stack.NetworkingRule {
		return stack.NetworkingRule{FromCIDRs: []string{"10.0.0.0/8"}, Ports: []stack.NetworkingPort{
			{Protocol: "TCP", Port: port}}}
	}
	s.Bindings[0].Networking = []stack.NetworkingRule{rule("8080"), rule("7000")}
	f := newFake(testKey())
	f.converge(t, s, Options{})
	s.Bindings[0].Networking = []stack.NetworkingRule{rule("7000"), rule("8080")}
	if p := Stack(s, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("plan:\n%s", p.Text(plan.TextOptions{}))
	}
	s.Bindings[0].Networking = []stack.NetworkingRule{rule("7000"), rule("8081")}
	if p := Stack(s, stack.Keep{}, f.obs, Options{}); p.Empty() {
		t.Error("another port is no difference")
	}
}

func TestCertificatesAreAttachedBeforeOthersAreDetached(t *testing.T) {
	t.Parallel()
	tls := func(def string, sni ...string) *stack.Stack {
		s := testStack("/a")
		s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy = "HTTPS", "ELBSecurityPolicy-2016-08"
		s.Listeners[0].Certificates, s.Listeners[0].SNI = []string{def}, sni
		return s
	}
	f := newFake(testKey())
	f.converge(t, tls("c1", "c1", "c2"), Options{})
	p := Stack(tls("c3", "c3", "c4"), stack.Keep{}, f.obs, Options{})
	var ops []string
	for _, s := range p.Steps {
		ops = append(ops, plan.NameOf(s.Op))
	}
	if diff := cmp.Diff([]string{"AddListenerCertificates", "ModifyListener", "RemoveListenerCertificates"},
		ops); diff != "" {
		t.Error(diff)
	}
	f.converge(t, tls("c3", "c2", "c3"), Options{})
	if got := f.converge(t, testStack("/a"), Options{}); len(got) != 1 || got["ModifyListener"] != 1 {
		t.Errorf("HTTPS to HTTP writes %v", got)
	}
}

func TestFurtherCertificatesNeverModifyTheListener(t *testing.T) {
	t.Parallel()
	secure := func(sni ...string) *stack.Stack {
		s := testStack("/a")
		s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy, s.Listeners[0].Certificates, s.Listeners[0].SNI = "HTTPS", "p1",
			[]string{"c1"}, sni
		return s
	}
	for _, c := range []struct {
		from, to []string
		writes   map[string]int
	}{
		{nil, []string{"c2"}, map[string]int{"AddListenerCertificates": 1}},
		{[]string{"c2", "c3"}, []string{"c2", "c3"}, map[string]int{}},
		{[]string{"c2", "c3"}, []string{"c3", "c2"}, map[string]int{}},
		{[]string{"c2", "c3"}, []string{"c3"}, map[string]int{"RemoveListenerCertificates": 1}},
		{[]string{"c2"}, []string{"c3", "c4"}, map[string]int{"AddListenerCertificates": 2, "RemoveListenerCertificates": 1}},
	} {
		f := newFake(testKey())
		f.converge(t, secure(c.from...), Options{})
		if diff := cmp.Diff(c.writes, f.converge(t, secure(c.to...), Options{})); diff != "" {
			t.Errorf("%v → %v: %s", c.from, c.to, diff)
		}
	}
}

func TestOverlappingRulesAreCreatedInOrder(t *testing.T) {
	t.Parallel()
	p := Stack(testStack("/api", "/shop", "/*"), stack.Keep{}, awsop.Observed{Key: testKey()}, Options{})
	for _, tc := range []struct {
		id    plan.StepID
		after []plan.StepID
	}{
		{"CreateRule 80:1", nil},
		{"CreateRule 80:2", nil},
		{"CreateRule 80:3", []plan.StepID{"CreateRule 80:1", "CreateRule 80:2"}},
	} {
		s, _ := p.Step(tc.id)
		if diff := cmp.Diff(tc.after, s.After); diff != "" {
			t.Errorf("%s: %s", tc.id, diff)
		}
	}
}

// TestABindingIsKnownByItsNamespaceAndTargetGroup observes a copy of a binding in a namespace that nothing of the stack
// is in, last in the order of names.
func TestABindingIsKnownByItsNamespaceAndTargetGroup(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	want := testStack("shop/web-a:80")
	f.converge(t, want, Options{})
	stray := f.obs.Bindings[0]
	stray.Namespace, stray.Name = "zz", "zz"
	f.obs.Bindings = append(f.obs.Bindings, stray)
	if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("a copy changes something:\n%s", p.Text(plan.TextOptions{}))
	}
	if p := Stack(removed(), stack.Keep{}, f.obs, Options{Namespaces: []string{"shop"}}); p.Summary().Delete != len(
		Stack(removed(), stack.Keep{}, f.obs, Options{}).Steps) ||
		slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
			op, ok := s.Op.(awsop.DeleteBinding)
			return ok && op.Namespace == "zz"
		}) {
		t.Errorf("a copy is deleted:\n%s", p.Text(plan.TextOptions{}))
	}

	// The target group is not observed any more: the namespaces of the stack's objects decide.
	f.obs.TargetGroups = nil
	for _, namespaces := range [][]string{{"shop"}, {"shop", "zz"}} {
		deleted := 0
		for _, s := range Stack(removed(), stack.Keep{}, f.obs, Options{Namespaces: namespaces}).Steps {
			if _, ok := s.Op.(awsop.DeleteBinding); ok {
				deleted++
			}
		}
		if deleted != len(namespaces) {
			t.Errorf("objects in %v: %d bindings are deleted", namespaces, deleted)
		}
	}
}
