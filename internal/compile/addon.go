package compile

import (
	"fmt"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOns are the optional features as settled.
type addOns struct {
	customerOwnedPool owned[string]
	ipamPool          owned[string]
	capacity          owned[int32]
	webACLName        owned[string]
	webACL            owned[string]
	classicWebACL     owned[string]
	shield            owned[bool]
}

func (b *build) settleAddOns() addOns {
	text := func(setting, what string, get func(*intent.AddOns) intent.Field[string]) owned[string] {
		return hold(exclusive(b, func(m *member) intent.Field[string] { return get(&m.Settings.AddOns) },
			settling[string]{setting: setting, what: what, text: asIs, show: quoted}))
	}
	out := addOns{
		customerOwnedPool: text("customer-owned-ipv4-pool", "CustomerOwnedIPv4Pool", func(a *intent.AddOns) intent.Field[string] { return a.CustomerOwnedPool }),
		ipamPool:          text("ipam-ipv4-pool-id", "ipv4 ipam pool", func(a *intent.AddOns) intent.Field[string] { return a.IPAMPool }),
		webACLName:        text("wafv2-acl-name", "WAFv2 WebACL name", func(a *intent.AddOns) intent.Field[string] { return a.WebACLName }),
		classicWebACL:     text("waf-acl-id", "WAFClassic WebACL ID", func(a *intent.AddOns) intent.Field[string] { return a.ClassicWebACL }),
		capacity: hold(exclusive(b, func(m *member) intent.Field[int32] { return m.Settings.AddOns.Capacity },
			settling[int32]{setting: "capacity", what: "capacity reservation", text: printed[int32], show: printed[int32]})),
		shield: hold(exclusive(b, func(m *member) intent.Field[bool] { return m.Settings.AddOns.Shield },
			settling[bool]{setting: "shield-advanced-protection", what: "shield advanced protection", text: printed[bool], show: printed[bool], fallback: "false"})),
	}
	if !out.webACLName.Set { // else the ARNs are not looked at
		out.webACL = text("wafv2-acl-arn", "WAFv2 WebACL ARN", func(a *intent.AddOns) intent.Field[string] { return a.WebACL })
	}
	return out
}

func (a *addOns) sources() map[string]intent.Source {
	web := a.webACLName.Source
	if !a.webACLName.Set {
		web = a.webACL.Source
	}
	return map[string]intent.Source{
		"CustomerOwnedPool": a.customerOwnedPool.Source, "IPAMPool": a.ipamPool.Source, "Capacity": a.capacity.Source,
		"WebACL": web, "ClassicWebACL": a.classicWebACL.Source, "Shield": a.shield.Source,
	}
}

// chooseAddOns decides on the optional features. What nobody sets stays as AWS holds it, but for the address pool.
func (b *build) chooseAddOns() {
	if b.e.Type != stack.Application {
		return
	}
	s := &b.settings.addOns
	b.chooseAddressPools(s)
	switch {
	case s.capacity.Set && allowed(b, s.capacity, b.cfg.Gates.LBCapacityReservation, "the feature gate LBCapacityReservation is off"):
		b.lb.Capacity = &s.capacity.Value
	case !s.capacity.Set && b.cfg.Gates.EnhancedDefaultBehavior && b.cfg.Gates.LBCapacityReservation && !b.undecided():
		b.lb.Capacity = new(int32)
	}
	if s.webACLName.Set || s.webACL.Set {
		b.chooseWebACL(s)
	}
	if s.classicWebACL.Set && allowed(b, s.classicWebACL, b.cfg.EnableWAF, "the controller runs with --enable-waf=false") {
		b.lb.ClassicWebACL = orNone(s.classicWebACL.Value)
	}
	if s.shield.Set && allowed(b, s.shield, b.cfg.EnableShield, "the controller runs with --enable-shield=false") {
		b.lb.Shield = &s.shield.Value
	}
}

// allowed tells whether a feature is switched on; if it is not, the member that uses it is told.
func allowed[T any](b *build, f owned[T], on bool, why string) bool {
	if !on {
		b.note(f.member, diag.New(b.members[f.member].Object, at(f.Source), diag.IgnoredSetting,
			"the setting has no effect, because "+why, "nothing needs to be done; what is configured in AWS stays as it is"))
	}
	return on
}

func orNone(v string) *string {
	if v == intent.None {
		v = ""
	}
	return &v
}

// chooseAddressPools: one that is not set while a member cannot be read may be that member's, so what exists stays.
func (b *build) chooseAddressPools(s *addOns) {
	b.lb.CustomerOwnedPool = s.customerOwnedPool.Value
	b.lb.IPAMPool = s.ipamPool.Value
	if !s.customerOwnedPool.Set && (s.ipamPool.Set || !b.undecided()) {
		return
	}
	lb, _ := b.existing()
	if lb == nil {
		return
	}
	if !s.ipamPool.Set && b.undecided() {
		b.lb.IPAMPool = lb.IPAMPool
	}
	if f := s.customerOwnedPool; f.Set && lb.CustomerOwnedPool != f.Value {
		b.note(f.member, diag.New(b.members[f.member].Object, at(f.Source), diag.IgnoredSetting,
			fmt.Sprintf("the load balancer was created with the customer-owned pool %q, and AWS cannot change that to %q", lb.CustomerOwnedPool, f.Value),
			"to change the pool, delete the Ingress and create it again"))
	}
}

// chooseWebACL: names win over ARNs. A name that cannot be resolved leaves the association as it is.
func (b *build) chooseWebACL(s *addOns) {
	f := s.webACL
	if s.webACLName.Set {
		f = s.webACLName
	}
	if !allowed(b, f, b.cfg.EnableWAFv2, "the controller runs with --enable-wafv2=false") {
		return
	}
	if !s.webACLName.Set || f.Value == intent.None {
		b.lb.WebACL = orNone(f.Value)
		return
	}
	o, need := b.members[f.member].Object, facts.Need{Kind: facts.NeedWebACLs}
	switch arn, known := b.f.WebACLs[f.Value]; {
	case known:
		b.lb.WebACL = &arn
	case b.f.WebACLs != nil:
		b.note(f.member, diag.New(o, at(f.Source), diag.WebACLNotFound, fmt.Sprintf("couldn't find WAFv2 WebACL with name: %s", f.Value),
			"name a regional web ACL of this account and region, or give its ARN"))
	default:
		if p := b.f.Unanswered(need); p != nil {
			b.note(f.member, p.Diagnostic(o, at(f.Source)))
		} else {
			b.want(need)
		}
	}
}
