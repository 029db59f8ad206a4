package diff

import (
	"cmp"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// addOns plans the add-ons of a load balancer. have is nil for a load balancer that will be created. Network load
// balancers have only capacity.
func (d *differ) addOns(r stack.Ref, have *awsop.LoadBalancer, w stack.LoadBalancer) {
	a, was := plan.Update, awsop.LoadBalancer{}
	if have == nil {
		a, was.AddOns = plan.Create, awsop.NoAddOns()
	} else {
		was = *have
	}
	add := func(on awsop.AddOn, op awsop.Operation, why string) *plan.Step {
		lane := plan.Cosmetic
		if awsop.Protects(op) { // without the step, requests are served unprotected
			lane = plan.Normal
		}
		s := d.step(a, r, lane, op, why)
		s.Guard = d.unavailable(on, was.Unread)
		return s
	}
	if w.Type != stack.Application {
		d.capacity(add, r, &was, w)
		return
	}
	if have != nil && have.IPAMPool != w.IPAMPool {
		d.step(a, r, plan.Cosmetic, awsop.ModifyIpPools{LoadBalancer: r, Pool: w.IPAMPool},
			change("IPAM pool", orNone(have.IPAMPool), orNone(w.IPAMPool)))
	}
	d.webACL(add, r, &was, w)
	d.capacity(add, r, &was, w)
	d.shield(add, r, &was, w)
}

func (d *differ) capacity(add func(awsop.AddOn, awsop.Operation, string) *plan.Step, r stack.Ref,
	was *awsop.LoadBalancer, w stack.LoadBalancer) {
	v := w.Capacity
	if v == nil {
		return
	}
	known, now := was.Capacity != nil, int32(0)
	if known {
		now = *was.Capacity
	}
	if known && now != *v || !known && d.unavailable(awsop.AddOnCapacity, was.Unread) != nil {
		add(awsop.AddOnCapacity, awsop.ModifyCapacityReservation{LoadBalancer: r, Units: *v},
			change("capacity units", shown(known, strconv.Itoa(int(now))), strconv.Itoa(int(*v))))
	}
}

func (d *differ) webACL(add func(awsop.AddOn, awsop.Operation, string) *plan.Step, r stack.Ref,
	was *awsop.LoadBalancer, w stack.LoadBalancer) {
	want := w.WebACL
	if want == nil || was.WebACL == nil && d.unavailable(awsop.AddOnWebACL, was.Unread) == nil {
		return
	}
	if known, now := text(was.WebACL); !known || now != *want {
		add(awsop.AddOnWebACL, awsop.SetWebACL(r, *want), change("web ACL", shown(known, now), orNone(*want)))
	}
}

// shield plans Shield Advanced. A protection that the controller did not create counts, but is never removed.
func (d *differ) shield(add func(awsop.AddOn, awsop.Operation, string) *plan.Step, r stack.Ref, was *awsop.LoadBalancer,
	w stack.LoadBalancer) {
	if w.Shield == nil || was.Shield == nil && d.unavailable(awsop.AddOnShield, was.Unread) == nil {
		return
	}
	protected := was.Shield != nil && *was.Shield
	switch {
	case *w.Shield && !protected:
		add(awsop.AddOnShield, awsop.CreateProtection{LoadBalancer: r}, "Shield Advanced protection is wanted")
	case !*w.Shield && was.Shield == nil:
		add(awsop.AddOnShield, awsop.DeleteProtection{LoadBalancer: r}, "Shield Advanced protection is not wanted")
	case !*w.Shield && protected && was.Protection.Ours():
		add(awsop.AddOnShield, awsop.DeleteProtection{LoadBalancer: r, Protection: was.Protection.ID},
			"Shield Advanced protection is not wanted")
	}
}

// endShieldProtection ends the protection of a load balancer that a step deletes, if the protection is known and
// ours: otherwise Shield keeps it.
func (d *differ) endShieldProtection(r stack.Ref, old *awsop.LoadBalancer, deleted plan.StepID) {
	if old.Protection.Ours() {
		at := stack.Literal(stack.KindLoadBalancer, old.ARN)
		d.step(plan.Delete, r, plan.Cosmetic, awsop.DeleteProtection{LoadBalancer: at, Protection: old.Protection.ID},
			"the protected load balancer is deleted").Need(deleted)
	}
}

func (d *differ) unavailable(a awsop.AddOn, unread map[awsop.AddOn]plan.Guard) *plan.Guard {
	for _, m := range []map[awsop.AddOn]plan.Guard{unread, d.obs.Unavailable} {
		if g, ok := m[a]; ok {
			return &g
		}
	}
	return nil
}

func text(p *string) (known bool, v string) {
	if p == nil {
		return false, ""
	}
	return true, *p
}

func shown(known bool, v string) string {
	if !known {
		return "unknown"
	}
	return orNone(v)
}

func orNone(v string) string { return cmp.Or(v, "none") }
