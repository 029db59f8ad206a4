package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// undecided reports whether a member whose settings count is left out, so that a setting that no member has may be missing only
// because it could not be read.
func (b *build) undecided() bool {
	return slices.ContainsFunc(b.members, func(m quarantine.Member) bool { return m.State == quarantine.Frozen })
}

// keepSubnets sets the subnets to those of the existing load balancer. Their addresses may be unknown; see subnetsInFull.
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

// chooseScheme sets the scheme: the declared one; else that of the existing load balancer, if the front end keeps it; else the default.
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
			fmt.Sprintf("unknown scheme: %s", s.Value), "use internal or internet-facing"))
		return
	}
	if !b.e.KeepsScheme && !b.undecided() {
		return
	}
	if lb, _ := b.existing(); lb != nil && lb.Scheme != "" {
		b.lb.Scheme = lb.Scheme
	}
}

// chooseIPAddressType sets the IP address type: the declared one, else ipv4.
func (b *build) chooseIPAddressType() {
	b.lb.IPAddressType = stack.IPv4
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
			fmt.Sprintf("unknown IPAddressType: %s", s.Value), "use "+strings.Join(valid, " or ")))
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

// chooseSubnets sets the subnets: named or selected ones; else those of the existing load balancer of the same scheme; else discovered ones.
func (b *build) chooseSubnets() {
	q := b.subnetQuery()
	if s := b.settings.subnets; s.Set && (len(s.Value.IDsOrNames) > 0 || len(s.Value.Tags) > 0) {
		q.IDsOrNames, q.Tags = s.Value.IDsOrNames, s.Value.Tags
		b.takeSubnets(facts.ChooseSubnets(b.f, q), s.Member, s.Source)
		return
	}
	lb, known := b.existing()
	if !known {
		return
	}
	if lb != nil && lb.Scheme == b.lb.Scheme && len(lb.Subnets) > 0 {
		b.keepSubnets(lb)
		return
	}
	b.takeSubnets(facts.ChooseSubnets(b.f, q), -1, intent.Source{})
}

func (b *build) takeSubnets(c facts.SubnetChoice, member int, source intent.Source) {
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
	if s := b.settings.name; s.Set && s.Value != "" {
		b.lb.Name = s.Value
		d, bad := badName(s.Value)
		if !bad {
			return
		}
		d.Object, d.Path = b.members[s.Member].Object, s.Source.Place()
		if d.Code == diag.InvalidAnnotation { // the existing controller ignores such a name as well once the load balancer exists
			lb, known := b.existing()
			if !known {
				return
			}
			if lb != nil && lb.Scheme == b.lb.Scheme {
				d.Code, d.Class = diag.IgnoredSetting, diag.Note
				d.Text += "; the load balancer, which exists, keeps the name that it has"
				b.note(s.Member, d)
				return
			}
		}
		b.failShared(s.Member, d)
		return
	}
	b.lb.Name = b.e.Names.LoadBalancer(b.cfg.Cluster, b.e.Key.ID, b.lb.Scheme)
}

// badName checks a name by ELB's rules: at most 32 letters, digits and inner hyphens, not starting with "internal-".
func badName(name string) (diag.Diagnostic, bool) {
	legal := func(r rune) bool {
		return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	switch {
	case len(name) > 32:
		return diag.New(diag.Object{}, "", diag.NameTooLong,
			fmt.Sprintf("load balancer name cannot be longer than 32 characters: %q has %d", name, len(name)), "choose a shorter name"), true
	case strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }), strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"),
		strings.HasPrefix(name, "internal-"):
		return diag.New(diag.Object{}, "", diag.InvalidAnnotation, fmt.Sprintf("load balancer name %q is not acceptable to AWS", name),
			`use letters, digits and inner hyphens, and no "internal-" in front`), true
	}
	return diag.Diagnostic{}, false
}

// mapSubnets assigns fixed addresses to the subnets of an NLB: allocations by position, private and IPv6 addresses by the subnet that
// contains them.
func (b *build) mapSubnets() {
	b.mapAddresses()
	s := b.settings.mappings
	if !s.Set || len(s.Value) == 0 || len(b.lb.Subnets) == 0 {
		return
	}
	bad := func(remedy, format string, args ...any) {
		b.failShared(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.InvalidSubnets, fmt.Sprintf(format, args...), remedy))
	}
	list := func(of func(stack.SubnetMapping) string) (out []string) {
		for _, m := range s.Value {
			if v := of(m); v != "" {
				out = append(out, v)
			}
		}
		return out
	}
	eips := list(func(m stack.SubnetMapping) string { return m.AllocationID })
	v4 := list(func(m stack.SubnetMapping) string { return m.PrivateIPv4 })
	v6 := list(func(m stack.SubnetMapping) string { return m.IPv6 })
	nat := list(func(m stack.SubnetMapping) string { return m.SourceNATPrefix })
	n := len(b.lb.Subnets)
	for _, x := range []struct {
		what   string
		values []string
		scheme string
		dual   bool
	}{{"EIP allocations", eips, stack.InternetFacing, false}, {"private IPv4 addresses", v4, stack.Internal, false}, {"IPv6 addresses", v6, "", true}, {"source NAT prefixes", nat, "", true}} {
		switch {
		case len(x.values) == 0:
			continue
		case x.scheme != "" && x.scheme != b.lb.Scheme:
			bad("remove them or set scheme "+x.scheme, "%s can only be set for %s load balancers", x.what, strings.ReplaceAll(x.scheme, "-", " "))
			return
		case x.dual && !b.dualstack():
			bad("remove them or set IP address type dualstack", "%s can only be set for dualstack load balancers", x.what)
			return
		case len(x.values) != n:
			bad("give one per subnet", "count of %s (%d) and subnets (%d) must match", x.what, len(x.values), n)
			return
		}
	}
	if len(eips) > 0 {
		for i := range b.lb.Subnets {
			b.lb.Subnets[i].AllocationID = eips[i]
		}
	}
	chosen := slices.DeleteFunc(nat, func(p string) bool { return p == stack.AutoAssigned })
	for i := range b.lb.Subnets {
		if len(nat) > 0 {
			b.lb.Subnets[i].SourceNATPrefix = stack.AutoAssigned
		}
	}
	if len(v4)+len(v6)+len(chosen) == 0 || !b.subnetsInFull() {
		return
	}
	placed := 0
	for i, subnet := range b.subnets {
		to := &b.lb.Subnets[i]
		var ok bool
		if to.PrivateIPv4, ok = subnet.IPv4Of(v4); !ok && len(v4) > 0 {
			bad("list one valid address inside each subnet's CIDR block", "expect one private IPv4 address configured for subnet: %s", subnet.ID)
			return
		}
		if to.IPv6, ok = subnet.IPv6Of(v6); !ok && len(v6) > 0 {
			bad("list one valid address inside each subnet's IPv6 CIDR block", "expect one IPv6 address configured for subnet: %s", subnet.ID)
			return
		}
		if p, ok := subnet.PrefixOf(chosen); ok {
			to.SourceNATPrefix = p
			placed++
		}
	}
	if placed != len(chosen) {
		bad("list one prefix of 80 bits inside each subnet's IPv6 CIDR block, or "+stack.AutoAssigned, "expect at most one source NAT prefix configured for each subnet, inside of it: %s", strings.Join(chosen, ", "))
	}
}
