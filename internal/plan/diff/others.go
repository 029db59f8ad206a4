package diff

import (
	"strconv"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

// A load balancer of others has listeners and rules of several owners. There, resources without tags never belong to
// the stack, even in a cluster that does not tag listeners and rules.

// own reports whether tags are the stack's.
func (d *differ) own(tags map[string]string) bool {
	return tags[naming.ClusterTag] == d.want.Cluster && tags[naming.StackTag(d.plan.Key.Owner)] == d.plan.Key.ID.String()
}

// others reports whether an observed listener belongs to others, on a load balancer of others.
func (d *differ) others(l *awsop.Listener) bool {
	return d.beside[l.LoadBalancer.Literal] && !d.own(l.Tags)
}

// joins reports whether rules of the stack are wanted on a listener of others.
func (d *differ) joins(l *awsop.Listener) bool {
	for _, w := range d.want.Listeners {
		if w.Joined && w.Port == l.Port && w.Protocol == l.Protocol && d.resolve(w.LoadBalancer) == l.LoadBalancer.Literal {
			return true
		}
	}
	return false
}

// joinListener plans the stack's rules on a listener of others, and nothing else of it. If such a listener has
// appeared on the port of one of the stack's own listeners since the compilation, it gets no rules.
func (d *differ) joinListener(have *awsop.Listener, w stack.Listener, rules []stack.Rule) {
	if !d.joins(have) || !d.application(w.LoadBalancer) {
		return
	}
	r := listenerRef(w.ID)
	d.known[r] = have.ARN
	in := transition.Input{Listener: r, Application: true, Default: have.DefaultActions}
	d.planBatches(d.transition(in, have, rules), map[transition.ID]plan.StepID{}, nil, nil)
}

// leaveOthers plans the deletion of the stack's unwanted listeners and rules on load balancers of others: its
// listeners on load balancers that it does not want, and its rules on listeners that it does not join. Resources that
// replace them wait for their target groups.
func (d *differ) leaveOthers() {
	wanted := map[string]bool{}
	for _, w := range d.want.LoadBalancers {
		if w.ARN != "" {
			wanted[w.ARN] = true
		}
	}
	for i := range d.obs.Listeners {
		l := &d.obs.Listeners[i]
		if !d.beside[l.LoadBalancer.Literal] {
			continue
		}
		if !d.others(l) {
			if wanted[l.LoadBalancer.Literal] || !d.mayDelete(l.ARN) { // see listeners
				continue
			}
			r := stack.Ref{Kind: stack.KindListener, ID: l.ID, Literal: l.ARN}
			s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteListener{Listener: stack.Literal(stack.KindListener, l.ARN)},
				"port "+strconv.Itoa(int(l.Port))+" is no longer wanted")
			for at, as := range d.obs.Actions() {
				if at.ARN == l.ARN {
					d.free(as, s.ID)
				}
			}
			continue
		}
		if d.joins(l) {
			continue
		}
		for k := range d.obs.Rules {
			if rule := &d.obs.Rules[k]; rule.Listener.Literal == l.ARN && d.own(rule.Tags) && d.mayDelete(rule.ARN) {
				r := stack.Ref{Kind: stack.KindRule, ID: rule.ID, Literal: rule.ARN}
				s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteRule{Rule: stack.Literal(stack.KindRule, rule.ARN)},
					d.identities.Rule(rule.Rule)+" is no longer wanted")
				d.free(rule.Actions, s.ID)
			}
		}
	}
}
