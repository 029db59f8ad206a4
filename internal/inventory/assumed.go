package inventory

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/sorting"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// withoutAssumed is an observation without the parts that are only assumed: what a deletion of everything needs is in listings. Assumed tags
// stay: they say which resources are the stack's, and are read again before any of them is deleted (Disowned).
func withoutAssumed(obs elb.Observed) elb.Observed {
	o := obs.Clone()
	forget := func(p *elb.Parts, x elb.Part) bool {
		is := p.StateOf(x) == elb.Assumed
		if is {
			p.Set(elb.Unread, x)
		}
		return is
	}
	gone := map[string]bool{} // load balancers whose listeners, and listeners whose rules, are left out
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		lb.Set(elb.Read, elb.PartTags)
		if forget(&lb.Parts, elb.PartAttributes) {
			lb.Attributes = nil
		}
		gone[lb.ARN] = forget(&lb.Parts, elb.PartListeners)
	}
	for n := range o.TargetGroups {
		tg := &o.TargetGroups[n]
		tg.Set(elb.Read, elb.PartTags)
		if forget(&tg.Parts, elb.PartAttributes) {
			tg.Attributes = nil
		}
		if forget(&tg.Parts, elb.PartTargets) {
			tg.Targets = nil
		}
	}
	for n := range o.Listeners {
		l := &o.Listeners[n]
		if forget(&l.Parts, elb.PartAttributes) {
			l.Attributes = nil
		}
		if forget(&l.Parts, elb.PartCertificates) {
			l.SNI = nil
		}
		gone[l.ARN] = forget(&l.Parts, elb.PartRules) || gone[l.LoadBalancer.Literal]
	}
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l elb.Listener) bool { return gone[l.LoadBalancer.Literal] })
	o.Rules = slices.DeleteFunc(o.Rules, func(r elb.Rule) bool { return gone[r.Listener.Literal] })
	return o
}

// Verify makes the next Observed of a stack read what is only assumed of it.
func (i *Inventory) Verify(key stack.Key) {
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
}

func (e *entry) markTagsUncertain(p *elb.Parts, arn string) {
	if p.StateOf(elb.PartTags) == elb.Assumed {
		e.markUncertain(uncertain{kind: kindOf(arn), id: arn, tags: true})
	}
}

// Assumed lists the stacks of which parts are only assumed.
func (i *Inventory) Assumed() []stack.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []stack.Key
	for key, e := range i.stacks {
		if e.obs.Assumed() {
			out = append(out, key)
		}
	}
	sorting.By(out, stack.Key.Compare)
	return out
}
