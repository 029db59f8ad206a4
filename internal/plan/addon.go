package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ShieldProtection is an observed protection of Shield Advanced.
type ShieldProtection struct{ ID, Name string }

// ours reports whether the controller made the protection.
func (p *ShieldProtection) ours() bool { return p != nil && naming.OurProtection(p.Name) }

// addOns plans the add-ons of a load balancer; have is nil for one that is to be created, which has none.
func (d *differ) addOns(r stack.Ref, have *LoadBalancer, w stack.LoadBalancer) {
	if w.Type != stack.Application {
		return
	}
	a, was := Update, LoadBalancer{}
	if have == nil {
		a, was.AddOns = Create, noAddOns()
	} else {
		was = *have
	}
	if have != nil && have.IPAMPool != w.IPAMPool {
		d.step(a, r, Cosmetic, ModifyIPPools{r, w.IPAMPool}, change("IPAM pool", orNone(have.IPAMPool), orNone(w.IPAMPool)))
	}
	plan := func(on AddOn, op Op, why string) StepID {
		s := d.step(a, r, Cosmetic, op, why)
		s.Guard = d.unavailable(on, was.Unread)
		return s.ID
	}
	d.webACLs(plan, r, &was, w)
	if v := w.Capacity; v != nil {
		known, now := was.Capacity != nil, int32(0)
		if known {
			now = *was.Capacity
		}
		if known && now != *v || !known && d.unavailable(AddOnCapacity, was.Unread) != nil {
			plan(AddOnCapacity, ModifyCapacityReservation{r, *v}, change("capacity units", shown(known, strconv.Itoa(int(now))), strconv.Itoa(int(*v))))
		}
	}
	d.shield(plan, r, &was, w)
}

// firewall is a generation of AWS WAF: it knows nothing of the web ACLs of another one.
type firewall struct {
	on   AddOn
	what string
	of   func(*stack.AddOns) **string // its part of the add-ons
	op   func(stack.Ref, string) Op   // of a web ACL; "" = none
}

// firewalls are the generations of AWS WAF, the present one first.
var firewalls = []firewall{
	{AddOnWebACL, "web ACL", func(a *stack.AddOns) **string { return &a.WebACL }, webACLOp},
	wafClassic, // decision 16: WAF Classic
}

// webACLs: AWS refuses the web ACL of one generation while one of another is there, so what goes, goes first.
func (d *differ) webACLs(plan func(AddOn, Op, string) StepID, r stack.Ref, was *LoadBalancer, w stack.LoadBalancer) {
	order := slices.Clone(firewalls)
	if oldest := *firewalls[len(firewalls)-1].of(&w.AddOns); oldest != nil && *oldest == "" {
		slices.Reverse(order)
	}
	var first StepID
	for _, f := range order {
		have, want := *f.of(&was.AddOns), *f.of(&w.AddOns)
		if want == nil || have == nil && d.unavailable(f.on, was.Unread) == nil {
			continue
		}
		if known, now := text(have); !known || now != *want {
			id := plan(f.on, f.op(r, *want), change(f.what, shown(known, now), orNone(*want)))
			d.plan.Steps[len(d.plan.Steps)-1].follow(first)
			if *want == "" {
				first = id
			}
		}
	}
}

// shield: a protection that somebody else made counts, but is never taken away.
func (d *differ) shield(plan func(AddOn, Op, string) StepID, r stack.Ref, was *LoadBalancer, w stack.LoadBalancer) {
	if w.Shield == nil || was.Shield == nil && d.unavailable(AddOnShield, was.Unread) == nil {
		return
	}
	protected := was.Shield != nil && *was.Shield
	switch {
	case *w.Shield && !protected:
		plan(AddOnShield, CreateProtection{r}, "Shield Advanced protection is wanted")
	case !*w.Shield && was.Shield == nil:
		plan(AddOnShield, DeleteProtection{LoadBalancer: r}, "Shield Advanced protection is not wanted")
	case !*w.Shield && protected && was.Protection.ours():
		plan(AddOnShield, DeleteProtection{r, was.Protection.ID}, "Shield Advanced protection is not wanted")
	}
}

// unprotect ends the protection, if it is known and ours, of a load balancer that a step deletes: Shield keeps it otherwise.
func (d *differ) unprotect(r stack.Ref, old *LoadBalancer, deleted StepID) {
	if old.Protection.ours() {
		at := stack.Literal(stack.KindLoadBalancer, old.ARN)
		d.step(Delete, r, Cosmetic, DeleteProtection{at, old.Protection.ID}, "the protected load balancer is deleted").need(deleted)
	}
}

func (d *differ) unavailable(a AddOn, unread map[AddOn]Guard) *Guard {
	for _, m := range []map[AddOn]Guard{unread, d.obs.Unavailable} {
		if g, ok := m[a]; ok {
			return &g
		}
	}
	return nil
}

// noAddOns is what a new load balancer has.
func noAddOns() stack.AddOns {
	out := stack.AddOns{Shield: new(bool), Capacity: new(int32)}
	for _, f := range firewalls {
		*f.of(&out) = new(string)
	}
	return out
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

func orNone(v string) string { return or(v, "none") }

func change(what, from, to string) string { return fmt.Sprintf("%s %s → %s", what, from, to) }

func ptr[T any](v T) *T { return &v }
