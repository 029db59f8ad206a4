package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// letGo plans that target groups lose a load balancer as their target, at one port or at any (0): AWS does not delete
// a load balancer that is a target. If there is a successor, it must be active first.
func (d *differ) letGo(balancer string, port int32, successor *stack.Ref, why string) []plan.StepID {
	var out []plan.StepID
	for i := range d.obs.TargetGroups {
		tg := &d.obs.TargetGroups[i]
		if at, ok := tg.Contains(balancer); ok && (port == 0 || port == at) {
			out = append(out, d.deregister(tg, awsop.Target{ID: balancer, Port: at}, successor, why))
		}
	}
	return out
}

// deregister plans, once, that a target group loses a load balancer. If no frontend will use the group any longer, the
// frontend first stops forwarding to it.
func (d *differ) deregister(tg *awsop.TargetGroup, t awsop.Target, successor *stack.Ref, why string) plan.StepID {
	key := tg.ARN + " " + t.ID + " " + strconv.Itoa(int(t.Port))
	if id, planned := d.deregistered[key]; planned {
		return id
	}
	r := stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID, Literal: tg.ARN}
	op := awsop.DeregisterLoadBalancer{
		TargetGroup: stack.Literal(stack.KindTargetGroup, tg.ARN), LoadBalancer: stack.Literal(stack.KindLoadBalancer, t.ID),
		Port: t.Port, Successor: successor,
	}
	s := d.step(plan.Update, r, plan.Normal, op, why)
	s.Need(d.deletedFrontends...)
	s.Need(d.plan.HandOver...)
	s.Follow(d.releases[tg.ARN]...)
	d.deregistered[key] = s.ID
	return s.ID
}

// registrations plans that load balancers become the targets of their wanted target groups.
func (d *differ) registrations() {
	for i := range d.want.TargetGroups {
		w := &d.want.TargetGroups[i]
		if w.Balancer == (stack.Ref{}) {
			continue
		}
		r := targetGroupRef(w.ID)
		arn := d.resolve(w.Balancer)
		var former []plan.StepID
		registered := false
		successor := &w.Balancer
		if w.Balancer.ID == "" { // a load balancer of another stack, which creates it
			successor = nil
		}
		if have := d.targets[w.ID]; have != nil {
			if d.kept[have.ARN] {
				continue
			}
			for _, t := range have.Targets {
				if t.ID == arn && t.Port == w.Port {
					registered = true
					continue
				}
				former = append(former, d.deregister(have, t, successor, fmt.Sprintf("port %d of %s takes over", w.Port,
					cmp.Or(w.Balancer.ID, w.Balancer.Literal))))
			}
		}
		if registered {
			continue
		}
		s := d.step(plan.Update, r, plan.Vital, awsop.RegisterLoadBalancer{TargetGroup: r, LoadBalancer: w.Balancer,
			Port: w.Port}, fmt.Sprintf("to port %d of %s", w.Port, cmp.Or(w.Balancer.ID, w.Balancer.Literal)))
		if successor != nil {
			s.Need(d.made[listenerRef(strconv.Itoa(int(w.Port)))])
		}
		s.Need(former...)
		d.registered[r] = s.ID
	}
}

// needRegistered makes a step wait until the target groups that it uses have their load balancer as target.
func (d *differ) needRegistered(s *plan.Step, as []stack.Action) {
	for _, ref := range awsop.TargetGroupsOf(as) {
		if id := d.registered[ref]; d.ofAnother(ref) {
			s.Follow(id) // the other targets of a forward do not wait until another stack's load balancer can be registered
		} else {
			s.Need(id)
		}
	}
}

// ofAnother reports whether the target of a target group is the load balancer of another stack.
func (d *differ) ofAnother(group stack.Ref) bool {
	return slices.ContainsFunc(d.want.TargetGroups, func(w stack.TargetGroup) bool {
		return w.Balancer.Literal != "" && targetGroupRef(w.ID) == group
	})
}

// deleteFrontends deletes unwanted frontends, before the load balancers behind them.
func (d *differ) deleteFrontends() {
	for _, old := range d.oldBalancers {
		if old.ID == stack.FrontendIdentity && d.successor(old) == nil {
			d.deletedFrontends = append(d.deletedFrontends, d.deleteLoadBalancer(old, nil))
		}
	}
}
