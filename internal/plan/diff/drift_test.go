package diff

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// driftCase is a change made in AWS, and an edit in Kubernetes of the same fields.
type driftCase struct {
	what   string
	group  drift.Group
	change func(*awsop.Observed)
	edit   func(*stack.Stack)
	all    bool // the policy is that of all groups
}

// copied is a map with an entry more, or with another value.
func copied(m map[string]string, k, v string) map[string]string {
	out := map[string]string{k: v}
	for key, value := range m {
		if key != k {
			out[key] = value
		}
	}
	return out
}

func driftCases() []driftCase {
	const idle, delay, server = "idle_timeout.timeout_seconds", "deregistration_delay.timeout_seconds",
		"routing.http.response.server.enabled"
	return []driftCase{
		{"a rule was deleted", drift.Rules, func(o *awsop.Observed) { o.Rules = o.Rules[1:] },
			func(s *stack.Stack) { s.Rules[1].Conditions[0].Values = []string{"/bb"} }, false},
		{"a rule was added", drift.Rules, func(o *awsop.Observed) {
			r := o.Rules[0]
			r.ARN, r.Priority, r.ID = "arn:rule/by-hand", 77, ""
			r.Conditions, r.Tags = []stack.Condition{{Field: stack.PathPattern, Values: []string{"/by-hand"}}}, nil
			o.Rules = append(slices.Clone(o.Rules), r)
		}, func(s *stack.Stack) { s.Rules[1].Conditions[0].Values = []string{"/bb"} }, false},
		{"the default action was changed", drift.Listeners, func(o *awsop.Observed) {
			o.Listeners = slices.Clone(o.Listeners)
			o.Listeners[0].DefaultActions = []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "503"}}}
		}, func(s *stack.Stack) {
			s.Listeners[0].DefaultActions = []stack.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
				StatusCode: "410", ContentType: "text/plain"}}}
		}, false},
		{"a listener was added", drift.Listeners, func(o *awsop.Observed) {
			l := o.Listeners[0]
			l.ARN, l.ID, l.Port = "arn:listener/by-hand", "8080", 8080
			o.Listeners = append(slices.Clone(o.Listeners), l)
		}, func(s *stack.Stack) { s.Listeners[0].Attributes = map[string]string{server: "true"} }, false},
		{"the listener was deleted", drift.Listeners, func(o *awsop.Observed) { o.Listeners, o.Rules = nil, nil },
			func(s *stack.Stack) { s.Rules[0].Conditions[0].Values = []string{"/aa"} }, true},
		{"an attribute of the listener was changed", drift.Listeners, func(o *awsop.Observed) {
			o.Listeners = slices.Clone(o.Listeners)
			o.Listeners[0].Attributes = copied(o.Listeners[0].Attributes, server, "true")
		}, func(s *stack.Stack) { s.Listeners[0].Attributes = copied(nil, server, "true") }, false},
		{"an attribute of the load balancer was changed", drift.LoadBalancer, func(o *awsop.Observed) {
			o.LoadBalancers[0].Attributes = copied(o.LoadBalancers[0].Attributes, idle, "30")
		}, func(s *stack.Stack) {
			s.LoadBalancers[0].Attributes = copied(s.LoadBalancers[0].Attributes, idle, "90")
		}, false},
		{"an attribute was changed, and another one is edited", drift.LoadBalancer, func(o *awsop.Observed) {
			o.LoadBalancers[0].Attributes = copied(o.LoadBalancers[0].Attributes, idle, "30")
		}, func(s *stack.Stack) {
			s.LoadBalancers[0].Attributes = copied(s.LoadBalancers[0].Attributes, "routing.http2.enabled", "false")
		}, false},
		{"a security group was taken away", drift.LoadBalancer, func(o *awsop.Observed) {
			o.LoadBalancers[0].SecurityGroups = o.LoadBalancers[0].SecurityGroups[:1]
		}, func(s *stack.Stack) {
			s.LoadBalancers[0].SecurityGroups = append(slices.Clone(s.LoadBalancers[0].SecurityGroups),
				stack.Literal(stack.KindSecurityGroup, "sg-extra"))
		}, false},
		{"tags were changed, removed and added", drift.Tags, func(o *awsop.Observed) {
			tags := copied(o.TargetGroups[0].Tags, "Team", "other")
			tags["Owner"] = "me"
			o.TargetGroups[0].Tags = tags
			o.LoadBalancers[0].Tags = copied(o.LoadBalancers[0].Tags, "Cost", "42")
		}, func(s *stack.Stack) { s.TargetGroups[0].Tags = copied(s.TargetGroups[0].Tags, "Team", "third") }, false},
		{"a tag of a security group was added", drift.Tags, func(o *awsop.Observed) {
			o.SecurityGroups[0].Tags = copied(o.SecurityGroups[0].Tags, "Owner", "me")
		}, func(s *stack.Stack) { s.SecurityGroups[0].Tags = copied(s.SecurityGroups[0].Tags, "Owner", "you") }, false},
		{"a tag was removed by which the controller finds the resource", drift.Tags, func(o *awsop.Observed) {
			tags := copied(o.TargetGroups[0].Tags, "Team", "shop")
			delete(tags, "elbv2.k8s.aws/cluster")
			o.TargetGroups[0].Tags = tags
		}, nil, false},
		{"a port of the security group was opened", drift.SecurityGroupRules, func(o *awsop.Observed) {
			o.SecurityGroups[0].Ingress = append(slices.Clone(o.SecurityGroups[0].Ingress), stack.Permission{
				Protocol: "tcp", FromPort: 22, ToPort: 22, CIDR: "198.51.100.7/32"})
		}, func(s *stack.Stack) { s.SecurityGroups[0].Ingress[0].CIDR = "203.0.113.0/24" }, false},
		{"a health check was changed", drift.TargetGroups, func(o *awsop.Observed) {
			o.TargetGroups[0].HealthCheck.Path = "/healthz"
		},
			func(s *stack.Stack) { s.TargetGroups[0].HealthCheck.Path = "/ready" }, false},
		{"an attribute of a target group was changed", drift.TargetGroups, func(o *awsop.Observed) {
			o.TargetGroups[0].Attributes = copied(o.TargetGroups[0].Attributes, delay, "5")
		}, func(s *stack.Stack) { s.TargetGroups[0].Attributes = copied(nil, delay, "60") }, false},
	}
}

func driftStack() *stack.Stack {
	s := testStack("/a", "/b")
	s.LoadBalancers[0].Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	s.Listeners[0].Attributes = map[string]string{"routing.http.response.server.enabled": "false"}
	s.TargetGroups[0].Attributes = map[string]string{"deregistration_delay.timeout_seconds": "20"}
	s.TargetGroups[0].Tags = copied(s.TargetGroups[0].Tags, "Team", "shop")
	return s
}

func allDone(plan.StepID) bool { return true }

// deployed is driftStack in AWS, and the fields that were applied.
func deployed(t *testing.T) (*fakeAWS, policy.Fields) {
	t.Helper()
	s := driftStack()
	f := newFake(testKey())
	p := Stack(s, stack.Keep{}, f.obs, Options{})
	f.run(t, p)
	return f, policy.Settle(policy.FieldsOf(s), policy.Fields{}, &p, f.obs, allDone)
}

func TestDriftPoliciesOfEachGroupReadAsTheGoldenFile(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	covered := map[drift.Group]bool{}
	for _, c := range driftCases() {
		covered[c.group] = true
		for _, by := range drift.Known {
			for _, edited := range []bool{false, true} {
				f, applied := deployed(t)
				s := driftStack()
				title := fmt.Sprintf("%s, %s=%s", c.what, c.group, by)
				if edited && c.edit == nil {
					continue
				} else if edited {
					c.edit(s)
					title += ", and Kubernetes is edited"
				}
				c.change(&f.obs)
				policies := drift.Policies{c.group: by}
				for _, g := range drift.Groups {
					if c.all {
						policies[g] = by
					}
				}
				p := Stack(s, stack.Keep{}, f.obs, Options{}).Under(policy.Withhold(policies,
					policy.FieldsOf(s), applied, f.obs))
				fmt.Fprintf(&b, "# %s\n%s\n", title, p.Text(plan.TextOptions{}))
				f.run(t, p) // fails if a step needs one that was left out
				applied = policy.Settle(policy.FieldsOf(s), applied, &p, f.obs, allDone)
				again := Stack(s, stack.Keep{}, f.obs, Options{}).Under(policy.Withhold(policies,
					policy.FieldsOf(s), applied, f.obs))
				if !again.Empty() {
					t.Errorf("%s: another pass has more to do:\n%s", title, again.Text(plan.TextOptions{}))
				}
				if by == drift.Correct && len(p.Withheld) > 0 {
					t.Errorf("%s: withheld %v", title, p.Withheld)
				}
			}
		}
	}
	for _, g := range drift.Groups {
		if !covered[g] {
			t.Errorf("group %s has no case", g)
		}
	}
	goldenfile.Compare(t, "testdata/drift.txt", b.String())
}

// under are the plans of one policy for all groups.
func under(by drift.Policy, s *stack.Stack, f *fakeAWS, applied policy.Fields) plan.Plan {
	all := drift.Policies{}
	for _, g := range drift.Groups {
		all[g] = by
	}
	return Stack(s, stack.Keep{}, f.obs, Options{}).Under(policy.Withhold(all, policy.FieldsOf(s), applied, f.obs))
}

func TestANewLoadBalancerIsMadeUnderEachPolicy(t *testing.T) {
	t.Parallel()
	for _, by := range drift.Known {
		f := newFake(testKey())
		if p := under(by, driftStack(), f, policy.Fields{}); len(p.Withheld) > 0 {
			t.Errorf("%s: %s", by, p.Text(plan.TextOptions{}))
		}
	}
}

func TestWhatFailedAtItsCreationIsTriedAgainUnderEachPolicy(t *testing.T) {
	t.Parallel()
	for _, by := range drift.Known {
		s, f := driftStack(), newFake(testKey())
		p := under(by, s, f, policy.Fields{})
		failed := func(step plan.Step) bool {
			_, rule := step.Op.(awsop.CreateRule)
			_, tags := step.Op.(awsop.ModifyTargetGroupAttributes)
			return rule || tags
		}
		first := p
		first.Steps = slices.DeleteFunc(slices.Clone(p.Steps), failed)
		f.run(t, first)
		applied := policy.Settle(policy.FieldsOf(s), policy.Fields{}, &p, f.obs, func(id plan.StepID) bool {
			step,
				_ := p.Step(id)
			return !failed(step)
		})
		f.run(t, under(by, s, f, applied))
		if left := Stack(s, stack.Keep{}, f.obs, Options{}); !left.Empty() {
			t.Errorf("%s: left %s", by, left.Text(plan.TextOptions{}))
		}
	}
}

// TestAnEditTakesEffectBesideDriftOfOtherFields has the edits of TestAChangeCostsTheWritesThatItNeeds that make and
// delete resources.
func TestAnEditTakesEffectBesideDriftOfOtherFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit   func(*stack.Stack)
		writes map[string]int
	}{
		"a path more": {func(s *stack.Stack) { *s = *withPaths("/a", "/b", "/c") }, map[string]int{"CreateTargetGroup": 1,
			"CreateBinding": 1, "CreateRule": 1}},
		"a path less": {func(s *stack.Stack) {
			*s = *withPaths("/a")
		}, map[string]int{"DeleteRule": 1, "DeleteTargetGroup": 1, "DeleteBinding": 1}},
		"another protocol of the targets": {func(s *stack.Stack) {
			s.TargetGroups[0].Protocol, s.TargetGroups[0].Name = "HTTPS", "tg/a2"
		},
			map[string]int{"CreateTargetGroup": 1, "ModifyTargetGroupAttributes": 1, "CreateBinding": 1, "ModifyRule": 2,
				"DeleteTargetGroup": 1, "DeleteBinding": 1}},
	} {
		f, applied := deployed(t)
		f.obs.LoadBalancers[0].Attributes = copied(f.obs.LoadBalancers[0].Attributes, "idle_timeout.timeout_seconds", "30")
		s := driftStack()
		c.edit(s)
		p := under(drift.Report, s, f, applied)
		f.writes = map[string]int{}
		f.run(t, p)
		delete(f.writes, "DescribeTargetHealth")
		if !maps.Equal(f.writes, c.writes) {
			t.Errorf("%s: writes %v, want %v\n%s", name, f.writes, c.writes, p.Text(plan.TextOptions{}))
		}
		if len(p.Withheld) != 1 || f.obs.LoadBalancers[0].Attributes["idle_timeout.timeout_seconds"] != "30" {
			t.Errorf("%s: withheld %v", name, p.Withheld)
		}
	}
}

func withPaths(paths ...string) *stack.Stack {
	s, like := testStack(paths...), driftStack()
	s.LoadBalancers[0].Attributes, s.Listeners[0].Attributes = like.LoadBalancers[0].Attributes,
		like.Listeners[0].Attributes
	s.TargetGroups[0].Attributes, s.TargetGroups[0].Tags = like.TargetGroups[0].Attributes, like.TargetGroups[0].Tags
	return s
}

func TestATargetGroupThatWasDeletedByHandIsMadeAgainWithItsRule(t *testing.T) {
	t.Parallel()
	f, applied := deployed(t)
	f.obs.TargetGroups, f.obs.Rules = f.obs.TargetGroups[1:], f.obs.Rules[1:]
	f.run(t, under(drift.Report, driftStack(), f, applied))
	if len(f.obs.TargetGroups) != 2 || len(f.obs.Rules) != 2 {
		t.Errorf("%d target groups, %d rules", len(f.obs.TargetGroups), len(f.obs.Rules))
	}
}

func TestWithoutARecordWhatExistsCountsAsApplied(t *testing.T) {
	t.Parallel()
	f, _ := deployed(t)
	f.obs.TargetGroups[0].HealthCheck.Path = "/healthz"
	s := driftStack()
	wanted := policy.FieldsOf(s)
	p := under(drift.Report, s, f, wanted)
	if !p.Empty() || len(p.Withheld) != 1 {
		t.Errorf("%s", p.Text(plan.TextOptions{}))
	}
	if again := under(drift.Report, s, f, policy.Settle(wanted, nil, &p, f.obs, allDone)); !again.Empty() {
		t.Errorf("the next pass: %s", again.Text(plan.TextOptions{}))
	}
}

func TestALoadBalancerThatIsReplacedOrRemovedGoesWhole(t *testing.T) {
	t.Parallel()
	f, applied := deployed(t)
	s := driftStack()
	s.LoadBalancers[0].Scheme = stack.Internal
	if p := under(drift.Ignore, s, f, applied); len(p.Withheld) > 0 || p.Empty() {
		t.Errorf("replaced: %s", p.Text(plan.TextOptions{}))
	}
	if p := under(drift.Ignore, removed(), f, applied); len(p.Withheld) > 0 || p.Empty() {
		t.Errorf("removed: %s", p.Text(plan.TextOptions{}))
	}
}
