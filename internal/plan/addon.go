package plan

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Operations on what lies over load balancers.
type (
	// AssociateWebACL puts a WAFv2 web ACL before a load balancer, in place of the one that is there.
	AssociateWebACL struct {
		LoadBalancer stack.Ref
		WebACL       string // ARN
	}
	// DisassociateWebACL takes the WAFv2 web ACL away.
	DisassociateWebACL struct{ LoadBalancer stack.Ref }
	// AssociateRegionalWebACL is AssociateWebACL of WAF Classic.
	AssociateRegionalWebACL struct {
		LoadBalancer stack.Ref
		WebACL       string // id
	}
	// DisassociateRegionalWebACL is DisassociateWebACL of WAF Classic.
	DisassociateRegionalWebACL struct{ LoadBalancer stack.Ref }
	// CreateProtection has Shield Advanced protect a load balancer.
	CreateProtection struct{ LoadBalancer stack.Ref }
	// DeleteProtection ends a protection of Shield Advanced.
	DeleteProtection struct {
		LoadBalancer stack.Ref
		Protection   string // id
	}
	// ModifyCapacityReservation reserves capacity units, 0 = none; the load balancer must be active.
	ModifyCapacityReservation struct {
		LoadBalancer stack.Ref
		Units        int32
	}
	// ModifyIPPools sets the pool of public IPv4 addresses; empty = Amazon's.
	ModifyIPPools struct {
		LoadBalancer stack.Ref
		Pool         string
	}
)

// Name is the AWS action.
func (AssociateWebACL) Name() string { return "AssociateWebACL" }

// Name is the AWS action.
func (DisassociateWebACL) Name() string { return "DisassociateWebACL" }

// Name tells the AWS action AssociateWebACL of WAF Classic from that of WAFv2.
func (AssociateRegionalWebACL) Name() string { return "AssociateRegionalWebACL" }

// Name tells the AWS action DisassociateWebACL of WAF Classic from that of WAFv2.
func (DisassociateRegionalWebACL) Name() string { return "DisassociateRegionalWebACL" }

// Name is the AWS action.
func (CreateProtection) Name() string { return "CreateProtection" }

// Name is the AWS action.
func (DeleteProtection) Name() string { return "DeleteProtection" }

// Name is the AWS action.
func (ModifyCapacityReservation) Name() string { return "ModifyCapacityReservation" }

// Name is the AWS action.
func (ModifyIPPools) Name() string { return "ModifyIpPools" }

// AddOn names a part of stack.AddOns.
type AddOn string

// The add-ons.
const (
	AddOnWebACL        AddOn = "WebACL"
	AddOnClassicWebACL AddOn = "ClassicWebACL"
	AddOnShield        AddOn = "Shield"
	AddOnCapacity      AddOn = "Capacity"
)

// Changes is the load balancer whose add-on an operation changes, and which one; ok is false for other operations.
func Changes(op Op) (r stack.Ref, a AddOn, ok bool) {
	switch op := op.(type) {
	case AssociateWebACL:
		return op.LoadBalancer, AddOnWebACL, true
	case DisassociateWebACL:
		return op.LoadBalancer, AddOnWebACL, true
	case AssociateRegionalWebACL:
		return op.LoadBalancer, AddOnClassicWebACL, true
	case DisassociateRegionalWebACL:
		return op.LoadBalancer, AddOnClassicWebACL, true
	case CreateProtection:
		return op.LoadBalancer, AddOnShield, true
	case DeleteProtection:
		return op.LoadBalancer, AddOnShield, true
	case ModifyCapacityReservation:
		return op.LoadBalancer, AddOnCapacity, true
	}
	return stack.Ref{}, "", false
}

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

// webACLs: AWS refuses the web ACL of one generation while one of the other is there, so what goes, goes first.
func (d *differ) webACLs(plan func(AddOn, Op, string) StepID, r stack.Ref, was *LoadBalancer, w stack.LoadBalancer) {
	type generation struct {
		on         AddOn
		have, want *string
		what       string
		op         func(stack.Ref, string) Op
	}
	both := []generation{
		{AddOnWebACL, was.WebACL, w.WebACL, "web ACL", webACLOp},
		{AddOnClassicWebACL, was.ClassicWebACL, w.ClassicWebACL, "WAF Classic web ACL", classicWebACLOp},
	}
	if w.ClassicWebACL != nil && *w.ClassicWebACL == "" {
		slices.Reverse(both)
	}
	var first StepID
	for _, g := range both {
		if g.want == nil || g.have == nil && d.unavailable(g.on, was.Unread) == nil {
			continue
		}
		if known, now := text(g.have); !known || now != *g.want {
			id := plan(g.on, g.op(r, *g.want), change(g.what, shown(known, now), orNone(*g.want)))
			d.plan.Steps[len(d.plan.Steps)-1].follow(first)
			if *g.want == "" {
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
	return stack.AddOns{WebACL: new(string), ClassicWebACL: new(string), Shield: new(bool), Capacity: new(int32)}
}

func webACLOp(r stack.Ref, arn string) Op {
	if arn == "" {
		return DisassociateWebACL{r}
	}
	return AssociateWebACL{r, arn}
}

func classicWebACLOp(r stack.Ref, id string) Op {
	if id == "" {
		return DisassociateRegionalWebACL{r}
	}
	return AssociateRegionalWebACL{r, id}
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

// addOn is the observation after an operation on an add-on.
func (a advancer) addOn(op Op) {
	r, _, ok := Changes(op)
	if pools, is := op.(ModifyIPPools); is {
		r, ok = pools.LoadBalancer, true
	}
	if !ok {
		return
	}
	arn := a.resolve(r)
	for i := range a.o.LoadBalancers {
		lb := &a.o.LoadBalancers[i]
		if lb.ARN != arn {
			continue
		}
		switch op := op.(type) {
		case AssociateWebACL:
			lb.WebACL = &op.WebACL
		case DisassociateWebACL:
			lb.WebACL = new(string)
		case AssociateRegionalWebACL:
			lb.ClassicWebACL = &op.WebACL
		case DisassociateRegionalWebACL:
			lb.ClassicWebACL = new(string)
		case CreateProtection:
			lb.Shield, lb.Protection = ptr(true), &ShieldProtection{ID: a.out.Protection, Name: naming.ProtectionName}
		case DeleteProtection:
			lb.Shield, lb.Protection = ptr(false), nil
		case ModifyCapacityReservation:
			lb.Capacity = &op.Units
		case ModifyIPPools:
			lb.IPAMPool = op.Pool
		}
	}
}

func ptr[T any](v T) *T { return &v }
