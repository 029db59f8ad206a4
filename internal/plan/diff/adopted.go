package diff

import (
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// An adopted load balancer has listeners and rules of its former owner. The stack wants none of them; policies decide
// which of them are deleted, and when.

// adopted reports whether an observed listener is on the adopted load balancer.
func (d *differ) adopted(l *awsop.Listener) bool {
	return d.want.Adopts != "" && l.LoadBalancer.Literal == d.want.Adopts
}

// takeOver gives an adopted load balancer the stack's tags, before any other step, and returns it with these tags.
func (d *differ) takeOver(have *awsop.LoadBalancer, w stack.LoadBalancer) *awsop.LoadBalancer {
	if have.ARN != d.want.Adopts || d.own(have.Tags) {
		return have
	}
	set, taken := map[string]string{}, *have
	taken.Tags = map[string]string{}
	for k, v := range have.Tags {
		taken.Tags[k] = v
	}
	for _, k := range naming.OwnTags(d.plan.Key.Owner) {
		if v, ok := w.Tags[k]; ok {
			set[k], taken.Tags[k] = v, v
		}
	}
	d.taken = d.step(plan.Update, loadBalancerRef(w.ID), plan.Vital, awsop.AddTags{Resource: loadBalancerRef(w.ID),
		Tags: set}, have.Name+" is taken over").ID
	return &taken
}

// awaitTakeover makes the steps on an adopted load balancer wait for its tags: without them, the controller would not
// find it again.
func (d *differ) awaitTakeover() {
	after := false
	for _, s := range d.steps {
		switch s.Resource.Kind {
		case stack.KindLoadBalancer, stack.KindListener, stack.KindRule:
			if after {
				s.Need(d.taken)
			}
		case stack.KindSecurityGroup, stack.KindTargetGroup, stack.KindBinding, stack.KindCertificate, stack.KindTrustStore:
		}
		after = after || d.taken != "" && s.ID == d.taken
	}
}

// withTags returns an adopted listener with known tags: if none were read, it has none.
func (d *differ) withTags(l *awsop.Listener) *awsop.Listener {
	if !d.adopted(l) || l.Tags != nil {
		return l
	}
	out := *l
	out.Tags = map[string]string{}
	return &out
}

// deleteForeignRules plans the deletion of the former owner's rules on an adopted listener, after the stack's rules
// exist. from is the first step that may create one.
func (d *differ) deleteForeignRules(l *awsop.Listener, from int) {
	if !d.adopted(l) || d.keep.Settings {
		return
	}
	var made []plan.StepID
	for _, s := range d.steps[from:] {
		if _, creates := s.Op.(awsop.CreateRule); creates {
			made = append(made, s.ID)
		}
	}
	for i := range d.obs.Rules {
		r := &d.obs.Rules[i]
		if r.Listener.Literal != l.ARN || d.own(r.Tags) || !d.mayDelete(r.ARN) {
			continue
		}
		s := d.step(plan.Delete, stack.Literal(stack.KindRule, r.ARN), plan.Normal, awsop.DeleteRule{
			Rule: stack.Literal(stack.KindRule, r.ARN)}, d.identities.Rule(r.Rule)+" is not declared")
		s.Need(made...)
		d.release(r.Actions, s.ID)
	}
}
