package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// managedGroups adds the groups whose rules the controller writes, if the load balancer has any: one, or as many as its
// rules need. The rules of one are those that are asked for; which of them are joined depends on what stands, and is
// the diff's to say.
func (b *build) managedGroups() {
	first := stack.Ref{Kind: stack.KindSecurityGroup, ID: stack.ManagedSecurityGroup}
	at := slices.Index(b.lb.SecurityGroups, first)
	if at < 0 {
		return
	}
	if b.refuseTooManyRanges() {
		return
	}
	fields := map[string]intent.Source{}
	byPort := make([][]stack.Permission, len(b.ports))
	for i, p := range b.ports {
		byPort[i] = b.permissions(p)
		if p.cidrs.Set {
			fields["InboundCIDRs"] = p.cidrs.Source
		}
	}
	all := unique(slices.Concat(append(byPort, b.frontendPermissions())...))
	rules := [][]stack.Permission{all}
	lists, least, listsKnown := b.prefixLists(all)
	limit, known := b.rulesPerGroup(all, lists)
	if packed := sgrules.Pack(all); known && listsKnown && (lists.Count(packed) > limit || least > 1) {
		room := quota.GroupsPerInterface(limit) - (len(b.lb.SecurityGroups) - 1)
		n, fits := max(least, (lists.Count(packed)+limit-1)/limit), false
		for ; n <= room && !fits; n++ { // a prefix list is in one group as a whole, so that the others may have to take more
			rules, fits = lists.Arrange(packed, make([][]stack.Permission, n), limit)
		}
		if !fits {
			b.refuseRules(byPort, packed, lists, limit, room)
			return
		}
	}
	b.lists = lists
	refs := make([]stack.Ref, 0, len(rules))
	for i := range rules {
		ref := stack.Ref{Kind: first.Kind, ID: stack.NthManagedSecurityGroup(i + 1)}
		name := b.e.Names.SecurityGroup(b.cfg.Cluster, b.e.Key.ID)
		refs = append(refs, ref)
		b.groups = append(b.groups, stack.SecurityGroup{
			ID: ref.ID, Name: naming.NthSecurityGroup(name, i+1), Description: naming.ManagedSecurityGroupDescription,
			Ingress: rules[i], Tags: b.tags(b.settings.tags, ref.ID),
		})
		b.trace(stack.KindSecurityGroup, ref.ID, b.group.All(), fields)
		b.traceKeys(stack.KindSecurityGroup, ref.ID, "Tags", b.settings.tagsSource)
	}
	b.lb.SecurityGroups = slices.Replace(b.lb.SecurityGroups, at, at+1, refs...)
}

// refuseTooManyRanges refuses the ports whose source ranges AWS could not admit in any number of groups, before the
// ranges are multiplied by ports and protocols: an object may declare tens of thousands of ranges. It reports whether
// there is such a port.
func (b *build) refuseTooManyRanges() (refused bool) {
	for _, p := range b.ports {
		b.refuseAbove(p, "source ranges", p.cidrs, sgrules.LeastRules, &refused)
		b.refuseAbove(p, "prefix lists", p.prefixLists, func(lists []string) int { return len(unique(slices.Clone(lists))) },
			&refused)
	}
	return refused
}

// refuseAbove refuses a list of sources for a port that needs more rules at least than AWS allows.
func (b *build) refuseAbove(p *port, what string, list merge.Owned[[]string], least func([]string) int, refused *bool) {
	if len(list.Value) <= quota.RulesPerInterface {
		return
	}
	n := least(list.Value)
	if n <= quota.RulesPerInterface {
		return
	}
	*refused = true
	b.failShared(list.Member, diag.New(b.members[list.Member].Object, list.Source.Place(), diag.QuotaExceeded,
		fmt.Sprintf("%d %s for port %d need at least %d inbound rules: AWS allows %d for all security groups of a load "+
			"balancer; none of them is sent to AWS",
			len(list.Value), what, p.number, n, quota.RulesPerInterface),
		"restrict the port to fewer or wider ranges, or name security groups of your own"))
}

// prefixLists are those that rules name, as far as they can be read: AWS is left to decide of the others, and the load
// balancer keeps at least as many managed groups as it has. known is false until they are looked up.
func (b *build) prefixLists(rules []stack.Permission) (lists sgrules.Lists, least int, known bool) {
	least, known = 1, true
	for _, p := range rules {
		need := facts.Need{Kind: facts.NeedPrefixList, Key: p.PrefixList}
		if p.PrefixList == "" {
			continue
		}
		switch l, asked := b.f.PrefixLists[p.PrefixList]; {
		case b.f.Failed(need) != nil:
			lb, looked := b.existing()
			known = known && looked
			if lb != nil {
				least = max(least, len(lb.ManagedRules))
			}
		case !asked:
			b.require(need)
			known = false
		case l != nil:
			if lists == nil {
				lists = sgrules.Lists{}
			}
			lists[p.PrefixList] = *l
		}
	}
	return lists, least, known
}

// rulesPerGroup is how many rules a managed group may have: the quota, or as many as one of those that exist has, which
// shows that AWS allows this account more. Where the quota is enough it is not asked what exists.
func (b *build) rulesPerGroup(rules []stack.Permission, lists sgrules.Lists) (limit int, known bool) {
	limit = cmp.Or(b.cfg.RulesPerSecurityGroup, quota.RulesPerSecurityGroup)
	if lists.Count(rules) <= limit || lists.Count(sgrules.Pack(rules)) <= limit {
		return limit, true
	}
	lb, known := b.existing()
	if lb != nil {
		for _, g := range lb.ManagedRules {
			limit = max(limit, lists.Count(g))
		}
	}
	return limit, known
}

// refuseRules has the member corrected whose rules do not fit. That is one whose rules do not stand, where there is
// such a one, and of these the one with the most rules; so that a new member does not take the place of those that were
// there before.
func (b *build) refuseRules(byPort [][]stack.Permission, packed []stack.Permission, lists sgrules.Lists,
	limit, room int) {
	var standing sgrules.Traffic
	if lb, _ := b.existing(); lb != nil {
		standing = sgrules.Of(lb.Ingress)
	}
	worst, most, stands := 0, -1, false
	for i, rules := range byPort {
		n, there := lists.Count(sgrules.Pack(rules)),
			!slices.ContainsFunc(rules, func(p stack.Permission) bool { return !standing.Admits(p) })
		if most < 0 || stands && !there || stands == there && n >= most {
			worst, most, stands = i, n, there
		}
	}
	p := b.ports[worst]
	i, source := p.cidrs.Member, p.cidrs.Source
	switch {
	case p.cidrs.Set:
	case p.prefixLists.Set:
		i, source = p.prefixLists.Member, p.prefixLists.Source
	default:
		i, source = p.members[len(p.members)-1], intent.Source{}
	}
	n, listed, instead := lists.Count(packed), "", "ranges"
	if named := lists.Named(packed); len(named) > 0 {
		listed, instead = "; each rule counts as many as its prefix list may have entries ("+strings.Join(named, ", ")+
			"), and these are in one group", "ranges, or to prefix lists of fewer entries"
	}
	b.failShared(i, diag.New(b.members[i].Object, source.Place(), diag.QuotaExceeded,
		fmt.Sprintf("the security groups of the load balancer would need %d inbound rules, %d of them for port %d: they "+
			"may have %d, as AWS allows %d rules in each of %d groups%s; none of them is sent to AWS",
			n, most, p.number, limit*room, limit, room, listed),
		fmt.Sprintf("restrict the port to fewer or wider %s, name security groups of your own, or have the quota %q raised "+
			"in Service Quotas and set --max-rules-per-security-group to it",
			instead, quota.RulesPerSecurityGroupName)))
}
