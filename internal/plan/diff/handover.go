package diff

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// A load balancer of another type or scheme replaces one whose name clients know. In AWS, a target group belongs to
// one load balancer at a time, so the successor gets its own target groups. Both load balancers serve until the
// successor is ready, and then until no member shows the name of the former one. A later plan deletes the former one
// with its target groups.

// relieve keeps the old load balancers that members still show, with all their parts.
func (d *differ) relieve() {
	if d.want.Removal != stack.NotRemoved {
		return
	}
	for _, old := range d.oldBalancers {
		w := d.successor(old)
		if w == nil || old.ID == stack.FrontendIdentity || old.Type == w.Type && old.Scheme == w.Scheme ||
			d.stays(old) != nil {
			continue
		}
		until := d.keptUntil(old)
		if !d.obs.Shown(old) && until.IsZero() {
			continue
		}
		if d.balancers[w.ID] == nil && old.Name == w.Name { // names are unique in AWS: the old one is deleted first
			continue
		}
		used, serves := d.usedBy(old.ARN)
		// a target group of others must move to the successor
		if !serves || slices.ContainsFunc(d.forwardsOf(*w), func(r stack.Ref) bool { return used[r.Literal] }) {
			continue
		}
		d.relieved[w.ID] = old
		if !d.obs.Shown(old) {
			d.later[old.ARN] = until
		}
		for arn := range used {
			d.outgoing[arn] = true
		}
		d.keepResources([]stack.Ref{stack.Literal(stack.KindLoadBalancer, old.ARN)})
		d.departFrom(old)
	}
}

// usedBy returns the target groups, by ARN, to which an observed load balancer forwards, and whether it has
// listeners.
func (d *differ) usedBy(balancer string) (used map[string]bool, serves bool) {
	used = map[string]bool{}
	for l, as := range d.obs.Actions() {
		if l.LoadBalancer.Literal == balancer {
			serves = true
			for _, r := range awsop.TargetGroupsOf(as) {
				used[r.Literal] = true
			}
		}
	}
	return used, serves
}

// forwardsOf returns the target groups to which a wanted load balancer shall forward, each once.
func (d *differ) forwardsOf(w stack.LoadBalancer) []stack.Ref {
	var out []stack.Ref
	note := func(as []stack.Action) {
		for _, r := range awsop.TargetGroupsOf(as) {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	listeners := map[stack.Ref]bool{}
	for _, l := range d.want.Listeners {
		if l.LoadBalancer == loadBalancerRef(w.ID) {
			listeners[listenerRef(l.ID)] = true
			note(l.DefaultActions)
		}
	}
	for _, r := range d.want.Rules {
		if listeners[r.Listener] {
			note(r.Actions)
		}
	}
	return out
}

// handOver plans the conditions for members to show a load balancer that relieves another: its listeners and rules,
// which are the steps from the given one on; it is active; and its targets can serve. If a member shows it already,
// they have been met before.
func (d *differ) handOver(w stack.LoadBalancer, from int) {
	arriving := d.opt.Arriving && w.ID == stack.LoadBalancerIdentity
	if d.relieved[w.ID] == nil && !arriving {
		return
	}
	for _, s := range d.steps[from:] {
		if s.Lane == plan.Vital {
			d.plan.HandOver = append(d.plan.HandOver, s.ID)
		}
	}
	if have := d.balancers[w.ID]; have != nil && d.obs.Shown(have) && !arriving {
		return
	}
	before := "hosts move to this load balancer"
	if old := d.relieved[w.ID]; old != nil {
		before = old.Name + " is relieved"
	}
	made, r := slices.Clone(d.plan.HandOver), loadBalancerRef(w.ID)
	for _, tg := range d.forwardsOf(w) {
		s := d.step(plan.Await, tg, plan.Vital, awsop.AwaitTargets{TargetGroup: tg, Balancer: &r},
			"targets of "+d.identities.Of(tg)+" to become healthy, before "+before)
		s.Need(made...)
		d.plan.HandOver = append(d.plan.HandOver, s.ID)
	}
}

// replaced reports whether another target group has replaced one that no listener uses, or will use. A binding of the
// stack, its name or a tag distinguishes it from a duplicate: the controller binds only groups that serve or served.
// The name of a successor follows from that of the former group; for a declared name, a tag of the successor has the
// former name, unless the object was deleted and created again meanwhile.
func (d *differ) replaced(tg, by *awsop.TargetGroup) bool {
	use, marked := d.tgUse[tg.ARN], tg.Tags[naming.ReplacesTag] != "" || by.Tags[naming.ReplacesTag] == tg.Name
	switch {
	// a rule may warm it up before it is bound
	case len(d.frees[tg.ARN]) > 0, use == bound, use == usedByKept && (marked || d.hasBinding(tg)):
		return true
	case use < bound:
		return false
	}
	return naming.Successor(tg.Name, by.Port) == by.Name || naming.Successor(by.Name, tg.Port) == tg.Name || marked
}
