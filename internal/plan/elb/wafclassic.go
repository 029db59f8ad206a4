package elb

import (
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// AddOnClassicWebACL is the web ACL of WAF Classic.
const AddOnClassicWebACL AddOn = "ClassicWebACL"

// wafClassic is the former generation of AWS WAF, of which web ACLs are named by id.
var wafClassic = Firewall{AddOnClassicWebACL, "WAF Classic web ACL", func(a *stack.AddOns) **string { return &a.ClassicWebACL }, classicWebACLOp}

type (
	// AssociateRegionalWebACL is AssociateWebACL of WAF Classic.
	AssociateRegionalWebACL struct {
		LoadBalancer stack.Ref
		WebACL       string // id
	}
	// DisassociateRegionalWebACL is DisassociateWebACL of WAF Classic.
	DisassociateRegionalWebACL struct{ LoadBalancer stack.Ref }
)

func (o AssociateRegionalWebACL) Refs() []stack.Ref   { return addOnRefs(o) }
func (o AssociateRegionalWebACL) Traits() plan.Traits { return addOnTraits(o) }
func (o AssociateRegionalWebACL) Send(s Sender)       { s.AssociateRegionalWebACL(o) }
func (o AssociateRegionalWebACL) advance(a advancer)  { a.addOn(o) }
func (o AssociateRegionalWebACL) effect() Effect      { return onAddOn(o.LoadBalancer, AddOnClassicWebACL) }
func (o AssociateRegionalWebACL) show(lb *LoadBalancer, _ Output) {
	lb.ClassicWebACL = &o.WebACL
}

func (o DisassociateRegionalWebACL) Refs() []stack.Ref   { return addOnRefs(o) }
func (o DisassociateRegionalWebACL) Traits() plan.Traits { return addOnTraits(o) }
func (o DisassociateRegionalWebACL) Send(s Sender)       { s.DisassociateRegionalWebACL(o) }
func (o DisassociateRegionalWebACL) advance(a advancer)  { a.addOn(o) }
func (o DisassociateRegionalWebACL) effect() Effect {
	return onAddOn(o.LoadBalancer, AddOnClassicWebACL)
}
func (DisassociateRegionalWebACL) show(lb *LoadBalancer, _ Output) {
	lb.ClassicWebACL = new(string)
}

func classicWebACLOp(r stack.Ref, id string) Operation {
	if id == "" {
		return DisassociateRegionalWebACL{r}
	}
	return AssociateRegionalWebACL{r, id}
}
