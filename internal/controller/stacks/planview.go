package stacks

import (
	"slices"
	"strings"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// planFor returns the stack that an object of a namespace may show in its annotation. In a group with objects of other
// namespaces, one that does not decide shows only what its own namespace declares: rules, target groups and bindings.
// Everybody can name any group.
func planFor(namespace string, c compile.Result, members []intent.Member, deciders *intent.Deciders) *stack.Stack {
	alone := !slices.ContainsFunc(members, func(m intent.Member) bool { return m.Object.Namespace != namespace })
	if c.Stack == nil || c.Stack.Key.ID.Namespace != "" || alone ||
		slices.Contains(decidersAmong(members, deciders), namespace) {
		return c.Stack
	}
	s := stack.Stack{Key: c.Stack.Key, Cluster: c.Stack.Cluster, VPC: c.Stack.VPC}
	declares := func(kind stack.Kind, id string) bool {
		return slices.ContainsFunc(c.Origins[stack.Ref{Kind: kind, ID: id}].Objects, func(o diag.Object) bool {
			return o.Namespace == namespace
		})
	}
	for _, r := range c.Stack.Rules {
		if declares(stack.KindRule, r.ID) {
			s.Rules = append(s.Rules, r)
		}
	}
	for _, g := range c.Stack.TargetGroups {
		if declares(stack.KindTargetGroup, g.ID) {
			s.TargetGroups = append(s.TargetGroups, g)
		}
	}
	for _, b := range c.Stack.Bindings {
		if declares(stack.KindTargetGroup, b.ID) {
			s.Bindings = append(s.Bindings, b)
		}
	}
	return &s
}

// decidersAmong are the namespaces that decide in a group: the known ones, else those among the members.
func decidersAmong(members []intent.Member, known *intent.Deciders) []string {
	if known != nil && len(known.Namespaces) > 0 {
		return known.Namespaces
	}
	var parties []intent.Party
	for i := range members {
		m := &members[i]
		parties = append(parties, intent.Party{Object: m.Object, Created: m.Created, Authority: m.Authority})
	}
	return intent.DecidersOf(parties, nil).Namespaces
}

// declaring are all members of a load balancer, deployed or under dry run.
func declaring(w front.Input) []intent.Member {
	if w.DryRun == nil {
		return w.LoadBalancer.Members
	}
	return slices.Concat(w.LoadBalancer.Members, w.DryRun.LoadBalancer.Members)
}

// creates reports whether a plan creates a load balancer. Nobody can have changed it by hand yet.
func creates(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(step plan.Step) bool {
		_, ok := step.Op.(awsop.CreateLoadBalancer)
		return ok && step.Guard == nil
	})
}

// logPlan logs a plan before its execution. A plan that is the same as the last failed one is logged only at debug
// level, and so are all plans while AWS refuses the credentials.
func (s *Reconciler) logPlan(log logr.Logger, key stack.Key, p *plan.Plan) {
	s.mu.Lock()
	again := s.state(key).failed == planText(p)
	s.mu.Unlock()
	if again || s.Waiting.Has(impairment.Credentials) {
		log = log.V(1)
	}
	log.Info("carrying out plan", "summary", p.Summary(), "steps", describe(p))
}

// notePlan records a failed plan, for logPlan.
func (s *Reconciler) notePlan(key stack.Key, p *plan.Plan, result apply.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state(key)
	if st.failed = ""; result.Count(apply.Failed) > 0 {
		st.failed = planText(p)
	}
}

func planText(p *plan.Plan) string { return strings.Join(describe(p), "\n") }

// describe lists a plan's steps for the log, one short text each.
func describe(p *plan.Plan) []string {
	out := make([]string, 0, len(p.Steps))
	for _, st := range p.Steps {
		out = append(out, describeStep(st))
	}
	return out
}

func describeStep(st plan.Step) string {
	if len(st.Why) > 0 {
		return string(st.ID) + " (" + st.Why[0] + ")"
	}
	return string(st.ID)
}
