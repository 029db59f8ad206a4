package awsop

import (
	"cmp"

	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// CreateRule creates a rule at a priority.
type CreateRule struct {
	Rule     stack.Rule
	Priority int32
}

func (o CreateRule) About() *plan.About {
	r := o.Rule
	return creates(stack.KindRule, "").below(r.Listener).forwards(r.Actions).setting("Conditions").ordered().
		takes(r.Listener, "rules").writes(drift.Rules, r.Listener, FieldRules).About
}
func (o CreateRule) advance(a *advancer) {
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

func (o ModifyRule) About() *plan.About {
	return changes(o.Ref).forwards(o.Rule.Actions).setting("Conditions").ordered().
		writes(drift.Rules, cmp.Or(o.Rule.Listener, o.Ref), FieldRules).About
}
func (o ModifyRule) advance(a *advancer) {
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

func (o SetRulePriorities) About() *plan.About {
	var made []stack.Ref // by the plan
	for _, p := range o.Priorities {
		if p.Rule.Literal == "" {
			made = append(made, p.Rule)
		}
	}
	return changes(o.Listener).forwards(nil).uses(made...).ordered().writes(drift.Rules, o.Listener, FieldRules).About
}
func (o SetRulePriorities) advance(a *advancer) {
	for _, p := range o.Priorities {
		a.rule(p.Rule, func(r *Rule) { r.Priority = p.Priority })
	}
}

// DeleteRule deletes a rule.
type DeleteRule struct{ Rule stack.Ref }

func (o DeleteRule) About() *plan.About {
	return deletes(o.Rule, "").forwards(nil).ordered().frees(o.Rule, "rules").
		writes(drift.Rules, o.Rule, FieldRules).About
}
func (o DeleteRule) advance(a *advancer) {
	a.o.Rules = dropped(a.o.Rules, a.resolve(o.Rule), (*Rule).id)
}

func (r *Rule) id() string { return r.ARN }

func (a *advancer) rule(r stack.Ref, change func(*Rule)) {
	update(a.o.Rules, a.resolve(r), (*Rule).id, change)
}
