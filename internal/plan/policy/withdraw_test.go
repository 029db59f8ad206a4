package policy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// frozenBy is a plan that a guard refuses.
func frozenBy(code diag.Code, steps ...plan.Step) plan.Plan {
	return plan.Plan{Steps: append([]plan.Step{step("x")}, steps...)}.Under(RefuseAll(plan.Guard{Code: code}))
}

// executed are the steps without a guard.
func executed(p plan.Plan) (out []string) {
	for _, s := range p.Steps {
		if s.Guard == nil {
			out = append(out, string(s.ID))
		}
	}
	return out
}

func TestWithdrawEndsForwardsOfFrozenPlans(t *testing.T) {
	t.Parallel()
	mine, others := map[string]string{"of": "us"}, map[string]string{"of": "others"}
	own := func(tags map[string]string) bool { return tags["of"] == "us" }
	forward := func(arns ...string) []stack.Action {
		f := &stack.Forward{}
		for _, arn := range arns {
			f.TargetGroups = append(f.TargetGroups, stack.WeightedTargetGroup{
				TargetGroup: stack.Literal(stack.KindTargetGroup, arn)})
		}
		return []stack.Action{{Type: stack.ActionForward, Forward: f}}
	}
	observed := func(kind stack.LoadBalancerType, lb, l, r map[string]string, actions []stack.Action) awsop.Observed {
		of := func(arn string) stack.Ref { return stack.Literal(stack.KindLoadBalancer, arn) }
		return awsop.Observed{
			LoadBalancers: []awsop.LoadBalancer{{ARN: balancer, LoadBalancer: stack.LoadBalancer{Type: kind, Tags: lb}}},
			Listeners: []awsop.Listener{{ARN: "l", Listener: stack.Listener{LoadBalancer: of(balancer), Tags: l,
				DefaultActions: actions}}},
			Rules: []awsop.Rule{{ARN: "r", Rule: stack.Rule{Listener: of("l"), Tags: r, Actions: actions}}},
		}
	}
	both := []string{"ModifyListener l (withdrawn)", "ModifyRule r (withdrawn)"}
	login := append([]stack.Action{{Type: "authenticate-oidc"}}, forward("theirs", "own")...)
	for name, c := range map[string]struct {
		p    plan.Plan
		o    awsop.Observed
		want []string
	}{
		"observed": {frozenBy(diag.OnlyObserved), observed(stack.Application, mine, nil, nil, forward("theirs")), both},
		"not approved": {frozenBy(diag.PlanNotApproved),
			observed(stack.Application, mine, nil, nil, forward("theirs")), both},
		"dry run": {frozenBy(diag.DryRun),
			observed(stack.Application, mine, nil, nil, forward("theirs", "own")), both},
		"login":          {frozenBy(diag.OnlyObserved), observed(stack.Application, mine, nil, nil, login), both},
		"other forwards": {frozenBy(diag.OnlyObserved), observed(stack.Application, mine, nil, nil, forward("own")), nil},
		"held":           {frozenBy(diag.PlanOnHold), observed(stack.Application, mine, nil, nil, forward("theirs")), nil},
		"network":        {frozenBy(diag.OnlyObserved), observed(stack.Network, mine, nil, nil, forward("theirs")), nil},
		"rule of the stack on a load balancer of others": {frozenBy(diag.TakeoverNotApproved),
			observed(stack.Application, others, others, mine, forward("theirs")), both[1:]},
		"rule of others": {frozenBy(diag.TakeoverNotApproved),
			observed(stack.Application, others, mine, others, forward("theirs")), both[:1]},
	} {
		if name == "network" {
			c.o.Rules, c.want = nil, []string{"DeleteListener l (withdrawn)"}
		}
		got := executed(c.p.Under(Withdraw(c.o, map[string]string{"theirs": "withdrawn"}, own)))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestNarrowToClassOnlyNarrows(t *testing.T) {
	t.Parallel()
	group := stack.Ref{Kind: stack.KindSecurityGroup, ID: "g"}
	rules := func(port int32, cidrs ...string) (out []stack.Permission) {
		for _, c := range cidrs {
			out = append(out, stack.Permission{Protocol: "tcp", FromPort: port, ToPort: port, CIDR: c})
		}
		return out
	}
	open := func(p []stack.Permission) plan.Step {
		return plan.Step{ID: "open", Op: awsop.AuthorizeSecurityGroupIngress{Group: group, Permissions: p}}
	}
	shut := func(p []stack.Permission) plan.Step {
		return plan.Step{ID: "close", Needs: []plan.StepID{"open"}, Op: awsop.RevokeSecurityGroupIngress{Group: group,
			Permissions: p}}
	}
	policyStep := plan.Step{ID: "policy", Op: awsop.ModifyListener{Ref: stack.Ref{Kind: stack.KindListener, ID: "80"},
		Sets: awsop.ListenerSettings{Policy: true, Actions: true}}}
	for name, c := range map[string]struct {
		code       diag.Code
		have, want []stack.Permission
		steps      []plan.Step
		ours       bool // objects declare the settings, not the class
		executed   []string
	}{
		"narrower": {diag.OnlyObserved, rules(80, "0.0.0.0/0"), rules(80, "10.0.0.0/8"),
			[]plan.Step{open(rules(80, "10.0.0.0/8")), shut(rules(80, "0.0.0.0/0"))}, false,
			[]string{"open (class)", "close (class)"}},
		"wider": {diag.OnlyObserved, rules(80, "10.0.0.0/8"), rules(80, "0.0.0.0/0"),
			[]plan.Step{open(rules(80, "0.0.0.0/0")), shut(rules(80, "10.0.0.0/8"))}, false, nil},
		"others": {diag.OnlyObserved, rules(80, "10.0.0.0/8"), rules(80, "10.0.0.0/8", "11.0.0.0/8"),
			[]plan.Step{open(rules(80, "11.0.0.0/8"))}, false, nil},
		"a new port": {diag.OnlyObserved, rules(80, "10.0.0.0/8"), rules(80, "10.0.0.0/8"),
			[]plan.Step{open(rules(81, "10.0.0.0/8"))}, false, nil},
		"a port that an edit removed": {diag.PlanNotApproved, rules(81, "0.0.0.0/0"), rules(80, "10.0.0.0/8"),
			[]plan.Step{shut(rules(81, "0.0.0.0/0", "10.0.0.0/8"))}, false, []string{"close (class)"}},
		"of the objects": {diag.OnlyObserved, rules(80, "0.0.0.0/0"), rules(80, "10.0.0.0/8"),
			[]plan.Step{open(rules(80, "10.0.0.0/8")), policyStep}, true, nil},
		"TLS policy": {diag.OnlyObserved, nil, nil, []plan.Step{policyStep}, false, []string{"policy (class)"}},
		"held":       {diag.PlanOnHold, nil, nil, []plan.Step{policyStep}, false, nil},
	} {
		o := awsop.Observed{SecurityGroups: []awsop.SecurityGroup{{GroupID: "sg", SecurityGroup: stack.SecurityGroup{ID: "g",
			Ingress: c.have}}}}
		want := &stack.Stack{Listeners: []stack.Listener{{ID: "80", Port: 80}},
			SecurityGroups: []stack.SecurityGroup{{ID: "g", Ingress: c.want}}}
		p := frozenBy(c.code, c.steps...).Under(NarrowToClass(o, want, func(stack.Ref, string) bool { return !c.ours }))
		if got := executed(p); !slices.Equal(got, c.executed) {
			t.Errorf("%s: %v, want %v", name, got, c.executed)
		}
		for _, s := range p.Steps {
			if op, ok := s.Op.(awsop.ModifyListener); ok && s.Guard == nil && op.Sets.Actions {
				t.Errorf("%s: the step also sets actions", name)
			}
			if op, ok := s.Op.(awsop.RevokeSecurityGroupIngress); ok && s.Guard == nil && len(op.Permissions) != 1 {
				t.Errorf("%s: the step closes %v", name, op.Permissions)
			}
		}
	}
}
