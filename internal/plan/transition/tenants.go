package transition

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// A namespace is the unit of trust. What a change of one namespace waits for must not be the health of targets of
// another one: whoever never has a healthy target would hold up the deletions and edits of everybody who shares the
// listener. Rules of different namespaces never answer alike, so no request that keeps its answer needs such an order.

// tenants are the namespaces of the target groups of actions; none if actions forward to no target group. Of a target
// group that is no longer wanted they are those that may have declared it. One that no object of the cluster declares
// stands for itself, by its ARN: whoever forwards to it may be anybody. known is false if there is one.
func (t *Targets) tenants(as []stack.Action) (out []string, known bool) {
	known = true
	for _, ref := range awsop.TargetGroupsOf(as) {
		arn := t.Resolve(ref)
		id, name := ref.ID, ""
		if tg := t.Observed.TargetGroup(arn); tg != nil {
			id, name = tg.ID, tg.Name
		}
		of := t.declaring(id, name)
		if len(of) == 0 {
			of, known = []string{arn}, false
		}
		for _, ns := range of {
			if !slices.Contains(out, ns) {
				out = append(out, ns)
			}
		}
	}
	return out, known
}

// namespaces are the tenants of actions, if all of them are known; else there are none.
func (t *Targets) namespaces(as []stack.Action) []string {
	if of, known := t.tenants(as); known {
		return of
	}
	return nil
}

// declaring are the namespaces that may have declared a target group.
func (t *Targets) declaring(id, name string) []string {
	if ns := t.Namespaces[id]; ns != "" {
		return []string{ns}
	}
	return naming.DeclaringNamespaces(id, name)
}

// apart reports whether two lists of namespaces are known and have none in common.
func apart(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(ns string) bool { return slices.Contains(b, ns) })
}

// Tenants returns the namespaces of the target groups of actions, as one text.
func (t *Targets) Tenants(as []stack.Action) string {
	of, _ := t.tenants(as)
	return strings.Join(of, " ")
}

// Apart reports whether the target groups of two actions are those of different namespaces.
func (t *Targets) Apart(a, b []stack.Action) bool {
	of, _ := t.tenants(a)
	to, _ := t.tenants(b)
	return apart(of, to)
}

// abandoned reports whether a rule that is to forward elsewhere gets its answer from a target group that goes and is of
// another namespace: that one's deletion does not wait for the targets of the rule.
func (t *Targets) abandoned(alive map[string]bool, want []stack.Action) bool {
	to := t.namespaces(want)
	for arn := range alive {
		tg := t.Observed.TargetGroup(arn)
		if tg == nil || !apart(to, t.declaring(tg.ID, tg.Name)) {
			continue
		}
		if !slices.ContainsFunc(t.Wanted, func(w stack.TargetGroup) bool {
			return t.Resolve(stack.Ref{Kind: stack.KindTargetGroup, ID: w.ID}) == arn
		}) {
			return true
		}
	}
	return false
}

// isShared reports whether rules of several namespaces are observed or wanted.
func (in *Input) isShared() bool {
	var all [][]string // different ones
	known := false     // one of them is
	add := func(as []stack.Action) {
		of, is := in.Targets.tenants(as)
		if len(of) == 0 || slices.ContainsFunc(all, func(o []string) bool { return slices.Equal(o, of) }) {
			return
		}
		known = known || is
		all = append(all, of)
	}
	add(in.Default)
	if in.Modify != nil {
		add(in.Modify.Listener.DefaultActions)
	}
	for i := range in.Want {
		add(in.Want[i].Actions)
	}
	for _, r := range in.Observed {
		add(r.Actions)
	}
	return known && slices.ContainsFunc(all, func(a []string) bool {
		return slices.ContainsFunc(all, func(b []string) bool { return apart(a, b) })
	})
}

// mayFollow reports whether a rule that awaits targets before it changes may change after rules move: in a listener of
// several namespaces the moves are also others'. It may not if one in front of it gives requests of it the answer that
// it shall give.
func (b *builder) mayFollow(p *Pair) bool {
	return b.shared && len(p.awaits) > 0 && !b.precedes(p, b.Observed)
}

// precedes reports whether one of rules in front of an observed one gives requests of it the answer that it shall give.
func (b *builder) precedes(p *Pair, rules []*awsop.Rule) bool {
	return slices.ContainsFunc(rules, func(r *awsop.Rule) bool {
		return r.Priority < p.Have.Priority && !overlap.Disjoint(r.Conditions, p.Have.Conditions) &&
			sameAnswer(p.Want.Actions, r.Actions, b.Targets.Resolve)
	})
}

// served reports whether the targets that a rule is to forward to serve its requests already, and whoever moves or
// deletes rules needs the change.
func (b *builder) served(i int) bool {
	p := &b.pairs[i]
	if !b.shared || b.moment(i) != beforeMove {
		return false
	}
	return len(b.moves) > 0 && b.precedes(p, b.Observed) || b.precedes(p, b.surplus)
}

// servedByDefault is served for the default actions.
func (b *builder) servedByDefault(want []stack.Action) bool {
	return b.shared && slices.ContainsFunc(b.surplus, func(r *awsop.Rule) bool {
		return sameAnswer(want, r.Actions, b.Targets.Resolve)
	})
}

// succeeded reports whether a wanted rule, or the wanted default action, may answer requests of a rule that goes as
// that one does.
func (b *builder) succeeded(old *awsop.Rule) bool {
	of, _ := b.Targets.tenants(old.Actions)
	alike := func(as []stack.Action) bool {
		if len(of) == 0 {
			return sameAnswer(as, old.Actions, b.Targets.Resolve)
		}
		to, _ := b.Targets.tenants(as)
		return len(to) > 0 && !apart(of, to)
	}
	defaults := b.Default
	if b.Modify != nil {
		defaults = b.Modify.Listener.DefaultActions
	}
	return alike(defaults) || slices.ContainsFunc(b.pairs, func(p Pair) bool {
		return alike(p.Want.Actions) && !overlap.Disjoint(p.Want.Conditions, old.Conditions)
	})
}

// hurried are the rules that go and must not wait for targets: a rule in front of them goes after them, and may be of
// another namespace. What they answered with the targets that would be awaited, these serve already, see served.
func (b *builder) hurried() map[*awsop.Rule]bool {
	out := map[*awsop.Rule]bool{}
	if !b.shared {
		return out
	}
	for j, r := range b.surplus {
		of, _ := b.Targets.tenants(r.Actions)
		out[r] = len(b.surplus) > mostCompared || slices.ContainsFunc(b.surplus[:j], func(s *awsop.Rule) bool {
			front, _ := b.Targets.tenants(s.Actions)
			return !overlap.Disjoint(s.Conditions, r.Conditions) && (out[s] || !slices.Equal(of, front))
		})
	}
	return out
}
