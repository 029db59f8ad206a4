package elb

import (
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// AddOn names a part of stack.AddOns.
type AddOn string

// The add-ons.
const (
	AddOnWebACL   AddOn = "WebACL"
	AddOnShield   AddOn = "Shield"
	AddOnCapacity AddOn = "Capacity"
)

// addOnOp is an operation on an add-on of a load balancer.
type addOnOp interface {
	plan.Operation
	// changes is the load balancer, and which of its add-ons the operation changes.
	changes() (stack.Ref, AddOn)
	// effect shows in an observation of the load balancer what the operation has made of that add-on.
	effect(lb *LoadBalancer, out plan.Output)
}

// Changes is the load balancer whose add-on an operation changes, and which one; ok is false for other operations.
func Changes(op plan.Operation) (r stack.Ref, a AddOn, ok bool) {
	if op, ok := op.(addOnOp); ok {
		r, a = op.changes()
		return r, a, true
	}
	return stack.Ref{}, "", false
}

// Effect is an observation that tells only of the add-ons of which an operation has decided, which are all of a new load balancer;
// ok is false for an operation that decides of none.
func Effect(op plan.Operation, out plan.Output) (lb LoadBalancer, ok bool) {
	switch op := op.(type) {
	case CreateLoadBalancer:
		lb.AddOns = NoAddOns()
		return lb, true
	case addOnOp:
		op.effect(&lb, out)
		return lb, true
	}
	return LoadBalancer{}, false
}

// Operations on what lies over load balancers.
type (
	// AssociateWebACL puts a WAFv2 web ACL before a load balancer, in place of the one that is there.
	AssociateWebACL struct {
		LoadBalancer stack.Ref
		WebACL       string // ARN
	}
	// DisassociateWebACL takes the WAFv2 web ACL away.
	DisassociateWebACL struct{ LoadBalancer stack.Ref }
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

func (o AssociateWebACL) changes() (stack.Ref, AddOn)            { return o.LoadBalancer, AddOnWebACL }
func (o AssociateWebACL) effect(lb *LoadBalancer, _ plan.Output) { lb.WebACL = &o.WebACL }

// Name is the AWS action.
func (DisassociateWebACL) Name() string { return "DisassociateWebACL" }

func (o DisassociateWebACL) changes() (stack.Ref, AddOn)          { return o.LoadBalancer, AddOnWebACL }
func (DisassociateWebACL) effect(lb *LoadBalancer, _ plan.Output) { lb.WebACL = new(string) }

// Name is the AWS action.
func (CreateProtection) Name() string { return "CreateProtection" }

func (o CreateProtection) changes() (stack.Ref, AddOn) { return o.LoadBalancer, AddOnShield }
func (CreateProtection) effect(lb *LoadBalancer, out plan.Output) {
	lb.Shield, lb.Protection = new(true), &ShieldProtection{ID: out.Protection, Name: naming.ProtectionName}
}

// Name is the AWS action.
func (DeleteProtection) Name() string { return "DeleteProtection" }

func (o DeleteProtection) changes() (stack.Ref, AddOn) { return o.LoadBalancer, AddOnShield }
func (DeleteProtection) effect(lb *LoadBalancer, _ plan.Output) {
	lb.Shield, lb.Protection = new(false), nil
}

// Name is the AWS action.
func (ModifyCapacityReservation) Name() string { return "ModifyCapacityReservation" }

func (o ModifyCapacityReservation) changes() (stack.Ref, AddOn)            { return o.LoadBalancer, AddOnCapacity }
func (o ModifyCapacityReservation) effect(lb *LoadBalancer, _ plan.Output) { lb.Capacity = &o.Units }

// Name is the AWS action.
func (ModifyIPPools) Name() string { return "ModifyIpPools" }

func webACLOp(r stack.Ref, arn string) plan.Operation {
	if arn == "" {
		return DisassociateWebACL{r}
	}
	return AssociateWebACL{r, arn}
}

// addOn is the observation after an operation on an add-on or on the address pool.
func (a advancer) addOn(op plan.Operation) {
	var of stack.Ref
	var show func(*LoadBalancer, plan.Output)
	switch op := op.(type) {
	case addOnOp:
		of, _ = op.changes()
		show = op.effect
	case ModifyIPPools:
		of, show = op.LoadBalancer, func(lb *LoadBalancer, _ plan.Output) { lb.IPAMPool = op.Pool }
	default:
		return
	}
	arn := a.resolve(of)
	for i := range a.o.LoadBalancers {
		if lb := &a.o.LoadBalancers[i]; lb.ARN == arn {
			show(lb, a.out)
		}
	}
}

// Firewall is a generation of AWS WAF: it knows nothing of the web ACLs of another one.
type Firewall struct {
	On   AddOn
	What string
	Of   func(*stack.AddOns) **string           // its part of the add-ons
	Op   func(stack.Ref, string) plan.Operation // of a web ACL; "" = none
}

// Firewalls are the generations of AWS WAF, the present one first.
var Firewalls = []Firewall{
	{AddOnWebACL, "web ACL", func(a *stack.AddOns) **string { return &a.WebACL }, webACLOp},
	wafClassic, // decision 16: WAF Classic
}

// NoAddOns is what a new load balancer has.
func NoAddOns() stack.AddOns {
	out := stack.AddOns{Shield: new(bool), Capacity: new(int32)}
	for _, f := range Firewalls {
		*f.Of(&out) = new(string)
	}
	return out
}
