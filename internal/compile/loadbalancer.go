package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// undecided reports whether a member whose settings count is left out, so that a setting that no member has may be
// missing only because it could not be read.
func (b *build) undecided() bool {
	return slices.ContainsFunc(b.members, func(m quarantine.Member) bool { return m.State == quarantine.Frozen })
}

// keepSubnets sets the subnets to those of the existing load balancer. Their addresses may be unknown; see
// subnetsInFull.
func (b *build) keepSubnets(lb *facts.LoadBalancer) {
	for _, id := range lb.Subnets {
		s, ok := b.f.Subnets[id]
		if !ok {
			s = facts.Subnet{ID: id}
		}
		b.subnets = append(b.subnets, s)
		b.lb.Subnets = append(b.lb.Subnets, stack.SubnetMapping{Subnet: id})
	}
}

// chooseScheme sets the scheme: the declared one; else that of the existing load balancer, if the front end keeps it;
// else the default.
func (b *build) chooseScheme() {
	b.lb.Scheme = cmp.Or(b.cfg.DefaultScheme, stack.Internal)
	if s := b.settings.scheme; s.Set {
		if s.Value == stack.Internal || s.Value == stack.InternetFacing {
			b.lb.Scheme = s.Value
			if b.members[s.Member].State != quarantine.Frozen {
				return
			}
			// The setting may never have been in effect; a load balancer is not replaced for a member that is left out.
			if lb, _ := b.existing(); lb != nil && lb.Scheme != "" {
				b.lb.Scheme = lb.Scheme
			}
			return
		}
		b.failShared(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.InvalidAnnotation,
			fmt.Sprintf("scheme %q is not a valid value", s.Value), "use internal or internet-facing"))
		return
	}
	if !b.e.KeepsScheme && !b.undecided() {
		return
	}
	lb, _ := b.existing()
	if lb == nil || lb.Scheme == "" {
		return
	}
	if lb.Scheme != b.lb.Scheme && b.e.KeepsScheme && !b.undecided() && len(b.members) > 0 {
		b.note(0, diag.New(b.members[0].Object, "", diag.IgnoredSetting,
			fmt.Sprintf("no scheme is declared: the existing load balancer stays %s, and a new one would be %s", lb.Scheme,
				b.lb.Scheme), "declare the scheme"))
	}
	b.lb.Scheme = lb.Scheme
}

// defaultAddressType is the IP address type without a declared one. A default other than ipv4 changes no existing load
// balancer, and is not for listeners to which AWS gives IPv6 only with source NAT and IPv6 targets.
func (b *build) defaultAddressType() string {
	preset := cmp.Or(b.cfg.DefaultAddressType, stack.IPv4)
	if preset == stack.IPv4 {
		return preset
	}
	if lb, _ := b.existing(); lb != nil && lb.IPAddressType != "" {
		return lb.IPAddressType
	}
	if slices.ContainsFunc(b.e.Members, func(m intent.Member) bool {
		return slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return udp(l.Protocol) })
	}) {
		return stack.IPv4
	}
	return preset
}

// chooseIPAddressType sets the IP address type: the declared one, else the default.
func (b *build) chooseIPAddressType() {
	b.lb.IPAddressType = b.defaultAddressType()
	s := b.settings.ipAddressType
	if !s.Set {
		if b.undecided() {
			if lb, _ := b.existing(); lb != nil && lb.IPAddressType != "" {
				b.lb.IPAddressType = lb.IPAddressType
			}
		}
		return
	}
	valid := []string{stack.IPv4, stack.Dualstack, stack.DualstackWithoutIPv4}
	if b.e.Type == stack.Network {
		valid = valid[:2]
	}
	if !slices.Contains(valid, s.Value) {
		b.failShared(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.InvalidAnnotation,
			fmt.Sprintf("IP address type %q is not a valid value", s.Value), "use "+strings.Join(valid, " or ")))
		return
	}
	b.lb.IPAddressType = s.Value
}

// dualstack reports whether the load balancer has IPv6 addresses.
func (b *build) dualstack() bool { return facts.IPv6Capable(b.lb.IPAddressType) }

func (b *build) subnetQuery() facts.SubnetQuery {
	return facts.SubnetQuery{
		Type: b.e.Type, Scheme: b.lb.Scheme, IPAddressType: b.lb.IPAddressType, Cluster: b.cfg.Cluster, VPC: b.cfg.VPC,
		CheckClusterTag: b.cfg.Gates.SubnetsClusterTagCheck,
		ByReachability:  b.cfg.Gates.SubnetDiscoveryByReachability,
		SingleSubnet:    b.cfg.Gates.ALBSingleSubnet,
	}
}

// chooseSubnets sets the subnets: named or selected ones; else those of the existing load balancer of the same scheme;
// else discovered ones.
func (b *build) chooseSubnets() {
	q := b.subnetQuery()
	if s := b.settings.subnets; s.Set && (len(s.Value.IDsOrNames) > 0 || len(s.Value.Tags) > 0) {
		q.IDsOrNames, q.Tags = s.Value.IDsOrNames, s.Value.Tags
		b.takeSubnets(q, s.Member, s.Source)
		b.checkZones(s.Member, s.Source)
		return
	}
	lb, known := b.existing()
	if !known {
		return
	}
	if lb != nil && lb.Scheme == b.lb.Scheme && len(lb.Subnets) > 0 {
		b.keepSubnets(lb)
		b.checkKeptSubnets(lb)
		return
	}
	b.takeSubnets(q, -1, intent.Source{})
}

// checkKeptSubnets reports subnets without IPv6 addresses of a load balancer that is to become dualstack.
func (b *build) checkKeptSubnets(lb *facts.LoadBalancer) {
	if !b.becomesDualstack(lb) || !b.subnetsInFull() {
		return
	}
	known := slices.DeleteFunc(slices.Clone(b.subnets), func(s facts.Subnet) bool { return s.Zone == "" }) // of the VPC
	if p := facts.RequireIPv6(known, b.lb.IPAddressType); p != nil {
		b.refuseAddressType(p)
	}
}

// refuseAddressType reports an IP address type that the subnets do not allow. A new load balancer and one without IPv6
// addresses have IPv4 addresses only, and everything else takes effect. It returns false if one that stays has IPv6
// addresses: then the subnets are at fault.
func (b *build) refuseAddressType(p *facts.Problem) bool {
	s := b.settings.ipAddressType
	s.Member = max(s.Member, 0)
	lb, known := b.existing()
	switch {
	case !known:
	case lb == nil || lb.IPAddressType == stack.IPv4:
		b.lb.IPAddressType = stack.IPv4
		d := p.Diagnostic(b.members[s.Member].Object, s.Source.Place()).In(diag.AddOn)
		verb := "stays"
		if lb == nil {
			verb = "is"
		}
		d.Text += fmt.Sprintf("; the load balancer %s %s, and everything else takes effect", verb, stack.IPv4)
		b.note(s.Member, d)
	case lb.Scheme != b.lb.Scheme:
		b.problem(s.Member, s.Source, p)
	default:
		return false
	}
	return true
}

// becomesDualstack reports whether a load balancer that exists is to get IPv6 addresses.
func (b *build) becomesDualstack(lb *facts.LoadBalancer) bool {
	return b.dualstack() && lb.IPAddressType == stack.IPv4
}

// takeSubnets sets the subnets that a query finds. If it finds some only for IPv4, the IP address type is at fault.
func (b *build) takeSubnets(q facts.SubnetQuery, member int, source intent.Source) {
	c := facts.ChooseSubnets(*b.f, q)
	if c.Problem != nil && b.dualstack() && (b.settings.ipAddressType.Set || len(b.members) > 0) {
		q.IPAddressType = stack.IPv4
		if over4 := facts.ChooseSubnets(*b.f, q); over4.Problem == nil && len(over4.Needs) == 0 {
			switch refused := b.refuseAddressType(c.Problem); {
			case !b.dualstack():
				c = over4
			case refused: // nothing is built of it
				return
			}
		}
	}
	b.require(c.Needs...)
	if c.Problem != nil {
		b.problem(member, source, c.Problem)
		return
	}
	b.subnets = c.Subnets
	for _, s := range c.Subnets {
		b.lb.Subnets = append(b.lb.Subnets, stack.SubnetMapping{Subnet: s.ID})
	}
}

// subnetsInFull reports whether the addresses of the load balancer's subnets are known; if not, they are looked up.
func (b *build) subnetsInFull() bool {
	if b.f.Subnets == nil {
		b.lookUp(facts.Need{Kind: facts.NeedSubnets})
		return false
	}
	return true
}

// nameLoadBalancer sets the name: the declared one, else that of the formula.
func (b *build) nameLoadBalancer() {
	if s := b.settings.name; s.Set && s.Value != "" && !b.namesOthers(s) {
		b.lb.Name = s.Value
		d, bad := badName(s.Value)
		if !bad {
			b.noteRenaming(s)
			return
		}
		d.Object, d.Path = b.members[s.Member].Object, s.Source.Place()
		// the existing controller ignores such a name as well once the load balancer exists
		if d.Code == diag.InvalidAnnotation {
			lb, known := b.existing()
			if !known {
				return
			}
			if lb != nil && lb.Scheme == b.lb.Scheme {
				d.Code, d.Class = diag.IgnoredSetting, diag.Note
				d.Text += "; the existing load balancer keeps its name"
				b.note(s.Member, d)
				return
			}
		}
		b.failShared(s.Member, d)
		return
	}
	if b.adopts != "" && b.f.Existing.Scheme == b.lb.Scheme {
		b.lb.Name = b.f.Existing.Name
		return
	}
	b.lb.Name = b.e.Names.LoadBalancer(b.cfg.Cluster, b.e.Key.ID, b.lb.Scheme)
}

// namesOthers reports whether a declared name has the form of generated ones and is not the one generated for this load
// balancer. Generated names follow from public values: whoever declares that of another's load balancer would keep it
// from being created.
func (b *build) namesOthers(s merge.Owned[string]) bool {
	own := b.e.Names.LoadBalancer(b.cfg.Cluster, b.e.Key.ID, b.lb.Scheme)
	if !naming.Generated(s.Value) || s.Value == own {
		return false
	}
	if lb, known := b.existing(); !known || lb != nil && lb.Scheme == b.lb.Scheme && lb.Name == s.Value {
		return false
	}
	b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.IgnoredSetting,
		fmt.Sprintf("load balancer name %s has no effect: the controller generates names of the form k8s-…-<hash>, and "+
			"this name may belong to another load balancer. The name is %s", s.Value, own),
		"declare a name that does not look like k8s-…-<hash>, or remove the name"))
	return true
}

// noteRenaming notes a declared name that the load balancer, which exists, does not have.
func (b *build) noteRenaming(s merge.Owned[string]) {
	lb, _ := b.existing()
	if lb == nil || lb.Scheme != b.lb.Scheme || lb.Name == "" || lb.Name == s.Value {
		return
	}
	b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.IgnoredSetting,
		fmt.Sprintf("load balancer name %s has no effect: the existing load balancer keeps the name %s, because AWS "+
			"cannot change it", s.Value, lb.Name),
		"declare the current name, or none; to change the name, delete the object and create it again"))
}

// choosePrivateLinkRules sets whether inbound rules apply to PrivateLink traffic. AWS takes that with security groups
// only.
func (b *build) choosePrivateLinkRules() {
	s := b.settings.privateLinkRules
	if s.Set && b.noGroups {
		b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.IgnoredSetting,
			"the use of inbound rules for PrivateLink traffic has no effect: the load balancer has no security groups",
			"remove it, or recreate the load balancer with security groups"))
		return
	}
	b.lb.PrivateLinkRules = s.Or("")
}

// badName checks a name by ELB's rules: at most 32 letters, digits and inner hyphens, not starting with "internal-".
func badName(name string) (diag.Diagnostic, bool) {
	legal := func(r rune) bool {
		return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	switch {
	case len(name) > 32:
		return diag.New(diag.Object{}, "", diag.NameTooLong,
			fmt.Sprintf("load balancer name cannot be longer than 32 characters: %q has %d", name, len(name)),
			"choose a shorter name"), true
	case strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }), strings.HasPrefix(name, "-"),
		strings.HasSuffix(name, "-"),
		strings.HasPrefix(name, "internal-"):
		return diag.New(diag.Object{}, "", diag.InvalidAnnotation,
			fmt.Sprintf("AWS refuses load balancer name %q", name),
			"use letters, digits and hyphens; do not begin or end with a hyphen, or begin with internal-"), true
	}
	return diag.Diagnostic{}, false
}
