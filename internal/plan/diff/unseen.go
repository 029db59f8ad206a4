package diff

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// unseen returns the rules and target groups of a load balancer that must not be touched because objects that cannot
// be read may own them: all that are not known to belong to the visible namespace; "" = all objects are visible. A
// rule that forwards to no target group of ours does not show its owner: it counts as the wanted rule with the same
// conditions and actions. If no member is left, the listeners stay for the rules of others.
func unseen(namespace string, s *stack.Stack, obs *awsop.Observed) []stack.Ref {
	if namespace == "" {
		return nil
	}
	seen := func(id string) bool { return strings.HasPrefix(id, namespace+"/") }
	return append(groupsExcept(obs, seen), rulesExcept(obs, seen, func(r *awsop.Rule, ours bool) bool {
		return ours || slices.ContainsFunc(s.Rules, func(w stack.Rule) bool {
			return canonical.Conditions(w.Conditions) == canonical.Conditions(r.Conditions) &&
				canonical.Transforms(w.Transforms) == canonical.Transforms(r.Transforms) && canonical.SameActions(w.Actions,
				r.Actions, canonical.Literal)
		})
	})...)
}

// keptBelowMemberless returns the rules of listeners that no member of a stack wants, without those of objects that
// leave; if the stack has no listener, also the target groups.
func keptBelowMemberless(departed stack.Departed, nothing bool, listeners []string, obs *awsop.Observed) (
	keep []stack.Ref) {
	if !departed.Any() {
		return nil
	}
	if nothing {
		keep = groupsExcept(obs, departed.Made)
	}
	for _, arn := range listeners {
		of := awsop.Observed{TargetGroups: obs.TargetGroups, Rules: slices.DeleteFunc(slices.Clone(obs.Rules),
			func(r awsop.Rule) bool { return r.Listener.Literal != arn })}
		keep = append(keep, rulesExcept(&of, departed.Made, func(_ *awsop.Rule, ours bool) bool { return ours })...)
	}
	return keep
}

// groupsExcept returns the target groups of objects other than those whose groups may be deleted.
func groupsExcept(obs *awsop.Observed, mayGo func(id string) bool) (keep []stack.Ref) {
	for _, tg := range obs.TargetGroups {
		if !mayGo(tg.ID) {
			keep = append(keep, stack.Literal(stack.KindTargetGroup, tg.ARN))
		}
	}
	return keep
}

// rulesExcept returns the rules that forward to a target group of objects other than those whose groups may be
// deleted, and the rules for which known is false. ours is false for a rule that forwards to no target group of the
// stack.
func rulesExcept(obs *awsop.Observed, mayGo func(id string) bool, known func(r *awsop.Rule, ours bool) bool) (
	keep []stack.Ref) {
	identities := map[string]string{}
	for _, tg := range obs.TargetGroups {
		identities[tg.ARN] = tg.ID
	}
	for i := range obs.Rules {
		r := &obs.Rules[i]
		all, ours := true, false
		for _, ref := range awsop.TargetGroupsOf(r.Actions) {
			id := identities[ref.Literal]
			ours = ours || id != ""
			all = all && (id == "" || mayGo(id))
		}
		if !all || !known(r, ours) {
			keep = append(keep, stack.Literal(stack.KindRule, r.ARN))
		}
	}
	return keep
}

// keepMemberless gives a stack without members an existing listener. It returns the listener if its default actions
// stay. They do not stay if they forward to target groups of objects that leave; a listener of a network load
// balancer then has nothing left.
func keepMemberless(s *stack.Stack, keep stack.Keep, obs *awsop.Observed, lb *awsop.LoadBalancer,
	have *awsop.Listener) (defaults []stack.Ref) {
	l, departs := memberless(have, lb.ID), ofDeparted(keep, obs, have.DefaultActions)
	switch {
	case departs && lb.Type == stack.Network:
		return nil
	case departs:
		l.DefaultActions = stack.NotFound()
	default:
		defaults = []stack.Ref{listenerRef(l.ID)}
	}
	s.Listeners = append(s.Listeners, l)
	return defaults
}

// memberless returns an existing listener in the form of a stack without members.
func memberless(have *awsop.Listener, balancer string) stack.Listener {
	l := have.Listener
	l.ID, l.LoadBalancer = naming.ListenerID(have.Port), loadBalancerRef(balancer)
	l.Attributes, l.Mutual, l.Tags = nil, nil, nil
	return l
}
