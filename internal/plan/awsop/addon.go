package awsop

import (
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// AddOn names a part of stack.AddOns.
type AddOn = plan.AddOn

// The add-ons.
const (
	AddOnWebACL   AddOn = "WebACL"
	AddOnShield   AddOn = "Shield"
	AddOnCapacity AddOn = "Capacity"
)

// onAddOn is about an operation on an add-on.
func onAddOn(lb stack.Ref, on AddOn) about {
	a := effect(stack.KindLoadBalancer, plan.Changes, lb)
	a.AddOn, a.Setting = on, string(on)
	return a
}

// AssociateWebACL puts a WAFv2 web ACL before a load balancer, in place of the one that is there.
type AssociateWebACL struct {
	LoadBalancer stack.Ref
	WebACL       string // ARN
}

func (o AssociateWebACL) About() *plan.About { return onAddOn(o.LoadBalancer, AddOnWebACL).About }
func (o AssociateWebACL) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.WebACL = &o.WebACL })
}

// DisassociateWebACL takes the WAFv2 web ACL away.
type DisassociateWebACL struct{ LoadBalancer stack.Ref }

func (o DisassociateWebACL) About() *plan.About { return onAddOn(o.LoadBalancer, AddOnWebACL).About }
func (o DisassociateWebACL) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.WebACL = new(string) })
}

// CreateProtection has Shield Advanced protect a load balancer.
type CreateProtection struct{ LoadBalancer stack.Ref }

func (o CreateProtection) About() *plan.About { return onAddOn(o.LoadBalancer, AddOnShield).About }
func (o CreateProtection) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) {
		lb.Shield, lb.Protection = new(true), &ShieldProtection{ID: a.out.Protection, Name: naming.ProtectionName}
	})
}

// DeleteProtection ends a protection of Shield Advanced.
type DeleteProtection struct {
	LoadBalancer stack.Ref
	Protection   string // id
}

func (o DeleteProtection) About() *plan.About {
	return onAddOn(o.LoadBalancer, AddOnShield).removes().About
}
func (o DeleteProtection) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.Shield, lb.Protection = new(false), nil })
}

// ModifyCapacityReservation reserves capacity units, 0 = none; the load balancer must be active.
type ModifyCapacityReservation struct {
	LoadBalancer stack.Ref
	Units        int32
}

func (o ModifyCapacityReservation) About() *plan.About {
	return onAddOn(o.LoadBalancer, AddOnCapacity).About
}
func (o ModifyCapacityReservation) advance(a *advancer) {
	a.loadBalancer(o.LoadBalancer, func(lb *LoadBalancer) { lb.Capacity = &o.Units })
}

// SetWebACL returns the operation after which a load balancer has the web ACL of an ARN, or none if it is empty.
func SetWebACL(r stack.Ref, arn string) Operation {
	if arn == "" {
		return DisassociateWebACL{r}
	}
	return AssociateWebACL{r, arn}
}

// NoAddOns returns what a new load balancer has.
func NoAddOns() stack.AddOns {
	return stack.AddOns{WebACL: new(string), Shield: new(bool), Capacity: new(int32)}
}

// Protects reports whether an operation gives a load balancer something that protects it.
func Protects(op plan.Operation) bool {
	switch op := op.(type) {
	case AssociateWebACL, CreateProtection:
		return true
	case ModifyLoadBalancerAttributes:
		for key, value := range op.Attributes {
			if constraint.Protects(key, value) {
				return true
			}
		}
	}
	return false
}
