package diff

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(awsop.Parts{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// otherSettings changes everything of a stack that members of a group share.
func otherSettings(s *stack.Stack) {
	lb := &s.LoadBalancers[0]
	lb.Scheme, lb.Name, lb.IPAddressType = stack.Internal, "another", stack.Dualstack
	lb.Subnets = []stack.SubnetMapping{{Subnet: "subnet-c"}, {Subnet: "subnet-d"}}
	lb.SecurityGroups = []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-other")}
	lb.Attributes = map[string]string{"idle_timeout.timeout_seconds": "75"}
	lb.Tags = map[string]string{"team": "other"}
	acl := "arn:aws:wafv2:us-west-2:111122223333:regional/webacl/other/1"
	lb.WebACL = &acl
	s.SecurityGroups[0].Ingress = []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "203.0.113.0/24"}}
	for i := range s.Listeners {
		s.Listeners[i].DefaultActions = stack.UnavailableOf(stack.Ingress)
		s.Listeners[i].Attributes = map[string]string{"routing.http.response.server.enabled": "false"}
		s.Listeners[i].Tags = map[string]string{"team": "other"}
	}
	for i := range s.TargetGroups {
		s.TargetGroups[i].Tags = map[string]string{"team": "other"}
	}
	for i := range s.Bindings {
		s.Bindings[i].Networking = nil
	}
}

// keepsSettings keeps what members of a group share.
var keepsSettings = stack.Keep{Settings: true}

func TestWhereSettingsStandOnlyRulesTargetGroupsAndBindingsChange(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a", "/b"), Options{})
	before := f.obs.Clone()
	want := testStack("/b", "/c")
	otherSettings(want)
	p := Stack(want, keepsSettings, f.obs, Options{})
	var got []string
	for _, s := range p.Steps {
		got = append(got, string(s.ID))
	}
	slices.Sort(got)
	same(t, "steps", got, []string{
		"CreateBinding /c", "CreateRule 80:2", "CreateTargetGroup /c", "DeleteBinding /a", "DeleteRule 80:1",
		"DeleteTargetGroup /a",
	})
	f.run(t, p)
	same(t, "load balancers", f.obs.LoadBalancers, before.LoadBalancers)
	same(t, "listeners", f.obs.Listeners, before.Listeners)
	same(t, "security groups", f.obs.SecurityGroups, before.SecurityGroups)
	for _, b := range f.obs.Bindings {
		same(t, "what "+b.Name+" admits", b.Networking, before.Bindings[0].Networking)
	}
	if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
		t.Errorf("a second plan is not empty:\n%s", p.Text(plan.TextOptions{}))
	}
}

func TestWhereSettingsStandNoListenerComesGoesOrBeginsToRedirect(t *testing.T) {
	t.Parallel()
	redirect := []stack.Action{{Type: stack.ActionRedirect, Redirect: &stack.Redirect{Protocol: "HTTPS", Port: "443",
		StatusCode: "HTTP_301"}}}
	port := func(s *stack.Stack, n int32, id string) {
		l := s.Listeners[0]
		l.ID, l.Port = id, n
		s.Listeners = append(s.Listeners, l)
		s.Rules = append(s.Rules, testRule(int(n), 1, "/d", "/a"))
	}
	for name, c := range map[string]struct{ have, want func(*stack.Stack) }{
		"a new port":  {func(*stack.Stack) {}, func(s *stack.Stack) { port(s, 81, "81") }},
		"a port less": {func(s *stack.Stack) { port(s, 81, "81") }, func(*stack.Stack) {}},
		"a redirect that comes": {func(*stack.Stack) {}, func(s *stack.Stack) {
			s.Listeners[0].DefaultActions,
				s.Rules = redirect, nil
		}},
		"a redirect that stands": {func(s *stack.Stack) { s.Listeners[0].DefaultActions, s.Rules = redirect, nil },
			func(*stack.Stack) {}},
		"a protocol that is another": {func(*stack.Stack) {}, func(s *stack.Stack) {
			s.Listeners[0].Protocol, s.Rules = "HTTPS", nil
		}},
	} {
		f := newFake(testKey())
		have, want := testStack("/a"), testStack("/a")
		c.have(have)
		c.want(want)
		f.converge(t, have, Options{})
		if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s: the plan is\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

func TestKeptSettingsWithoutLoadBalancerPlanNothing(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	want := testStack("/a")
	if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
		t.Errorf("the plan is\n%s", p.Text(plan.TextOptions{}))
	}
	f.converge(t, testStack("/a"), Options{})
	another := f.obs.LoadBalancers[0]
	another.ARN, another.Scheme = "arn:other", stack.Internal
	f.obs.LoadBalancers = append(f.obs.LoadBalancers, another)
	if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
		t.Errorf("while one load balancer is about to replace another, the plan is\n%s", p.Text(plan.TextOptions{}))
	}
}

// TestWhereSettingsStandTheFrontendStays has a load balancer in front of the other that the desired stack does not know
// of.
func TestWhereSettingsStandTheFrontendStays(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, withFrontend(testStack("/a"), stack.Internal, map[int32]int32{80: 80}), Options{})
	for name, want := range map[string]*stack.Stack{"without it": testStack("/a"), "with it": withFrontend(testStack("/a"),
		stack.Internal, map[int32]int32{80: 80})} {
		if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s: the plan is\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
}

// TestWhereSettingsStandNoOtherOperationIsPlanned draws what exists and what is wanted.
func TestWhereSettingsStandNoOtherOperationIsPlanned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFake(testKey())
		f.converge(t, drawStack(t, "have"), Options{})
		want := drawStack(t, "want")
		p := Stack(want, keepsSettings, f.obs, Options{})
		for _, s := range p.Steps {
			switch op := s.Op.(type) {
			case awsop.CreateRule, awsop.ModifyRule, awsop.DeleteRule, awsop.SetRulePriorities, awsop.CreateTargetGroup,
				awsop.ModifyTargetGroup, awsop.ModifyTargetGroupAttributes, awsop.DeleteTargetGroup,
				awsop.CreateBinding, awsop.UpdateBinding, awsop.DeleteBinding, awsop.AwaitTargets:
			case awsop.CreateSecurityGroup:
				if !op.Group.Shared {
					t.Fatalf("step %s", s.ID)
				}
			default:
				t.Fatalf("step %s:\n%s", s.ID, p.Text(plan.TextOptions{}))
			}
		}
		f.run(t, p)
		if p := Stack(want, keepsSettings, f.obs, Options{}); !p.Empty() {
			t.Fatalf("a second plan is not empty:\n%s", p.Text(plan.TextOptions{}))
		}
	})
}
