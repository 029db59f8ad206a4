package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// withoutDeparted returns a stack and what is kept in addition to it, such that nothing is kept that is known to be of
// objects that leave: a member of which AWS may have something must not hold what is not its own. A listener that is
// kept for other rules becomes one of the stack, as AWS holds it.
func withoutDeparted(want *stack.Stack, keep stack.Keep, obs *awsop.Observed) (*stack.Stack, stack.Keep) {
	if !keep.Departed.Any() || len(want.LoadBalancers) == 0 {
		return want, keep
	}
	lb := obs.LoadBalancer(want.LoadBalancers[0])
	if lb == nil {
		return want, keep
	}
	s, gone := *want, map[stack.Ref]bool{}
	s.Listeners = slices.Clone(want.Listeners)
	var standing []string // ARNs of listeners
	var defaults []stack.Ref
	for i := range obs.Listeners {
		have := &obs.Listeners[i]
		at := listenerRef(have.ID)
		switch {
		case have.LoadBalancer.Literal != lb.ARN:
		case slices.Contains(keep.Actions, at):
			gone[at] = ofDeparted(keep, obs, have.DefaultActions)
		case slices.Contains(keep.Resources, at) && servesDeparted(keep, obs, have):
			gone[at] = true
			standing = append(standing, have.ARN)
			defaults = append(defaults, keepMemberless(&s, keep, obs, lb, have)...)
		}
	}
	stays := func(refs []stack.Ref) []stack.Ref {
		return slices.DeleteFunc(slices.Clone(refs), func(r stack.Ref) bool { return gone[r] })
	}
	keep.Resources = append(stays(keep.Resources), keptBelowMemberless(keep.Departed, false, standing, obs)...)
	keep.Actions = append(stays(keep.Actions), defaults...)
	return &s, keep
}

// ofDeparted reports whether actions forward to target groups, all of which are of objects that leave.
func ofDeparted(keep stack.Keep, obs *awsop.Observed, as []stack.Action) bool {
	if !keep.Departed.Any() {
		return false
	}
	refs := awsop.TargetGroupsOf(as)
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(r stack.Ref) bool {
		tg := obs.TargetGroup(r.Literal)
		return tg == nil || !keep.Departed.Made(tg.ID)
	})
}

// servesDeparted reports whether a listener, or a rule of it, is of objects that leave.
func servesDeparted(keep stack.Keep, obs *awsop.Observed, l *awsop.Listener) bool {
	return ofDeparted(keep, obs, l.DefaultActions) || slices.ContainsFunc(obs.Rules, func(r awsop.Rule) bool {
		return r.Listener.Literal == l.ARN && ofDeparted(keep, obs, r.Actions)
	})
}

// notDeparted are the rules that are not known to be of objects that leave: only these may be what is kept of others.
func notDeparted(keep stack.Keep, obs *awsop.Observed, rules []*awsop.Rule) []*awsop.Rule {
	if !keep.Departed.Any() {
		return rules
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r *awsop.Rule) bool { return ofDeparted(keep, obs, r.Actions) })
}

// departFrom deletes what objects that leave have on an old load balancer that stays until no member shows it: nobody's
// deletion waits for a member that replaces the load balancer.
func (d *differ) departFrom(old *awsop.LoadBalancer) {
	if !d.keep.Departed.Any() {
		return
	}
	const why = "its object leaves the group"
	stays := map[string]bool{} // listeners, rules and target groups
	stay := func(arn string, as []stack.Action) {
		stays[arn] = true
		for _, ref := range awsop.TargetGroupsOf(as) {
			stays[ref.Literal] = true
		}
	}
	var gone []stack.Action
	listeners := map[string]bool{}
	for i := range d.obs.Listeners {
		l := &d.obs.Listeners[i]
		if l.LoadBalancer.Literal != old.ARN {
			continue
		}
		listeners[l.ARN] = true
		if !ofDeparted(d.keep, d.obs, l.DefaultActions) {
			stay(l.ARN, l.DefaultActions)
			continue
		}
		gone = append(gone, l.DefaultActions...)
		d.release(l.DefaultActions, d.departListener(old, l, why))
	}
	for i := range d.obs.Rules {
		r := &d.obs.Rules[i]
		switch {
		case !listeners[r.Listener.Literal]:
		case !ofDeparted(d.keep, d.obs, r.Actions):
			stay(r.ARN, r.Actions)
		default:
			gone = append(gone, r.Actions...)
			s := d.step(plan.Delete, stack.Ref{Kind: stack.KindRule, ID: r.ID, Literal: r.ARN}, plan.Normal,
				awsop.DeleteRule{Rule: stack.Literal(stack.KindRule, r.ARN)}, why)
			d.release(r.Actions, s.ID)
		}
	}
	for _, ref := range awsop.TargetGroupsOf(gone) {
		if !stays[ref.Literal] {
			d.letGoOfTargets(ref.Literal)
		}
	}
}

// departListener has a listener of an old load balancer forward no more: one of a network load balancer is deleted.
func (d *differ) departListener(old *awsop.LoadBalancer, l *awsop.Listener, why string) plan.StepID {
	r := stack.Ref{Kind: stack.KindListener, ID: l.ID, Literal: l.ARN}
	at := stack.Literal(stack.KindListener, l.ARN)
	if old.Type == stack.Network {
		return d.step(plan.Delete, r, plan.Normal, awsop.DeleteListener{Listener: at}, why).ID
	}
	op := awsop.ModifyListener{Ref: at, Listener: l.Listener}
	op.Listener.Attributes, op.Listener.SNI, op.Listener.Tags, op.Listener.Mutual = nil, nil, nil, nil
	op.Listener.DefaultActions = stack.NotFound()
	return d.step(plan.Update, r, plan.Normal, op, why).ID
}

// letGoOfTargets has a target group that was kept go, with its bindings.
func (d *differ) letGoOfTargets(arn string) {
	delete(d.kept, arn)
	delete(d.outgoing, arn)
	for _, b := range d.obs.Bindings {
		if b.TargetGroup.Literal == arn {
			delete(d.kept, bindingKey(b.Binding))
		}
	}
}
