package plan

import (
	"fmt"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// holds reports whether an observed target group has a load balancer as its target, and at which port. One whose targets
// were never read may have: taking out what is not there is no error.
func (tg *TargetGroup) holds(balancer string) (port int32, ok bool) {
	if tg.TargetType != stack.TargetALB {
		return 0, false
	}
	if tg.Targets == nil {
		return tg.Port, true
	}
	for _, t := range tg.Targets {
		if t.ID == balancer {
			return t.Port, true
		}
	}
	return 0, false
}

// reaches reports whether a target group leads, or can lead, to a port of a load balancer: its own port must be that port,
// unless AWS admitted a target at the other one before.
func (tg *TargetGroup) reaches(port int32) bool {
	if tg.Port == port {
		return true
	}
	for _, t := range tg.Targets {
		if t.Port == port {
			return true
		}
	}
	return false
}

// letGo plans that target groups lose a load balancer as their target, at one port or at any (0): AWS refuses to delete what
// is a target. With a successor, that one must be active first.
func (d *differ) letGo(balancer string, port int32, successor *stack.Ref, why string) []StepID {
	var out []StepID
	for i := range d.obs.TargetGroups {
		tg := &d.obs.TargetGroups[i]
		if at, ok := tg.holds(balancer); ok && (port == 0 || port == at) {
			out = append(out, d.deregister(tg, Target{ID: balancer, Port: at}, successor, why))
		}
	}
	return out
}

// deregister plans that a target group loses one load balancer, once. What no frontend uses any more is let go after the
// frontend has turned away from it.
func (d *differ) deregister(tg *TargetGroup, t Target, successor *stack.Ref, why string) StepID {
	key := tg.ARN + " " + t.ID + " " + strconv.Itoa(int(t.Port))
	if id, planned := d.deregistered[key]; planned {
		return id
	}
	r := stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID, Literal: tg.ARN}
	op := DeregisterLoadBalancer{
		TargetGroup: stack.Literal(stack.KindTargetGroup, tg.ARN), LoadBalancer: stack.Literal(stack.KindLoadBalancer, t.ID), Port: t.Port, Successor: successor,
	}
	s := d.step(Update, r, Normal, op, why)
	s.need(d.deletedFrontends...)
	s.need(d.plan.HandOver...)
	s.follow(d.releases[tg.ARN]...)
	d.deregistered[key] = s.ID
	return s.ID
}

// registrations plans that load balancers become the targets of the groups that are wanted to lead to them.
func (d *differ) registrations() {
	for _, w := range d.want.TargetGroups {
		if w.Balancer == (stack.Ref{}) {
			continue
		}
		r := targetGroupRef(w.ID)
		arn := d.resolve(w.Balancer)
		var former []StepID
		registered := false
		if have := d.targets[w.ID]; have != nil {
			if d.kept[have.ARN] {
				continue
			}
			for _, t := range have.Targets {
				if t.ID == arn && t.Port == w.Port {
					registered = true
					continue
				}
				former = append(former, d.deregister(have, t, &w.Balancer, fmt.Sprintf("port %d of %s takes over", w.Port, w.Balancer.ID)))
			}
		}
		if registered {
			continue
		}
		s := d.step(Update, r, Vital, RegisterLoadBalancer{r, w.Balancer, w.Port}, fmt.Sprintf("to port %d of %s", w.Port, w.Balancer.ID))
		s.need(d.made[listenerRef(strconv.Itoa(int(w.Port)))])
		s.need(former...)
		d.registered[r] = s.ID
	}
}

// needRegistered makes a step wait until the target groups that it puts to use have their load balancer.
func (d *differ) needRegistered(s *Step, as []stack.Action) {
	for _, ref := range actionRefs(as) {
		s.need(d.registered[ref])
	}
}

// deleteFrontends deletes the load balancers that stand in front of others and are not wanted any more, before those.
func (d *differ) deleteFrontends() {
	for _, old := range d.oldBalancers {
		if old.ID == stack.FrontendIdentity && d.successor(old) == nil {
			d.deletedFrontends = append(d.deletedFrontends, d.deleteLoadBalancer(old, nil))
		}
	}
}
