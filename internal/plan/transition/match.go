package transition

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// Pair is a wanted rule and the observed one that becomes it.
type Pair struct {
	Want *stack.Rule
	Have *awsop.Rule // nil = create

	modify  bool        // the content of Have differs
	fixed   bool        // Have keeps its priority
	final   int32       // the priority in the end
	initial int32       // the priority at which a new rule is created
	awaits  []stack.Ref // target groups whose health is awaited before the rule is as wanted
	// today are observed actions that answer the requests of a new rule until it is switched over; nil = none do
	today []stack.Action
}

// ref names the rule. An observed one keeps its identity.
func (p *Pair) ref() stack.Ref {
	if p.Have == nil {
		return stack.Ref{Kind: stack.KindRule, ID: p.Want.ID}
	}
	return stack.Ref{Kind: stack.KindRule, ID: cmp.Or(p.Have.ID, p.Want.ID), Literal: p.Have.ARN}
}

// renames reports whether the observed rule matches other requests than the wanted one.
func (p *Pair) renames() bool {
	return p.modify && canonical.Conditions(p.Have.Conditions) != canonical.Conditions(p.Want.Conditions)
}

// match finds for each wanted rule an observed one of the same content, else one with the same conditions. Equal ones
// are paired in order. unpaired are the observed rules in no pair.
func (in *Input) match() (pairs []Pair, unpaired []*awsop.Rule) {
	type content struct {
		conditions, actions, transforms string
		sticky                          bool // the actions tell the stickiness
	}
	byContent, byConditions := make(map[content][]*awsop.Rule, len(in.Observed)), make(map[string][]*awsop.Rule,
		len(in.Observed))
	sticky := slices.ContainsFunc(in.Want, func(r stack.Rule) bool { return canonical.ManagesStickiness(r.Actions) })
	for _, r := range in.Observed {
		c := content{canonical.Conditions(r.Conditions), canonical.Actions(r.Actions, canonical.Literal, false),
			canonical.Transforms(r.Transforms), false}
		byConditions[c.conditions] = append(byConditions[c.conditions], r)
		byContent[c] = append(byContent[c], r)
		if sticky {
			c.actions, c.sticky = canonical.Actions(r.Actions, canonical.Literal, true), true
			byContent[c] = append(byContent[c], r)
		}
	}
	used := make(map[*awsop.Rule]bool, len(in.Observed))
	take := func(rules []*awsop.Rule) *awsop.Rule {
		i := slices.IndexFunc(rules, func(r *awsop.Rule) bool { return !used[r] })
		if i < 0 {
			return nil
		}
		used[rules[i]] = true
		return rules[i]
	}
	conditions := make([]string, len(in.Want))
	pairs = make([]Pair, 0, len(in.Want))
	for i := range in.Want {
		w := &in.Want[i]
		s := canonical.ManagesStickiness(w.Actions)
		conditions[i] = canonical.Conditions(w.Conditions)
		r := take(byContent[content{conditions[i], canonical.Actions(w.Actions, in.Targets.Resolve, s),
			canonical.Transforms(w.Transforms), s}])
		pairs = append(pairs, Pair{Want: w, Have: r, modify: r != nil && canonical.StaleSecret(w.Actions, r.Actions)})
	}
	for i := range pairs {
		if p := &pairs[i]; p.Have == nil {
			p.Have = take(byConditions[conditions[i]])
			p.modify = p.Have != nil
		}
	}
	return pairs, slices.DeleteFunc(slices.Clone(in.Observed), func(r *awsop.Rule) bool { return used[r] })
}
