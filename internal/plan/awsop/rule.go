package awsop

import (
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// CreateRule creates a rule at a priority.
type CreateRule struct {
	Rule     stack.Rule
	Priority int32
}

func (o CreateRule) Refs() []stack.Ref {
	return append(TargetGroupsOf(o.Rule.Actions), o.Rule.Listener)
}
func (o CreateRule) Traits() plan.Traits {
	return plan.Traits{
		Setting: "Conditions", Secrets: secretsOf(o.Rule.Actions), Ordered: true,
		Quota: plan.Quota{Of: o.Rule.Listener, Counts: "rules"},
	}
}
func (o CreateRule) Send(s Sender) { s.CreateRule(o) }
func (o CreateRule) effect() Effect {
	return Effect{Kind: stack.KindRule, Verb: Creates, Below: o.Rule.Listener, Forwards: true}
}
func (o CreateRule) advance(a advancer) {
	r := Rule{ARN: a.out.ID, Priority: o.Priority, Rule: o.Rule}
	r.Listener, r.Actions, r.Order = a.known(o.Rule.Listener), a.actions(o.Rule.Actions), 0
	if o.Rule.Tags != nil {
		r.Tags = merged(o.Rule.Tags, nil)
	}
	a.o.Rules = added(a.o.Rules, r, (*Rule).id)
}

// ModifyRule replaces what a rule matches and does, at the priority that it has.
type ModifyRule struct {
	Ref  stack.Ref
	Rule stack.Rule
}

func (o ModifyRule) Refs() []stack.Ref { return append(TargetGroupsOf(o.Rule.Actions), o.Ref) }
func (o ModifyRule) Traits() plan.Traits {
	return plan.Traits{Setting: "Conditions", Secrets: secretsOf(o.Rule.Actions), Ordered: true}
}
func (o ModifyRule) Send(s Sender) { s.ModifyRule(o) }
func (o ModifyRule) effect() Effect {
	return Effect{Kind: stack.KindRule, Verb: Changes, Resource: o.Ref, Forwards: true}
}
func (o ModifyRule) advance(a advancer) {
	a.rule(o.Ref, func(r *Rule) {
		r.Conditions, r.Transforms, r.Actions = o.Rule.Conditions, o.Rule.Transforms, a.actions(o.Rule.Actions)
	})
}

// SetRulePriorities moves rules of one listener, all at once.
type SetRulePriorities struct {
	Listener   stack.Ref
	Priorities []RulePriority
}

// RulePriority is the new place of a rule.
type RulePriority struct {
	Rule     stack.Ref
	Priority int32
}

func (o SetRulePriorities) Refs() []stack.Ref {
	refs := []stack.Ref{o.Listener}
	for _, p := range o.Priorities {
		if p.Rule.Literal == "" { // one that the plan creates
			refs = append(refs, p.Rule)
		}
	}
	return refs
}
func (SetRulePriorities) Traits() plan.Traits { return plan.Traits{Ordered: true} }
func (o SetRulePriorities) Send(s Sender)     { s.SetRulePriorities(o) }
func (o SetRulePriorities) effect() Effect {
	return Effect{Kind: stack.KindListener, Verb: Changes, Resource: o.Listener, Forwards: true}
}
func (o SetRulePriorities) advance(a advancer) {
	for _, p := range o.Priorities {
		a.rule(p.Rule, func(r *Rule) { r.Priority = p.Priority })
	}
}

// DeleteRule deletes a rule.
type DeleteRule struct{ Rule stack.Ref }

func (o DeleteRule) Refs() []stack.Ref { return []stack.Ref{o.Rule} }
func (o DeleteRule) Traits() plan.Traits {
	return plan.Traits{Removes: true, Ordered: true, Quota: plan.Quota{Of: o.Rule, Counts: "rules", Frees: true}}
}
func (o DeleteRule) Send(s Sender) { s.DeleteRule(o) }
func (o DeleteRule) effect() Effect {
	return Effect{Kind: stack.KindRule, Verb: Deletes, Resource: o.Rule, Forwards: true}
}
func (o DeleteRule) advance(a advancer) {
	a.o.Rules = dropped(a.o.Rules, a.resolve(o.Rule), (*Rule).id)
}

func (r *Rule) id() string { return r.ARN }

func (a advancer) rule(r stack.Ref, change func(*Rule)) {
	if rule := found(a.o.Rules, a.resolve(r), (*Rule).id); rule != nil {
		change(rule)
	}
}
