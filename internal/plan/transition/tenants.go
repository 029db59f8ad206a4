package transition

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// A namespace is the unit of trust. What a change of one namespace waits for must not be the health of targets of another one: whoever never has a
// healthy target would hold up the deletions and edits of everybody who shares the listener. Rules of different namespaces never answer alike, so
// no request that keeps its answer needs such an order.

// namespaces are those of the target groups of actions, by their identities; nil if actions forward to none, or to one that is not the stack's.
func (t *Targets) namespaces(as []stack.Action) (out []string) {
	for _, ref := range awsop.TargetGroupsOf(as) {
		id := ref.ID
		if ref.Literal != "" {
			tg := t.Observed.TargetGroup(ref.Literal)
			if tg == nil {
				return nil
			}
			id = tg.ID
		}
		ns := naming.NamespaceOfTargetGroup(id)
		if ns == "" {
			return nil
		}
		if !slices.Contains(out, ns) {
			out = append(out, ns)
		}
	}
	return out
}

// apart reports whether two lists of namespaces are known and have none in common.
func apart(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(ns string) bool { return slices.Contains(b, ns) })
}

// abandoned reports whether a rule that is to forward elsewhere gets its answer from a target group that goes and is of another namespace: that one's
// deletion does not wait for the targets of the rule.
func (t *Targets) abandoned(alive map[string]bool, want []stack.Action) bool {
	to := t.namespaces(want)
	for arn := range alive {
		tg := t.Observed.TargetGroup(arn)
		if tg == nil || !apart(to, []string{naming.NamespaceOfTargetGroup(tg.ID)}) || naming.NamespaceOfTargetGroup(tg.ID) == "" {
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
	var all []string
	add := func(as []stack.Action) {
		for _, ns := range in.Targets.namespaces(as) {
			if !slices.Contains(all, ns) {
				all = append(all, ns)
			}
		}
	}
	add(in.Default)
	for i := range in.Want {
		add(in.Want[i].Actions)
	}
	for _, r := range in.Observed {
		add(r.Actions)
	}
	return len(all) > 1
}

// mayFollow reports whether a rule that awaits targets before it changes may change after rules move: in a listener of several namespaces the moves
// are also others'. It may not if one in front of it gives requests of it the answer that it shall give.
func (b *builder) mayFollow(p *Pair) bool {
	if !b.shared || len(p.awaits) == 0 {
		return false
	}
	return !slices.ContainsFunc(b.Observed, func(r *awsop.Rule) bool {
		return r.Priority < p.Have.Priority && !traffic.Disjoint(r.Conditions, p.Have.Conditions) && sameAnswer(p.Want.Actions, r.Actions, b.Targets.Resolve)
	})
}

// succeeded reports whether a wanted rule, or the wanted default action, may answer requests of a rule that goes as that one does. of are the namespaces
// of that one's target groups.
func (b *builder) succeeded(old *awsop.Rule, of []string) bool {
	alike := func(as []stack.Action) bool {
		return len(of) == 0 || len(awsop.TargetGroupsOf(as)) > 0 && !apart(of, b.Targets.namespaces(as))
	}
	defaults := b.Default
	if b.Modify != nil {
		defaults = b.Modify.Listener.DefaultActions
	}
	return alike(defaults) || slices.ContainsFunc(b.pairs, func(p Pair) bool {
		return alike(p.Want.Actions) && !traffic.Disjoint(p.Want.Conditions, old.Conditions)
	})
}
