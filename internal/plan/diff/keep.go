package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// keepActions gives each wanted rule whose actions are kept those of an existing rule of the same conditions, unless that one is what
// another wanted rule is. note is called with the actions that stay.
func keepActions(kept map[stack.Ref]bool, want []stack.Rule, have []*elb.Rule, resolve canonical.Resolver, note func([]stack.Action)) {
	keeps := func(r *stack.Rule) bool { return kept[stack.Ref{Kind: stack.KindRule, ID: r.ID}] }
	if len(kept) == 0 {
		return
	}
	free := map[string][]*elb.Rule{} // by conditions
	for _, r := range have {
		c := canonical.Conditions(r.Conditions)
		free[c] = append(free[c], r)
	}
	take := func(w *stack.Rule, fits func(*elb.Rule) bool) *elb.Rule {
		c := canonical.Conditions(w.Conditions)
		i := slices.IndexFunc(free[c], fits)
		if i < 0 {
			return nil
		}
		r := free[c][i]
		free[c] = slices.Delete(free[c], i, i+1)
		return r
	}
	for i := range want {
		if w := &want[i]; !keeps(w) {
			take(w, func(r *elb.Rule) bool {
				return canonical.SameActions(w.Actions, r.Actions, resolve) && canonical.Transforms(w.Transforms) == canonical.Transforms(r.Transforms)
			})
		}
	}
	for i := range want {
		w := &want[i]
		if !keeps(w) {
			continue
		}
		if r := take(w, func(*elb.Rule) bool { return true }); r != nil {
			w.Actions, w.Transforms, w.Tags = r.Actions, r.Transforms, r.Tags
			note(r.Actions)
		}
	}
}

// keepForwards keeps the target groups of actions that stay, and their bindings.
func (d *differ) keepForwards(as []stack.Action) {
	d.keepTargets(as)
	for _, b := range d.obs.Bindings {
		if d.kept[b.TargetGroup.Literal] {
			d.kept[bindingKey(b.Binding)] = true
		}
	}
}

// keepsRule reports whether a rule that the stack lacks stays, by the identities of the target groups behind it.
func (d *differ) keepsRule(k stack.KeptRules, r *elb.Rule) bool {
	known := false
	for _, ref := range elb.TargetGroupsOf(r.Actions) {
		id := d.identities[ref.Literal]
		if id != "" && !slices.Contains(k.Except, id) && slices.ContainsFunc(k.Prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			return true
		}
		known = known || id != ""
	}
	return len(k.Prefixes) > 0 && !known
}

// refSet is a set of references.
func refSet(refs []stack.Ref) map[stack.Ref]bool {
	out := make(map[stack.Ref]bool, len(refs))
	for _, r := range refs {
		out[r] = true
	}
	return out
}

// Effective is a desired stack with what AWS holds in the place of what is kept, to be shown.
func Effective(want *stack.Stack, keep stack.Keep, obs elb.Observed) *stack.Stack {
	if keep.Settings {
		if settled, also, ok := keepSettings(want, keep, &obs); ok {
			want, keep = settled, also
		}
	}
	kept := refSet(keep.Actions)
	out := *want
	out.Listeners, out.Rules = slices.Clone(want.Listeners), nil
	arns, balancers := map[string]string{}, map[string]string{}
	for _, g := range obs.TargetGroups {
		arns[g.ID] = g.ARN
	}
	for _, lb := range obs.LoadBalancers {
		balancers[lb.ARN] = lb.ID
	}
	resolve := func(r stack.Ref) string {
		if r.Literal == "" && arns[r.ID] != "" {
			return arns[r.ID]
		}
		return canonical.Literal(r)
	}
	for i := range out.Listeners {
		l := &out.Listeners[i]
		var have []*elb.Rule
		for _, o := range obs.Listeners {
			if o.Port != l.Port || balancers[o.LoadBalancer.Literal] != l.LoadBalancer.ID {
				continue
			}
			if kept[listenerRef(l.ID)] {
				l.DefaultActions = o.DefaultActions
			}
			for j := range obs.Rules {
				if obs.Rules[j].Listener.Literal == o.ARN {
					have = append(have, &obs.Rules[j])
				}
			}
		}
		slices.SortStableFunc(have, func(a, b *elb.Rule) int { return int(a.Priority - b.Priority) })
		var rules []stack.Rule
		for _, r := range want.Rules {
			if r.Listener.ID == l.ID {
				rules = append(rules, r)
			}
		}
		keepActions(kept, rules, have, resolve, func([]stack.Action) {})
		out.Rules = append(out.Rules, rules...)
	}
	return &out
}
