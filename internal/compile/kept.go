package compile

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
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

// A listener of a Gateway may be invalid when the controller starts without memory. On which port its last valid
// version served is not known then, so that the listeners that AWS has and no object declares stay, with their rules,
// until the declared one is valid.

// keepLost keeps the listeners that may be those of such versions.
func (b *build) keepLost() {
	if !b.e.ListenersLost {
		return
	}
	d, known := b.detailsOfExisting()
	if !known || d == nil {
		return
	}
	for _, n := range slices.Sorted(maps.Keys(d.Listeners)) {
		if !slices.ContainsFunc(b.ports, func(p *port) bool { return p.number == n }) {
			b.keepsLost = true
			b.keep.Resources = append(b.keep.Resources, stack.Ref{Kind: stack.KindListener, ID: naming.ListenerID(n)})
		}
	}
}

// keepReplaced keeps what a member serves on other ports, if an edit moves it to a port for which it has no valid
// certificate: the last valid version of the member serves. Listeners of Gateways are decided on by the front end.
func (b *build) keepReplaced(p *port, made bool) {
	if b.e.FixedPorts {
		return
	}
	for _, i := range p.members {
		m := &b.members[i]
		last, known := b.past.Good[m.Object]
		if !known || m.State != quarantine.Current || quarantine.Remembered(*last) != quarantine.LastGood {
			continue
		}
		if !slices.ContainsFunc(last.Listeners, func(was intent.Listener) bool {
			return !slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return l.Port == was.Port })
		}) {
			continue
		}
		wrong := func(d diag.Diagnostic) bool {
			return !made && d.Port == p.number || quarantine.BadCertificate(d)
		}
		for _, d := range b.notes[i] {
			if wrong(d) {
				b.fail(i, d)
			}
		}
		b.notes[i] = slices.DeleteFunc(b.notes[i], wrong)
	}
}

// listenerVersions are the last valid versions of listeners.
func (c *compiler) listenerVersions() map[diag.Object]map[string]string {
	if c.e.Listeners != nil {
		return c.e.Listeners
	}
	return c.before.Listeners
}

// withoutLost are versions without those that are not known.
func withoutLost(all map[diag.Object]map[string]string) map[diag.Object]map[string]string {
	out := make(map[diag.Object]map[string]string, len(all))
	for o, versions := range all {
		versions = maps.Clone(versions)
		maps.DeleteFunc(versions, func(_, text string) bool { return text == "" })
		out[o] = versions
	}
	return out
}
