package offline

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// targetsPerStep is how many targets one call names.
const targetsPerStep = 200

// steps makes the plan of a binding.
func (p *bindingPlanner) steps(b *plannedBinding) {
	b.Plan = plan.Plan{Key: registrar.TargetCalls(b.ID())}
	if b.State != Served {
		return
	}
	add := func(s plan.Step) {
		s.ID = plan.StepID(plan.NameOf(s.Op) + " " + cmp.Or(s.Resource.ID, s.Resource.Literal))
		for n, id := 2, s.ID; ; n++ {
			if _, taken := b.Plan.Step(s.ID); !taken {
				break
			}
			s.ID = plan.StepID(fmt.Sprintf("%s #%d", id, n))
		}
		s.Action, s.Lane = plan.Update, plan.Vital
		b.Plan.Steps = append(b.Plan.Steps, s)
	}
	for _, g := range b.Open {
		add(authorization(g))
	}
	arn := b.Object.Spec.TargetGroupARN
	at := stack.Ref{Kind: stack.KindTargetGroup, ID: cmp.Or(naming.OfTargetGroup(arn), arn)}
	for part := range slices.Chunk(b.Register, targetsPerStep) {
		add(plan.Step{Resource: at, Op: awsop.RegisterTargets{TargetGroup: stack.Literal(stack.KindTargetGroup, arn),
			Targets: part}, Why: b.lines(part)})
	}
	for part := range slices.Chunk(b.Deregister, targetsPerStep) {
		add(plan.Step{Resource: at, Op: awsop.DeregisterTargets{TargetGroup: stack.Literal(stack.KindTargetGroup, arn),
			Targets: part}, Why: b.lines(part)})
	}
}

func authorization(g GroupRules) plan.Step {
	at := stack.Literal(stack.KindSecurityGroup, g.Group)
	return plan.Step{Resource: at, Op: awsop.AuthorizeSecurityGroupIngress{Group: at, Permissions: g.Rules},
		Why: ruleLines("open ", g.Rules)}
}

// linesPerStep is how many targets are written out.
const linesPerStep = 10

// lines are targets in words, with what is behind them, and why they are none any longer.
func (b *plannedBinding) lines(ts []registrar.Target) (out []string) {
	for i, t := range ts {
		if i == linesPerStep {
			return append(out, fmt.Sprintf("and %d more", len(ts)-i))
		}
		line := t.Key()
		if at := slices.IndexFunc(b.Endpoints,
			func(j bindings.ExplainedEndpoint) bool { return j.Address() == t.Address() }); at >=
			0 {
			j := b.Endpoints[at]
			switch {
			case j.Pod != "":
				line += " pod " + j.Pod
			case j.Node != "":
				line += " node " + j.Node
			}
			if j.Why != "" {
				line += ": " + j.Why
			}
		}
		out = append(out, line)
	}
	return out
}

// ruleLines are rules in words.
func ruleLines(verb string, rules []stack.Permission) (out []string) {
	for _, p := range rules {
		out = append(out, verb+RuleText(p))
	}
	return out
}

// RuleText returns a rule in words: "tcp 8080 from sg-1".
func RuleText(p stack.Permission) string {
	ports := fmt.Sprintf("%d-%d", p.FromPort, p.ToPort)
	if p.FromPort == p.ToPort {
		ports = fmt.Sprint(p.FromPort)
	}
	return fmt.Sprintf("%s %s from %s", p.Protocol, ports, cmp.Or(p.CIDR, p.IPv6CIDR, p.PrefixList, p.Group.Literal))
}
