package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// settleStanding gives each wanted rule that is to stay as it stands what an existing rule of the same conditions does, unless
// that one is what another wanted rule is. kept is called with the actions that stay.
func settleStanding(want []stack.Rule, have []*elb.Rule, resolve canonical.Resolver, kept func([]stack.Action)) {
	if !slices.ContainsFunc(want, func(r stack.Rule) bool { return r.Standing }) {
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
		if w := &want[i]; !w.Standing {
			take(w, func(r *elb.Rule) bool {
				return canonical.SameActions(w.Actions, r.Actions, resolve) && canonical.Transforms(w.Transforms) == canonical.Transforms(r.Transforms)
			})
		}
	}
	for i := range want {
		w := &want[i]
		if !w.Standing {
			continue
		}
		w.Standing = false
		if r := take(w, func(*elb.Rule) bool { return true }); r != nil {
			w.Actions, w.Transforms, w.Tags = r.Actions, r.Transforms, r.Tags
			kept(r.Actions)
		}
	}
}

// keepStanding keeps the target groups of actions that stay as they stand, and their bindings.
func (d *differ) keepStanding(as []stack.Action) {
	d.keepTargets(as)
	for _, b := range d.obs.Bindings {
		if d.kept[b.TargetGroup.Literal] {
			d.kept[bindingKey(b.Binding)] = true
		}
	}
}

// keepFor tells which rules that no member wants stay: the KeepRules of a listener, without its exceptions.
type keepFor struct{ prefixes, except []string }

// keeps reports whether a rule may have been made for a member whose desired rules are not known now, by the identities of the target groups
// behind it. Where there are none of ours, nothing tells whose it is.
func (d *differ) keeps(k keepFor, r *elb.Rule) bool {
	known := false
	for _, ref := range elb.TargetGroupsOf(r.Actions) {
		id := d.identities[ref.Literal]
		if id != "" && !slices.Contains(k.except, id) && slices.ContainsFunc(k.prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			return true
		}
		known = known || id != ""
	}
	return len(k.prefixes) > 0 && !known
}

// Stand is a desired stack with what AWS holds in the place of what is to stay as it stands, to be shown.
func Stand(want *stack.Stack, obs elb.Observed) *stack.Stack {
	if want.SettingsStand {
		if settled, _, ok := standSettings(want, &obs); ok {
			want = settled
		}
	}
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
			if l.Standing {
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
		settleStanding(rules, have, resolve, func([]stack.Action) {})
		out.Rules = append(out.Rules, rules...)
	}
	return &out
}
