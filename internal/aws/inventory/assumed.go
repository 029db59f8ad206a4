package inventory

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// withoutAssumed returns an observation without the parts that are only assumed, for a plan that deletes everything:
// listings show all that such a plan needs. Assumed tags stay: they say which resources are the stack's, and are read
// again before a resource is deleted (ConfirmOwnership).
func withoutAssumed(obs awsop.Observed) awsop.Observed {
	o := obs.Clone()
	forget := func(p *awsop.Parts, x awsop.Part) bool {
		is := p.StateOf(x) == awsop.Assumed
		if is {
			p.Set(awsop.Unread, x)
		}
		return is
	}
	gone := map[string]bool{} // load balancers whose listeners, and listeners whose rules, are left out
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		lb.Set(awsop.Read, awsop.PartTags)
		if forget(&lb.Parts, awsop.PartAttributes) {
			lb.Attributes = nil
		}
		gone[lb.ARN] = forget(&lb.Parts, awsop.PartListeners)
	}
	for n := range o.TargetGroups {
		tg := &o.TargetGroups[n]
		tg.Set(awsop.Read, awsop.PartTags)
		if forget(&tg.Parts, awsop.PartAttributes) {
			tg.Attributes = nil
		}
		if forget(&tg.Parts, awsop.PartTargets) {
			tg.Targets = nil
		}
	}
	for n := range o.Listeners {
		l := &o.Listeners[n]
		if forget(&l.Parts, awsop.PartAttributes) {
			l.Attributes = nil
		}
		if forget(&l.Parts, awsop.PartCertificates) {
			l.SNI = nil
		}
		gone[l.ARN] = forget(&l.Parts, awsop.PartRules) || gone[l.LoadBalancer.Literal]
	}
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l awsop.Listener) bool { return gone[l.LoadBalancer.Literal] })
	o.Rules = slices.DeleteFunc(o.Rules, func(r awsop.Rule) bool { return gone[r.Listener.Literal] })
	return o
}

// RereadAssumed makes the next Observed of a stack read its assumed parts.
func (i *Inventory) RereadAssumed(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		return
	}
	for n := range e.obs.LoadBalancers {
		e.markTagsUncertain(&e.obs.LoadBalancers[n].Parts, e.obs.LoadBalancers[n].ARN)
	}
	for n := range e.obs.TargetGroups {
		e.markTagsUncertain(&e.obs.TargetGroups[n].Parts, e.obs.TargetGroups[n].ARN)
	}
	e.obs = withoutAssumed(e.obs)
	i.recount(key)
}

func (e *entry) markTagsUncertain(p *awsop.Parts, arn string) {
	if p.StateOf(awsop.PartTags) == awsop.Assumed {
		e.markUncertain(uncertain{kind: kindOf(arn), id: arn, tags: true})
	}
}

// Assumed lists the stacks with assumed parts.
func (i *Inventory) Assumed() []stack.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []stack.Key
	for key, e := range i.stacks {
		if e.obs.Assumed() {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, stack.Key.Compare)
	return out
}
