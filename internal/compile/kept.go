package compile

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// joinKept joins the kept rules of a member that AWS has as one rule, since they did not fit one by one. A kept rule
// does what the rule in AWS with the same conditions does; without one, it answers an error.
func (b *build) joinKept(ports []portRules) {
	keep := func(w rules.Rule) bool { return w.Keep }
	if count(ports) <= quota.RulesOfApplicationLoadBalancer.Default() ||
		!slices.ContainsFunc(ports, func(p portRules) bool { return slices.ContainsFunc(p.rules, keep) }) {
		return
	}
	d, known := b.detailsOfExisting()
	if !known {
		return
	}
	for n := range ports {
		ports[n].rules = joinedAs(ports[n].rules, d.Rules[ports[n].port.number])
	}
}

// joinedAs joins the kept rules of a port of which existing rules were joined.
func joinedAs(all []rules.Rule, existing []stack.Rule) []rules.Rule {
	kept := map[string]int{} // by conditions
	for i := range all {
		key := quarantine.ConditionsKey(all[i].Conditions)
		if _, met := kept[key]; all[i].Keep && !met {
			kept[key] = i
		}
	}
	gone := make([]bool, len(all))
	for n := range existing {
		conditions := existing[n].Conditions
		if _, whole := kept[quarantine.ConditionsKey(conditions)]; whole {
			continue
		}
		parts := partsOf(conditions, all, kept)
		for _, i := range parts {
			delete(kept, quarantine.ConditionsKey(all[i].Conditions))
		}
		for at, i := range parts {
			first, w := &all[parts[0]], &all[i]
			first.Parts = append(first.Parts, w.Conditions)
			if at > 0 {
				gone[i] = true
				first.With = slices.Concat(first.With, w.With, []intent.Source{w.Route.Source})
			}
		}
		if len(parts) > 0 {
			all[parts[0]].Conditions = conditions
		}
	}
	return rules.Without(all, gone)
}

// partsOf are the places of the kept rules of one member that together match what a rule in AWS matches, and differ in
// one condition, in order; nil = there are none.
func partsOf(conditions []stack.Condition, all []rules.Rule, kept map[string]int) []int {
	for differs := range conditions {
		var out []int
		values := map[string]bool{}
		for _, part := range rules.Parts(conditions)[1:] {
			if part[differs].Count() == conditions[differs].Count() {
				continue
			}
			i, declared := kept[quarantine.ConditionsKey(part)]
			if !declared || len(out) > 0 && all[i].Member != all[out[0]].Member ||
				rest(part, differs) != rest(conditions, differs) {
				continue
			}
			out = append(out, i)
			for _, v := range slices.Concat(part[differs].Values, part[differs].Regex) {
				values[v] = true
			}
		}
		if len(values) == conditions[differs].Count() && len(out) > 0 {
			slices.Sort(out)
			return out
		}
	}
	return nil
}

// rest is the text of all conditions but one.
func rest(conditions []stack.Condition, but int) string {
	return quarantine.ConditionsKey(slices.Delete(slices.Clone(conditions), but, but+1))
}
