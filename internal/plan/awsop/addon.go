package awsop

import (
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// AddOn names a part of stack.AddOns.
type AddOn string

// The add-ons.
const (
	AddOnWebACL   AddOn = "WebACL"
	AddOnShield   AddOn = "Shield"
	AddOnCapacity AddOn = "Capacity"
)

// addOnOperation is an operation on an add-on of a load balancer.
type addOnOperation interface {
	Operation
	// show shows in an observation of the load balancer what the operation has made of the add-on.
	show(lb *LoadBalancer, out Output)
}

// onAddOn is the effect of an operation on an add-on.
func onAddOn(lb stack.Ref, a AddOn) Effect {
	return Effect{Kind: stack.KindLoadBalancer, Verb: Changes, Resource: lb, AddOn: a}
}

func (a advancer) addOn(op addOnOperation) {
	a.loadBalancer(op.effect().Resource, func(lb *LoadBalancer) { op.show(lb, a.out) })
}

// addOnRefs and addOnTraits are those of every operation on an add-on.
func addOnRefs(op addOnOperation) []stack.Ref { return []stack.Ref{op.effect().Resource} }
func addOnTraits(op addOnOperation) plan.Traits {
	return plan.Traits{Setting: string(op.effect().AddOn)}
}

// AssociateWebACL puts a WAFv2 web ACL before a load balancer, in place of the one that is there.
type AssociateWebACL struct {
	LoadBalancer stack.Ref
	WebACL       string // ARN
}

func (o AssociateWebACL) Refs() []stack.Ref               { return addOnRefs(o) }
func (o AssociateWebACL) Traits() plan.Traits             { return addOnTraits(o) }
func (o AssociateWebACL) Send(s Sender)                   { s.AssociateWebACL(o) }
func (o AssociateWebACL) advance(a advancer)              { a.addOn(o) }
func (o AssociateWebACL) effect() Effect                  { return onAddOn(o.LoadBalancer, AddOnWebACL) }
func (o AssociateWebACL) show(lb *LoadBalancer, _ Output) { lb.WebACL = &o.WebACL }

// DisassociateWebACL takes the WAFv2 web ACL away.
type DisassociateWebACL struct{ LoadBalancer stack.Ref }

func (o DisassociateWebACL) Refs() []stack.Ref             { return addOnRefs(o) }
func (o DisassociateWebACL) Traits() plan.Traits           { return addOnTraits(o) }
func (o DisassociateWebACL) Send(s Sender)                 { s.DisassociateWebACL(o) }
func (o DisassociateWebACL) advance(a advancer)            { a.addOn(o) }
func (o DisassociateWebACL) effect() Effect                { return onAddOn(o.LoadBalancer, AddOnWebACL) }
func (DisassociateWebACL) show(lb *LoadBalancer, _ Output) { lb.WebACL = new(string) }

// CreateProtection has Shield Advanced protect a load balancer.
type CreateProtection struct{ LoadBalancer stack.Ref }

func (o CreateProtection) Refs() []stack.Ref   { return addOnRefs(o) }
func (o CreateProtection) Traits() plan.Traits { return addOnTraits(o) }
func (o CreateProtection) Send(s Sender)       { s.CreateProtection(o) }
func (o CreateProtection) advance(a advancer)  { a.addOn(o) }
func (o CreateProtection) effect() Effect      { return onAddOn(o.LoadBalancer, AddOnShield) }
func (CreateProtection) show(lb *LoadBalancer, out Output) {
	lb.Shield, lb.Protection = new(true), &ShieldProtection{ID: out.Protection, Name: naming.ProtectionName}
}

// DeleteProtection ends a protection of Shield Advanced.
type DeleteProtection struct {
	LoadBalancer stack.Ref
	Protection   string // id
}

func (o DeleteProtection) Refs() []stack.Ref { return addOnRefs(o) }
func (o DeleteProtection) Traits() plan.Traits {
	t := addOnTraits(o)
	t.Removes = true
	return t
}
func (o DeleteProtection) Send(s Sender)      { s.DeleteProtection(o) }
func (o DeleteProtection) advance(a advancer) { a.addOn(o) }
func (o DeleteProtection) effect() Effect     { return onAddOn(o.LoadBalancer, AddOnShield) }
func (DeleteProtection) show(lb *LoadBalancer, _ Output) {
	lb.Shield, lb.Protection = new(false), nil
}

// ModifyCapacityReservation reserves capacity units, 0 = none; the load balancer must be active.
type ModifyCapacityReservation struct {
	LoadBalancer stack.Ref
	Units        int32
}

func (o ModifyCapacityReservation) Refs() []stack.Ref               { return addOnRefs(o) }
func (o ModifyCapacityReservation) Traits() plan.Traits             { return addOnTraits(o) }
func (o ModifyCapacityReservation) Send(s Sender)                   { s.ModifyCapacityReservation(o) }
func (o ModifyCapacityReservation) advance(a advancer)              { a.addOn(o) }
func (o ModifyCapacityReservation) effect() Effect                  { return onAddOn(o.LoadBalancer, AddOnCapacity) }
func (o ModifyCapacityReservation) show(lb *LoadBalancer, _ Output) { lb.Capacity = &o.Units }

// Firewall is a generation of AWS WAF; each has web ACLs of its own.
type Firewall struct {
	On   AddOn
	What string
	Of   func(*stack.AddOns) **string      // its part of the add-ons
	Op   func(stack.Ref, string) Operation // of a web ACL; "" = none
}

// Firewalls are the generations of AWS WAF, the present one first.
var Firewalls = []Firewall{
	{AddOnWebACL, "web ACL", func(a *stack.AddOns) **string { return &a.WebACL }, webACLOp},
}

func webACLOp(r stack.Ref, arn string) Operation {
	if arn == "" {
		return DisassociateWebACL{r}
	}
	return AssociateWebACL{r, arn}
}

// NoAddOns is what a new load balancer has.
func NoAddOns() stack.AddOns {
	out := stack.AddOns{Shield: new(bool), Capacity: new(int32)}
	for _, f := range Firewalls {
		*f.Of(&out) = new(string)
	}
	return out
}

// Protects reports whether an operation gives a load balancer something that protects it.
func Protects(op plan.Operation) bool {
	switch op := op.(type) {
	case AssociateWebACL, CreateProtection:
		return true
	case ModifyLoadBalancerAttributes:
		for key, value := range op.Attributes {
			if constraint.Guards(key, value) {
				return true
			}
		}
	}
	return false
}
