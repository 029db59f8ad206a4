package explain

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// rules are those of a listener, in order.
func (x *explainer) rules(listener string) []stack.Rule {
	var out []stack.Rule
	for _, r := range x.in.Stack.Rules {
		if r.Listener.ID == listener {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b stack.Rule) int { return cmp.Compare(a.Order, b.Order) })
	return out
}

func (x *explainer) rule(r stack.Rule, listenerARN string) Rule {
	o := x.origin(stack.KindRule, r.ID)
	out := Rule{Order: r.Order, Conditions: stack.ConditionsText(r.Conditions), Action: stack.Labels{}.Actions(r.Actions)}
	if len(r.Transforms) > 0 {
		out.Action = stack.TransformsText(r.Transforms) + ", then " + out.Action
	}
	for _, owner := range o.Objects {
		out.Owner = owner.String()
		out.Mine = out.Mine || x.mine(owner)
	}
	if s, ok := o.Fields["Conditions"]; ok {
		out.Source = s.Path()
		if g := x.in.Gateway; g != nil && g.Extension != nil {
			out.Configuration = g.Extension(s.Object(), s.Path())
		}
	}
	for _, have := range x.in.Observed.Rules {
		if have.ID == r.ID && have.Listener.Literal == listenerARN {
			out.Priority = have.Priority
		}
	}
	return out
}

func same(a, b diag.Object) bool {
	return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
}
