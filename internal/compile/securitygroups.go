package compile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

var prefixListID = regexp.MustCompile(`^pl-[0-9a-f]+$`)

// chooseSecurityGroups sets the groups of the load balancer, and the one that targets allow as source:
//
//	groups named by the user   backend group on   managed rules   groups                 source
//	no                         yes                -               managed, backend       backend
//	no                         no                 -               managed                managed
//	yes                        -                  no              the user's             none
//	yes                        yes                yes             the user's, backend    backend
//	yes                        no                 yes             error
//
// An NLB that was created without groups can never get any.
func (b *build) chooseSecurityGroups() {
	if b.e.Type == stack.Network && b.withoutGroups() {
		b.noGroups = true
		return
	}
	named := b.settings.securityGroups
	if !named.Set {
		managed := stack.Ref{Kind: stack.KindSecurityGroup, ID: stack.ManagedSecurityGroup}
		b.lb.SecurityGroups = []stack.Ref{managed}
		b.source = &managed
		if b.cfg.EnableBackendSecurityGroup {
			b.attachBackend()
		}
		return
	}
	b.noteIgnoredRanges()
	c := facts.ResolveSecurityGroups(b.f, b.cfg.VPC, named.Value)
	b.require(c.Needs...)
	if c.Problem != nil {
		b.problem(named.Member, named.Source, c.Problem)
		return
	}
	for _, id := range c.IDs {
		b.lb.SecurityGroups = append(b.lb.SecurityGroups, stack.Literal(stack.KindSecurityGroup, id))
	}
	if !b.settings.manageBackend.Or(b.cfg.ManageBackendSecurityGroupRules) {
		return
	}
	if !b.cfg.EnableBackendSecurityGroup {
		i, source := b.settings.manageBackend.Member, b.settings.manageBackend.Source
		if i < 0 {
			i, source = named.Member, named.Source
		}
		b.failShared(i, diag.New(b.members[i].Object, source.Place(), diag.InvalidAnnotation,
			"the controller runs without the backend security group, and cannot manage the security group rules of nodes "+
				"and pods when you name security groups",
			"start the controller with --enable-backend-security-group, or set manage-backend-security-group-rules to false"))
		return
	}
	b.attachBackend()
}

// attachBackend appends the backend group and makes it the source.
func (b *build) attachBackend() {
	ref := stack.Ref{Kind: stack.KindSecurityGroup, ID: stack.BackendSecurityGroup}
	if id := b.cfg.BackendSecurityGroup; id != "" {
		ref = stack.Literal(stack.KindSecurityGroup, id)
	} else {
		tags := map[string]string{}
		maps.Copy(tags, tagkey.Without(b.cfg.DefaultTags, tagkey.Administered))
		maps.Copy(tags, naming.BackendTracking(b.cfg.Cluster))
		b.groups = append(b.groups, stack.SecurityGroup{
			ID: stack.BackendSecurityGroup, Name: naming.BackendSecurityGroup(b.cfg.Cluster), Shared: true,
			Description: naming.BackendSecurityGroupDescription, Tags: tags,
		})
		b.trace(stack.KindSecurityGroup, stack.BackendSecurityGroup, b.group.All(), nil)
	}
	if !slices.Contains(b.lb.SecurityGroups, ref) {
		b.lb.SecurityGroups = append(b.lb.SecurityGroups, ref)
	}
	b.source = &ref
}

// withoutGroups reports whether an NLB has no security groups.
func (b *build) withoutGroups() bool {
	lb, known := b.existing()
	if !known {
		return false
	}
	kept := lb != nil && lb.Scheme == b.lb.Scheme // else it is replaced
	if kept && len(lb.SecurityGroups) == 0 {
		if s := b.settings.securityGroups; s.Set {
			b.note(s.Member, diag.New(b.members[s.Member].Object, s.Source.Place(), diag.IgnoredSetting,
				"the network load balancer was created without security groups, and AWS cannot add any",
				"to have security groups, delete the objects of this load balancer and create them again; the DNS name changes"))
		}
		b.refuseRanges(-1)
		return true
	}
	off := b.settings.noSecurityGroups
	if b.cfg.Gates.NLBSecurityGroup && !off.Or(false) {
		return false
	}
	if kept {
		i := max(off.Member, 0)
		b.failShared(i, diag.New(b.members[i].Object, off.Source.Place(), diag.InvalidAnnotation,
			"the object wants a network load balancer without security groups, "+
				"but AWS cannot remove the last security group of an existing one",
			"let it keep security groups, or delete the objects of this load balancer and create them again; the DNS name "+
				"changes"))
	} else if off.Or(false) {
		b.refuseRanges(off.Member)
	}
	return true
}

// refuseRanges refuses what would open the ports of a member of a group that declares source ranges, which a load
// balancer without security groups cannot have: the setting of the member that is to have none, or, with -1 for a load
// balancer that has none, the member that declares ranges.
func (b *build) refuseRanges(without int) {
	if !b.e.OnePerPort {
		return
	}
	for i := range b.members {
		m := &b.members[i]
		at := slices.IndexFunc(m.Listeners, func(l intent.Listener) bool {
			return nonEmpty(l.InboundCIDRs).Set ||
				l.PrefixLists.Set
		})
		if i == without || m.State == quarantine.Rejected || at < 0 || m.Settings.NoSecurityGroups.Or(false) {
			continue
		}
		source := m.Listeners[at].InboundCIDRs.Source
		if !nonEmpty(m.Listeners[at].InboundCIDRs).Set {
			source = m.Listeners[at].PrefixLists.Source
		}
		if without < 0 {
			b.failShared(i, diag.New(m.Object, source.Place(), diag.InvalidAnnotation,
				"the load balancer of the group has no security groups, so nothing restricts the clients of its members' ports",
				"remove the source ranges, or use another group of load balancers"))
			continue
		}
		w := &b.members[without]
		b.failShared(without, diag.New(w.Object, w.Settings.NoSecurityGroups.Source.Place(), diag.InvalidAnnotation,
			fmt.Sprintf("without security groups the load balancer would admit everybody to the ports of %s, which declares "+
				"source ranges", m.Object), "remove the annotation, or use another group of load balancers"))
	}
}

// noteIgnoredRanges notes source ranges that have no effect because another member names security groups. If a
// member names groups itself, the front end notes its ranges.
func (b *build) noteIgnoredRanges() {
	for i := range b.members {
		if b.members[i].Settings.SecurityGroups.Set {
			continue
		}
		for _, l := range b.members[i].Listeners {
			for _, f := range []intent.Field[[]string]{l.InboundCIDRs, l.PrefixLists} {
				if f.Set && len(f.Value) > 0 {
					b.note(i, diag.New(b.members[i].Object, f.Source.Place(), diag.IgnoredSetting,
						"source ranges have no effect together with named security groups: the rules of these groups decide",
						"remove the ranges, or put them into the groups' rules"))
				}
			}
		}
	}
}

// permissions are the rules of the managed group for one port. Without restrictions, a port allows all sources.
func (b *build) permissions(p *port) []stack.Permission {
	cidrs := p.cidrs.Value
	if !p.cidrs.Set && !p.prefixLists.Set {
		cidrs = []string{"0.0.0.0/0"}
		if b.dualstack() {
			cidrs = append(cidrs, "::/0")
		}
	}
	protocols := p.transports
	if len(protocols) == 0 {
		protocols = []string{"tcp"}
	}
	var out []stack.Permission
	for _, protocol := range protocols {
		for _, cidr := range cidrs {
			n, ok := stack.CanonicalRange(cidr)
			if !ok {
				b.failShared(p.cidrs.Member, diag.New(b.members[p.cidrs.Member].Object, p.cidrs.Source.Place(),
					diag.InvalidAnnotation,
					fmt.Sprintf("invalid source range %q: not a CIDR", cidr), "write ranges in CIDR notation, like 10.0.0.0/8"))
				continue
			}
			base := stack.Permission{Protocol: protocol, FromPort: p.number, ToPort: p.number}
			v6 := strings.Contains(n, ":")
			switch {
			case v6 && b.dualstack():
				base.IPv6CIDR = n
				out = append(out, base)
				if p.icmp {
					out = append(out, stack.Permission{Protocol: "icmpv6", FromPort: 2, ToPort: 0, IPv6CIDR: n})
				}
			case v6:
				b.reportIPv6Range(p, n)
			default:
				base.CIDR = n
				out = append(out, base)
				if p.icmp {
					out = append(out, stack.Permission{Protocol: "icmp", FromPort: 3, ToPort: 4, CIDR: n})
				}
			}
		}
		for _, list := range p.prefixLists.Value {
			if !prefixListID.MatchString(list) {
				b.failShared(p.prefixLists.Member, diag.New(b.members[p.prefixLists.Member].Object, p.prefixLists.Source.Place(),
					diag.InvalidAnnotation, fmt.Sprintf("invalid prefix list %q: not an id", list),
					"write ids of prefix lists, like pl-0123456789abcdef0"))
				continue
			}
			out = append(out, stack.Permission{Protocol: protocol, FromPort: p.number, ToPort: p.number, PrefixList: list})
			if p.icmp && b.e.ICMPFromPrefixLists {
				out = append(out, stack.Permission{Protocol: "icmp", FromPort: 3, ToPort: 4, PrefixList: list})
			}
			if p.icmp && b.e.ICMPFromPrefixLists && b.dualstack() { // the family of a list is not known here
				out = append(out, stack.Permission{Protocol: "icmpv6", FromPort: 2, ToPort: 0, PrefixList: list})
			}
		}
	}
	return out
}

// reportIPv6Range reports an IPv6 source range of a load balancer without IPv6 addresses: an error if the existing
// controller has one for this kind of objects, otherwise a note.
func (b *build) reportIPv6Range(p *port, cidr string) {
	report, code := b.note, diag.IgnoredSetting
	if b.e.RefusesIPv6Ranges {
		report, code = b.failShared, diag.InvalidAnnotation
	}
	report(p.cidrs.Member, diag.New(b.members[p.cidrs.Member].Object, p.cidrs.Source.Place(), code,
		fmt.Sprintf("IPv6 source range %s needs a dualstack load balancer", cidr),
		"remove the range, or set IP address type dualstack"))
}
