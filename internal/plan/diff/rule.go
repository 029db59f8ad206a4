package diff

import (
	"slices"
	"sort"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ruleMatch pairs a wanted rule with the existing one that becomes it.
type ruleMatch struct {
	want   *stack.Rule
	have   *elb.Rule // nil = create
	modify bool      // have's content differs
}

// rules plans the rules of one listener. Existing rules are recognised by what they match and do, not by number; what stays
// in order stays in place, the others move in one call. A rule whose content changes where it stands is modified there.
//
// Between is called once all rules are there and before any is deleted: the place for a change of the default actions, which
// reroutes says there will be.
func (d *differ) rules(listener stack.Ref, l *elb.Listener, want []stack.Rule, reroutes bool, between func(fresh []freshRule) rerouted) {
	var have []*elb.Rule
	taken := map[int32]bool{} // by rules of somebody else, or kept ones
	if l != nil {
		for i := range d.obs.Rules {
			r := &d.obs.Rules[i]
			if r.Listener.Literal != l.ARN {
				continue
			}
			if d.kept[r.ARN] {
				taken[r.Priority] = true
				continue
			}
			have = append(have, r)
		}
		sort.SliceStable(have, func(i, j int) bool { return have[i].Priority < have[j].Priority })
	}
	want = slices.Clone(want)
	sort.SliceStable(want, func(i, j int) bool { return want[i].Order < want[j].Order })

	keepActions(d.keptActions, want, have, d.resolve, d.keepForwards)
	d.settleRules(want, have)
	matches, left := d.matchRules(want, have)
	surplus := left[:0]
	for _, r := range left {
		if d.keepsRule(d.keep.Rules[listener.ID], r) {
			taken[r.Priority] = true
			d.keepForwards(r.Actions)
			continue
		}
		if managed := l == nil || l.Tags == nil || !d.rulesTagged(want) || d.ours(r.Tags); managed {
			surplus = append(surplus, r)
		} else {
			taken[r.Priority] = true
		}
	}
	t := transition{d: d, listener: listener, observed: l, matches: matches, surplus: surplus, foreign: taken}
	t.settle(!reroutes)
	t.write(between)
}

// rulesTagged reports whether rules carry tags in this cluster.
func (d *differ) rulesTagged(want []stack.Rule) bool {
	for _, r := range want {
		if r.Tags != nil {
			return true
		}
	}
	return len(want) == 0 && d.tagged()
}

// matchRules finds for each wanted rule an existing one of the same content, else one with the same conditions. Equal
// ones are paired in order. What nobody took is left over.
func (d *differ) matchRules(want []stack.Rule, have []*elb.Rule) (matches []ruleMatch, left []*elb.Rule) {
	sticky := slices.ContainsFunc(want, func(r stack.Rule) bool { return canonical.ManagesStickiness(r.Actions) })
	conditions := make([]string, len(want))
	matches = make([]ruleMatch, len(want))
	exact, loose := map[string][]*elb.Rule{}, map[string][]*elb.Rule{}
	for _, r := range have {
		c := canonical.Conditions(r.Conditions)
		loose[c] = append(loose[c], r)
		rest := canonical.Transforms(r.Transforms) + "|" + c
		exact[canonical.Actions(r.Actions, canonical.Literal, false)+rest] = append(exact[canonical.Actions(r.Actions, canonical.Literal, false)+rest], r)
		if sticky {
			k := "s" + canonical.Actions(r.Actions, canonical.Literal, true) + rest
			exact[k] = append(exact[k], r)
		}
	}
	used := map[*elb.Rule]bool{}
	take := func(m map[string][]*elb.Rule, key string) *elb.Rule {
		for len(m[key]) > 0 {
			r := m[key][0]
			m[key] = m[key][1:]
			if !used[r] {
				used[r] = true
				return r
			}
		}
		return nil
	}
	for i := range want {
		w := &want[i]
		conditions[i] = canonical.Conditions(w.Conditions)
		s := canonical.ManagesStickiness(w.Actions)
		key := canonical.Actions(w.Actions, d.resolve, s) + canonical.Transforms(w.Transforms) + "|" + conditions[i]
		if s {
			key = "s" + key
		}
		r := take(exact, key)
		matches[i] = ruleMatch{want: w, have: r, modify: r != nil && staleSecret(w.Actions, r.Actions)}
	}
	for i := range matches {
		if matches[i].have == nil {
			matches[i].have = take(loose, conditions[i])
			matches[i].modify = matches[i].have != nil
		}
	}
	for _, r := range have {
		if !used[r] {
			left = append(left, r)
		}
	}
	return matches, left
}

func (d *differ) ruleChanges(m *ruleMatch) []string {
	var why []string
	if canonical.Conditions(m.have.Conditions) != canonical.Conditions(m.want.Conditions) {
		why = append(why, "matches "+conditionsSummary(m.have.Conditions)+" → "+conditionsSummary(m.want.Conditions))
	}
	if !canonical.SameActions(m.want.Actions, m.have.Actions, d.resolve) {
		why = append(why, d.actionsSummary(m.have.Actions)+" → "+d.actionsSummary(m.want.Actions))
	}
	if staleSecret(m.want.Actions, m.have.Actions) {
		why = append(why, secretChanged)
	}
	if canonical.Transforms(m.have.Transforms) != canonical.Transforms(m.want.Transforms) {
		why = append(why, "transforms changed")
	}
	return why
}

func (d *differ) ruleSummary(r stack.Rule) string {
	return conditionsSummary(r.Conditions) + " → " + d.actionsSummary(r.Actions)
}

func conditionsSummary(cs []stack.Condition) string {
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		vs := append(slices.Clone(c.Values), c.Regex...)
		for _, q := range c.Query {
			vs = append(vs, "?"+q.Key+"="+q.Value)
		}
		name := ""
		switch c.Field {
		case stack.HostHeader, stack.PathPattern, stack.QueryString:
		case stack.HTTPHeader:
			name = c.HeaderName + ": "
		default:
			name = string(c.Field) + " "
		}
		parts = append(parts, name+strings.Join(vs, "|"))
	}
	return strings.Join(parts, " ")
}

// label is what people call a resource: its identity, else the name inside its ARN.
func (d *differ) label(r stack.Ref) string {
	if r.ID != "" {
		return r.ID
	}
	if id, ok := d.identities[r.Literal]; ok {
		return id
	}
	if parts := strings.Split(r.Literal, "/"); len(parts) == 3 {
		return parts[1]
	}
	return r.Literal
}
