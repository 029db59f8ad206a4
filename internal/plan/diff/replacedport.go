package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// An edit may move an object from one port to another, such as from HTTP 80 to HTTPS 443. If AWS refuses the new
// listener or its rules, for example because of the certificate, what served before keeps serving: its deletion, and
// that of the security group rules of its port, wait for what replaces it. In a group, only the rules and listeners of
// the member that moves wait.

// replacesPorts reports whether unwanted listeners stay until the new ones exist. At AWS's default limit, which is
// the same for both types of load balancers, they make room instead.
func (d *differ) replacesPorts() bool {
	if d.want.Key.ID.Namespace == "" {
		return false
	}
	return d.hasRoomForPorts()
}

// hasRoomForPorts reports whether a wanted listener is missing in AWS, and there is room for it in addition to the
// unwanted ones.
func (d *differ) hasRoomForPorts() bool {
	stays := len(d.obs.Listeners)
	for _, w := range d.want.Listeners {
		if d.lacks(w) {
			stays++
		}
	}
	return stays > len(d.obs.Listeners) && stays <= quota.ListenersOfNetworkLoadBalancer.Default()
}

// lacks reports whether AWS has no listener on the port of a wanted one.
func (d *differ) lacks(w stack.Listener) bool {
	return !slices.ContainsFunc(d.obs.Listeners, func(l awsop.Listener) bool { return l.Port == w.Port })
}

// arrivals are the missing rules, and the default actions of missing listeners, indexed by load balancer and by what
// they have in common with rules of other ports.
type arrivals struct {
	all                    []stack.Rule // without ID, they are the default actions of a listener
	byTarget, byConditions map[[2]string][]int
}

// arriving indexes the arrivals. At the limit of listeners, new ones do not count.
func (d *differ) arriving() *arrivals {
	if d.arrivals != nil {
		return d.arrivals
	}
	d.arrivals = &arrivals{byTarget: map[[2]string][]int{}, byConditions: map[[2]string][]int{}}
	has := map[[2]string]bool{} // by listener and conditions
	for i := range d.obs.Rules {
		has[[2]string{d.obs.Rules[i].Listener.Literal, canonical.Conditions(d.obs.Rules[i].Conditions)}] = true
	}
	listeners, room := map[stack.Ref][2]string{}, d.hasRoomForPorts() // ARNs of load balancer and listener
	for _, w := range d.want.Listeners {
		arn := d.known[w.LoadBalancer]
		at := slices.IndexFunc(d.obs.Listeners, func(l awsop.Listener) bool {
			return l.Port == w.Port && l.LoadBalancer.Literal == arn
		})
		switch {
		case arn == "":
		case at >= 0:
			listeners[listenerRef(w.ID)] = [2]string{arn, d.obs.Listeners[at].ARN}
		case room:
			listeners[listenerRef(w.ID)] = [2]string{arn}
			d.arrivals.add(d, arn, stack.Rule{Listener: listenerRef(w.ID), Actions: w.DefaultActions})
		}
	}
	for _, r := range d.want.Rules {
		if of, is := listeners[r.Listener]; is && !has[[2]string{of[1], canonical.Conditions(r.Conditions)}] {
			d.arrivals.add(d, of[0], r)
		}
	}
	return d.arrivals
}

func (a *arrivals) add(d *differ, arn string, r stack.Rule) {
	if !answers(r.Actions) {
		return
	}
	n := len(a.all)
	a.all = append(a.all, r)
	conditions := [2]string{arn, canonical.Conditions(r.Conditions)}
	a.byConditions[conditions] = append(a.byConditions[conditions], n)
	for _, ref := range awsop.TargetGroupsOf(r.Actions) {
		target := [2]string{arn, d.resolve(ref)}
		a.byTarget[target] = append(a.byTarget[target], n)
	}
}

// answers reports whether actions give requests another answer than an error.
func answers(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool {
		return a.FixedResponse == nil || a.FixedResponse.StatusCode < "4"
	})
}

// successors returns the arrivals that serve instead of a rule, or of default actions, of another port: those with
// one of its target groups, or, in the same namespace, with its conditions.
func (d *differ) successors(balancer string, old stack.Rule) (out []stack.Ref) {
	a := d.arriving()
	if len(a.all) == 0 || !answers(old.Actions) {
		return nil
	}
	found := slices.Clone(a.byConditions[[2]string{balancer, canonical.Conditions(old.Conditions)}])
	found = slices.DeleteFunc(found, func(n int) bool { return d.forwards.Apart(old.Actions, a.all[n].Actions) })
	for _, ref := range awsop.TargetGroupsOf(old.Actions) {
		found = append(found, a.byTarget[[2]string{balancer, d.resolve(ref)}]...)
	}
	for _, n := range found {
		out = append(out, a.all[n].Listener)
		if id := a.all[n].ID; id != "" {
			out = append(out, stack.Ref{Kind: stack.KindRule, ID: id})
		}
	}
	return out
}

// replaced is an unwanted listener, with the parts of it that move.
type replaced struct {
	successors []stack.Ref
	apart      []moved // rules that are deleted before the listener, because rules of others on it move too
}

// replacement says what happens to an unwanted listener. If its default actions belong to somebody who does not move,
// nothing waits.
func (d *differ) replacement(l *awsop.Listener) (out replaced) {
	movers := map[string][]stack.Action{} // by namespaces
	note := func(r stack.Rule) (to []stack.Ref) {
		if to = d.successors(l.LoadBalancer.Literal, r); len(to) > 0 {
			out.successors = append(out.successors, to...)
			movers[d.forwards.Tenants(r.Actions)] = r.Actions
		}
		return to
	}
	moves := len(note(stack.Rule{Actions: l.DefaultActions})) > 0
	var rules []moved
	for i := range d.obs.Rules {
		if r := &d.obs.Rules[i]; r.Listener.Literal == l.ARN {
			rules = append(rules, moved{r, listenerRef(l.ID), note(r.Rule)})
		}
	}
	others := func(as []stack.Action) bool {
		for _, of := range movers {
			if d.forwards.Apart(as, of) {
				return true
			}
		}
		return false
	}
	if !moves && others(l.DefaultActions) {
		return replaced{}
	}
	for _, r := range rules {
		if others(r.rule.Actions) {
			out.apart = append(out.apart, r)
		}
	}
	return out
}

// deleteApart deletes, before an unwanted listener, the rules that must not wait with it for others.
func (d *differ) deleteApart(l *awsop.Listener) (r replaced, deleted []plan.StepID) {
	if r = d.replacement(l); d.replacesPorts() {
		r.apart = nil
	}
	r.apart = slices.DeleteFunc(r.apart, func(m moved) bool { return !d.ours(m.rule.Tags) || !d.mayDelete(m.rule.ARN) })
	for _, m := range r.apart {
		s := d.deleteRule(m.rule)
		s.Need(d.madeOf(m.to)...)
		deleted = append(deleted, s.ID)
	}
	return r, deleted
}

// awaitSuccessors makes the deletion of a listener wait for its successors.
func (d *differ) awaitSuccessors(s *plan.Step, l *awsop.Listener, r replaced, fresh []plan.StepID) {
	s.Need(d.madeOf(r.successors)...)
	if d.replacesPorts() {
		s.Need(fresh...)
	}
	d.release(l.DefaultActions, s.ID)
	for i := range d.obs.Rules {
		rule := &d.obs.Rules[i]
		if rule.Listener.Literal == l.ARN && !slices.ContainsFunc(r.apart, func(m moved) bool { return m.rule == rule }) {
			d.release(rule.Actions, s.ID)
		}
	}
}

// madeOf returns the steps that create resources, and those that give a listener its default actions.
func (d *differ) madeOf(refs []stack.Ref) (out []plan.StepID) {
	for _, r := range refs {
		if id := d.made[r]; id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, s := range d.steps {
		if _, ok := s.Op.(awsop.ModifyListener); ok && slices.Contains(refs, s.Resource) && !slices.Contains(out, s.ID) {
			out = append(out, s.ID)
		}
	}
	return out
}

func (d *differ) deleteRule(r *awsop.Rule) *plan.Step {
	s := d.step(plan.Delete, stack.Ref{Kind: stack.KindRule, ID: r.ID, Literal: r.ARN}, plan.Normal, awsop.DeleteRule{
		Rule: stack.Literal(stack.KindRule, r.ARN)}, d.identities.Rule(r.Rule)+" is no longer wanted")
	d.release(r.Actions, s.ID)
	return s
}

// deleteMoved deletes rules whose requests new listeners serve, last to first, after the new listeners can serve and
// the listener of the rules has its final form.
func (d *differ) deleteMoved() {
	last := map[stack.Ref]plan.StepID{}
	for _, m := range slices.Backward(d.moved) {
		s := d.deleteRule(m.rule)
		s.Need(d.madeOf(append(m.to, m.listener))...)
		s.Follow(last[m.listener])
		last[m.listener] = s.ID
	}
}

// moved is an unwanted rule on the port of a listener, with the successors that its deletion waits for.
type moved struct {
	rule     *awsop.Rule
	listener stack.Ref
	to       []stack.Ref
}

// ofReplacedPorts divides rules by whether they are for ports of listeners that are not wanted, and wait for new ones.
func (d *differ) ofReplacedPorts(rules []stack.Permission) (waiting, rest []stack.Permission) {
	var ports []int32
	for i := range d.obs.Listeners {
		l := &d.obs.Listeners[i]
		if !slices.ContainsFunc(d.want.Listeners, func(w stack.Listener) bool { return w.Port == l.Port }) &&
			(d.replacesPorts() || len(d.replacement(l).successors) > 0) {
			ports = append(ports, l.Port)
		}
	}
	for _, p := range rules {
		if len(onPorts([]stack.Permission{p}, ports)) > 0 {
			waiting = append(waiting, p)
		} else {
			rest = append(rest, p)
		}
	}
	return waiting, rest
}

// closeReplaced closes the replaced ports after their successors exist.
func (d *differ) closeReplaced(fresh []plan.StepID) {
	for _, x := range d.closeLater {
		if d.replacesPorts() {
			d.revoke(x, fresh...)
			continue
		}
		for i := range d.obs.Listeners {
			l := &d.obs.Listeners[i]
			if rules := onPorts(x.rules, []int32{l.Port}); len(rules) > 0 {
				d.revoke(revocation{x.group, rules, x.grants}, d.madeOf(d.replacement(l).successors)...)
			}
		}
	}
}

// wantedDefault returns the default actions that a listener shall have.
func (d *differ) wantedDefault(r stack.Ref) []stack.Action {
	for _, l := range d.want.Listeners {
		if listenerRef(l.ID) == r {
			return l.DefaultActions
		}
	}
	return nil
}

// withheld reports whether a rule that is not wanted forwards to target groups of rules that wait for a listener which
// cannot be made now, such as one without certificate.
func (d *differ) withheld(r *awsop.Rule) bool {
	if !d.awaitsPort {
		return false
	}
	if d.unused == nil {
		d.unused = map[string]bool{}
		for _, tg := range d.want.TargetGroups {
			d.unused[d.resolve(stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID})] = true
		}
		for _, l := range d.want.Listeners {
			d.uses(l.DefaultActions)
		}
		for i := range d.want.Rules {
			d.uses(d.want.Rules[i].Actions)
		}
	}
	return slices.ContainsFunc(awsop.TargetGroupsOf(r.Actions), func(ref stack.Ref) bool { return d.unused[ref.Literal] })
}

func (d *differ) uses(as []stack.Action) {
	for _, ref := range awsop.TargetGroupsOf(as) {
		delete(d.unused, d.resolve(ref))
	}
}
