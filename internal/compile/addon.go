package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// addOns are the merged settings of optional features.
type addOns struct {
	customerOwnedPool merge.Owned[string]
	ipamPool          merge.Owned[string]
	overlays          []overlay
}

// overlay is the merged setting of one part of stack.AddOns.
type overlay interface {
	// source returns the name of the part, and where it is set.
	source() (field string, s intent.Source)
	// choose sets the part. A part that no member sets stays as it is in AWS.
	choose(b *build)
}

func (b *build) mergeAddOns() addOns {
	return addOns{
		customerOwnedPool: b.mergeText("customer-owned-ipv4-pool", "CustomerOwnedIPv4Pool",
			func(a *intent.AddOns) intent.Field[string] { return a.CustomerOwnedPool }),
		ipamPool: b.mergeText("ipam-ipv4-pool-id", "ipv4 ipam pool", func(a *intent.AddOns) intent.Field[string] {
			return a.IPAMPool
		}),
		overlays: []overlay{
			b.mergeCapacity(),
			b.mergeWebACL(),
			b.mergeShield(),
		},
	}
}

// mergeText merges an add-on whose value is one word.
func (b *build) mergeText(setting, what string, get func(*intent.AddOns) intent.Field[string]) merge.Owned[string] {
	return agreed(b, func(s *intent.Settings) intent.Field[string] { return get(&s.AddOns) },
		merge.Setting[string]{Name: setting, What: what})
}

func (a *addOns) sources() map[string]intent.Source {
	out := map[string]intent.Source{"CustomerOwnedPool": a.customerOwnedPool.Source, "IPAMPool": a.ipamPool.Source}
	for _, o := range a.overlays {
		field, s := o.source()
		out[field] = s
	}
	return out
}

// chooseAddOns sets the optional features. Network load balancers have only capacity. For a Gateway that sets none, the
// capacity stays as it is, because the Gateway records what was reserved for it.
func (b *build) chooseAddOns() {
	s := &b.settings.addOns
	if b.e.Type != stack.Application {
		for _, o := range s.overlays {
			if c, ok := o.(capacity); ok && (c.Set || !b.e.Key.Owner.OfGateway()) {
				c.choose(b)
			}
		}
		return
	}
	b.chooseAddressPools(s)
	for _, o := range s.overlays {
		o.choose(b)
	}
}

// allowed returns on, whether a feature is switched on. If it is off, the member that sets it gets a note.
func allowed[T any](b *build, f merge.Owned[T], on bool, why string) bool {
	if !on {
		b.note(f.Member, diag.New(b.members[f.Member].Object, f.Source.Place(), diag.IgnoredSetting,
			"the setting has no effect, because "+why, "nothing to do: the configuration in AWS does not change"))
	}
	return on
}

// chooseAddressPools sets the address pools. While a member is frozen, a pool that no other member sets stays as it is
// in AWS. So does an IPAM pool in the place of one that AWS refuses, as without it the public addresses change. A load
// balancer never gets a customer-owned pool later, so it is not created without the one declared.
func (b *build) chooseAddressPools(s *addOns) {
	b.lb.CustomerOwnedPool, b.lb.IPAMPool = s.customerOwnedPool.Value, ""
	if problem := constraint.OfAddressPools(b.lb); problem != "" {
		b.refuseCustomerOwnedPool(s.customerOwnedPool, problem)
		b.lb.CustomerOwnedPool, s.customerOwnedPool = "", merge.Owned[string]{}
	}
	b.lb.IPAMPool = s.ipamPool.Value
	if problem := constraint.OfAddressPools(b.lb); s.ipamPool.Set && problem != "" {
		b.lb.IPAMPool = ""
		if lb, _ := b.existing(); lb != nil && lb.Scheme == b.lb.Scheme {
			b.lb.IPAMPool = lb.IPAMPool
		}
		remedy := "correct the IPAM pool, or remove it"
		if b.lb.Type == stack.Application && b.lb.Scheme != stack.InternetFacing {
			remedy = "remove the IPAM pool, or set scheme internet-facing"
		}
		b.noteRefused(constraint.Refusal{Problem: problem, Remedy: remedy}, s.ipamPool.Source, []int{s.ipamPool.Member},
			false)
	}
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
		b.note(f.Member, diag.New(b.members[f.Member].Object, f.Source.Place(), diag.IgnoredSetting,
			fmt.Sprintf("the load balancer was created with the customer-owned pool %q, and AWS cannot change that to %q",
				lb.CustomerOwnedPool, f.Value),
			"to change the pool, delete the Ingress and create it again"))
	}
}

// refuseCustomerOwnedPool has the member with a pool that AWS refuses fail, or notes the pool if the load balancer
// exists: AWS reads the pool at creation only.
func (b *build) refuseCustomerOwnedPool(f merge.Owned[string], problem string) {
	const remedy = "correct the pool, or remove it"
	switch lb, known := b.existing(); {
	case lb != nil:
		b.noteRefused(constraint.Refusal{Problem: problem, Remedy: remedy}, f.Source, []int{f.Member}, false)
	case known:
		b.failShared(f.Member, diag.New(b.members[f.Member].Object, f.Source.Place(), f.Source.InvalidCode(), problem,
			remedy))
	}
}

// capacity is the merged setting of reserved capacity.
type capacity struct{ merge.Owned[int32] }

func (b *build) mergeCapacity() capacity {
	return capacity{agreed(b, func(s *intent.Settings) intent.Field[int32] { return s.AddOns.Capacity },
		merge.Setting[int32]{Name: "capacity", What: "capacity reservation"})}
}

func (c capacity) source() (string, intent.Source) { return "Capacity", c.Source }

func (c capacity) choose(b *build) {
	gates := b.cfg.Gates
	switch {
	case c.Set && allowed(b, c.Owned, gates.LBCapacityReservation, "the feature gate LBCapacityReservation is off"):
		b.lb.Capacity = &c.Value
		if problem := constraint.OfCapacity(b.lb); problem != "" {
			b.lb.Capacity = nil // it stays as it is in AWS
			b.noteRefused(constraint.Refusal{Problem: problem, Remedy: "reserve as much as AWS allows, or 0 for none"}, c.Source,
				[]int{c.Member}, false)
		}
	case !c.Set && gates.EnhancedDefaultBehavior && gates.LBCapacityReservation && !b.undecided():
		b.lb.Capacity = new(int32)
	}
}

// shielding is the merged setting of Shield Advanced protection.
type shielding struct{ merge.Owned[bool] }

func (b *build) mergeShield() shielding {
	return shielding{agreed(b, func(s *intent.Settings) intent.Field[bool] { return s.AddOns.Shield },
		merge.Setting[bool]{Name: "shield-advanced-protection", What: "shield advanced protection", Fallback: "false"})}
}

func (s shielding) source() (string, intent.Source) { return "Shield", s.Source }

func (s shielding) choose(b *build) {
	if s.Set && allowed(b, s.Owned, b.cfg.EnableShield, "the controller runs with --enable-shield=false") {
		b.lb.Shield = &s.Value
	}
}

// webACL is the merged setting of the WAFv2 web ACL: by name, or by ARN if no member sets a name.
type webACL struct {
	merge.Owned[string]
	byName bool
}

func (b *build) mergeWebACL() webACL {
	name := b.mergeText("wafv2-acl-name", "WAFv2 WebACL name", func(a *intent.AddOns) intent.Field[string] {
		return a.WebACLName
	})
	if yields, known := b.yieldsToARN(name); !known {
		b.group.Unread("wafv2-acl-name", "wafv2-acl-arn")
		return webACL{merge.Owned[string]{Member: -1}, true}
	} else if name.Set && !yields {
		b.noteIgnoredARNs(name)
		return webACL{name, true}
	}
	return webACL{b.mergeText("wafv2-acl-arn", "WAFv2 WebACL ARN", func(a *intent.AddOns) intent.Field[string] {
		return a.WebACL
	}), false}
}

// noteIgnoredARNs notes the ARNs of web ACLs that have no effect together with a name.
func (b *build) noteIgnoredARNs(name merge.Owned[string]) {
	if !b.cfg.EnableWAFv2 || b.e.Type != stack.Application {
		return
	}
	code, effect := diag.IgnoredSetting, fmt.Sprintf("web ACL %q by name, which counts before an ARN", name.Value)
	if name.Value == intent.None {
		code, effect = diag.GuardNotApplied, "no web ACL (name none), so that no web ACL filters the requests"
	}
	for i := range b.members {
		m := &b.members[i]
		arn := m.Settings.AddOns.WebACL
		if m.State.LeftOut() || !arn.Set || arn.Value == "" || arn.Value == intent.None ||
			m.Authority == intent.RoutesOnly || b.f.WebACLs[name.Value] == arn.Value {
			continue
		}
		b.note(i, diag.New(m.Object, arn.Source.Place(), code, fmt.Sprintf("the ARN of a web ACL has no effect: %s sets %s",
			b.members[name.Member].Object, effect), "remove the ARN, or the name of the web ACL"))
	}
}

// yieldsToARN reports whether a name of a web ACL, or none, has no effect together with the ARN of a member, which is
// noted then. What is in effect by ARN is replaced by a name of the same namespace only, and does not end by the name
// none. known is false if AWS does not return which web ACL is in effect: the load balancer keeps it.
func (b *build) yieldsToARN(name merge.Owned[string]) (yields, known bool) {
	if !name.Set || !b.cfg.EnableWAFv2 || b.e.Type != stack.Application {
		return false, true
	}
	by := &b.members[name.Member]
	for i := range b.members {
		m := &b.members[i]
		acl, own := m.Settings.AddOns.WebACL, m.Object.Namespace == by.Object.Namespace
		if m.State == quarantine.Rejected || !acl.Set || acl.Value == intent.None || acl.Value == "" ||
			m.Authority == intent.RoutesOnly || by.Authority == intent.Deciding && m.Authority != intent.Deciding ||
			own && name.Value != intent.None {
			continue
		}
		guards, p := b.guardsByARN(i, name)
		if p != nil {
			b.withoutWebACL(name.Member, p.Diagnostic(by.Object, name.Source.Place()))
			return false, false
		}
		if !guards {
			continue
		}
		delete(b.group.NewEffect, "wafv2-acl-name")
		remedy := "name the same web ACL by ARN, or set it on only one of the objects"
		if name.Value == intent.None {
			remedy = "to have no web ACL, remove the ARN; else remove the name"
		}
		b.note(name.Member, diag.New(by.Object, name.Source.Place(), diag.ConflictingSettings, fmt.Sprintf(
			"WAFv2 WebACL name: %q of %s has no effect, because %s names the web ACL in effect by ARN", name.Value, by.Object,
			m.Object), remedy))
		return true, true
	}
	return false, true
}

// guardsByARN reports whether the ARN that member i sets is in effect rather than a name, or why that is not known. A
// new load balancer gets the ARN rather than the name none of another namespace.
func (b *build) guardsByARN(i int, name merge.Owned[string]) (bool, *facts.Problem) {
	m, by := &b.members[i], &b.members[name.Member]
	arn := m.Settings.AddOns.WebACL.Value
	if e, known := b.group.Last("wafv2-acl-arn"); known && b.group.Joinable {
		return e.Value == arn && slices.ContainsFunc(e.Owners, func(o merge.Owner) bool {
			return o.Member == m.Object
		}), nil
	}
	switch lb, known := b.existing(); {
	case !known:
		b.unsure = true
		return false, nil
	case lb == nil:
		return name.Value == intent.None && m.Object.Namespace != by.Object.Namespace, nil
	case b.f.Associated == nil:
		return false, b.unanswered(facts.Need{Kind: facts.NeedStackWebACL, Key: b.e.Key.String()})
	case *b.f.Associated != arn:
		return false, nil
	case name.Value == intent.None || m.Authority != by.Authority || b.group.Senior(i, name.Member):
		return true, nil
	case b.f.WebACLs == nil:
		return false, b.unanswered(facts.Need{Kind: facts.NeedWebACLs})
	}
	// The name of an older member is in effect if it is that of the same web ACL.
	return b.f.WebACLs[name.Value] != arn, nil
}

// unanswered requires a fact on which a conflict depends, or returns why AWS does not return it.
func (b *build) unanswered(need facts.Need) *facts.Problem {
	p := b.f.Failed(need)
	if p == nil {
		b.unsure = true
		b.require(need)
	}
	return p
}

func (w webACL) source() (string, intent.Source) { return "WebACL", w.Source }

// choose sets the web ACL. With a name that cannot be resolved the association stays as it is.
func (w webACL) choose(b *build) {
	if !w.Set || !allowed(b, w.Owned, b.cfg.EnableWAFv2, "the controller runs with --enable-wafv2=false") {
		return
	}
	if !w.byName || w.Value == intent.None {
		b.chooseByARN(w.Owned)
		return
	}
	o, need := b.members[w.Member].Object, facts.Need{Kind: facts.NeedWebACLs}
	switch arn, known := b.f.WebACLs[w.Value]; {
	case known:
		b.lb.WebACL = &arn
	case b.f.WebACLs != nil:
		b.withoutWebACL(w.Member, diag.New(o, w.Source.Place(), diag.WebACLNotFound, fmt.Sprintf("web ACL %q does "+
			"not exist in this account and region", w.Value),
			"write the name of a regional web ACL of this account and region, or declare the ARN of one instead of a name"))
	default:
		if p := b.f.Failed(need); p != nil {
			b.withoutWebACL(w.Member, p.Diagnostic(o, w.Source.Place()))
		} else {
			b.require(need)
		}
	}
}

// chooseByARN sets the web ACL of an ARN, or none.
func (b *build) chooseByARN(w merge.Owned[string]) {
	b.lb.WebACL = orNone(w.Value)
	if *b.lb.WebACL == "" {
		return
	}
	if problem, elsewhere := b.ofARN(constraint.WebACL, w.Value); problem != "" {
		b.lb.WebACL = nil
		b.withoutWebACL(w.Member, diag.New(b.members[w.Member].Object, w.Source.Place(), codeOfARN(w.Source, elsewhere,
			diag.WebACLNotFound), problem, "give the ARN of a WAFv2 web ACL of the load balancer's Region, like "+
			"arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID"))
	}
}

// ofARN returns why AWS refuses an ARN that a member names, and whether only its Region is wrong.
func (b *build) ofARN(of constraint.Resource, arn string) (problem string, elsewhere bool) {
	return constraint.OfARN(constraint.Named{Of: of, ARN: arn, Region: b.cfg.Region})
}

// codeOfARN is the code of a finding about an ARN: notFound if only its Region is wrong.
func codeOfARN(s intent.Source, elsewhere bool, notFound diag.Code) diag.Code {
	if elsewhere {
		return notFound
	}
	return s.InvalidCode()
}

// withoutWebACL reports that the web ACL of a member cannot be resolved. The load balancer keeps its web ACL.
func (b *build) withoutWebACL(i int, d diag.Diagnostic) {
	b.withoutGuard(i, d, "the load balancer keeps its web ACL, and without one it serves unprotected")
}

// withoutGuard reports that a protection cannot be applied. A member that serves continues to serve. A member that
// does not serve yet is quarantined, because it would serve unprotected.
func (b *build) withoutGuard(i int, d diag.Diagnostic, serves string) {
	lb, known := b.existing()
	if !known {
		b.unsure = true
		return
	}
	if b.past.Serves(b.members[i].Object, lb != nil) {
		d.Text += "; " + serves
		b.note(i, d)
		return
	}
	d.Text += quarantine.Closed
	b.fail(i, d)
}

func orNone(v string) *string {
	if v == intent.None {
		v = ""
	}
	return &v
}
