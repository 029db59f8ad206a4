package diff

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

func groupRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindSecurityGroup, ID: id} }

// matchSecurityGroups pairs wanted groups with observed ones by identity. If several have one identity, the one that
// is most in use counts.
func (d *differ) matchSecurityGroups() {
	sort.SliceStable(d.obs.SecurityGroups, func(i, j int) bool {
		return d.obs.SecurityGroups[i].GroupID < d.obs.SecurityGroups[j].GroupID
	})
	d.sgUse = d.groupUse()
	for _, w := range d.want.SecurityGroups {
		if g := d.servingGroup(w.ID); g != nil {
			d.groups[w.ID] = g
			d.known[groupRef(w.ID)] = g.GroupID
		}
	}
}

func (d *differ) securityGroups() {
	rules := d.arrangedRules()
	for _, w := range d.want.SecurityGroups {
		r := groupRef(w.ID)
		have := d.groups[w.ID]
		if have == nil {
			op := awsop.CreateSecurityGroup{VPC: d.want.VPC, Group: w}
			op.Group.Ingress = nil
			if !w.Shared {
				op.Group.Name = d.nameApart(stack.KindSecurityGroup, w.Name)
			}
			d.made[r] = d.step(plan.Create, r, plan.Normal, op, op.Group.Name).ID
			have = &awsop.SecurityGroup{}
		}
		if w.Shared || d.kept[have.GroupID] {
			continue
		}
		d.permissions(r, have.Ingress, rules[w.ID])
		if have.GroupID == "" {
			continue
		}
		d.tags(r, have.Tags, w.Tags, d.legacyTags()...)
	}
}

// arrangedRules returns the rules that each managed group shall have. Together, the groups allow what is wanted of
// all of them. Existing rules stay, whether single or joined; a few new rules are not joined.
func (d *differ) arrangedRules() map[string][]stack.Permission {
	out := map[string][]stack.Permission{}
	var ids []string
	var have [][]stack.Permission
	var wanted []stack.Permission
	changed := false
	for _, w := range d.want.SecurityGroups {
		out[w.ID] = w.Ingress
		if w.Shared || d.groups[w.ID] != nil && d.kept[d.groups[w.ID].GroupID] {
			continue
		}
		var present []stack.Permission
		if g := d.groups[w.ID]; g != nil {
			present = g.Ingress
		}
		changed = changed || len(missing(w.Ingress, d.resolve, present, canonical.Literal))+
			len(missing(present, canonical.Literal, w.Ingress, d.resolve)) > 0
		ids, have, wanted = append(ids, w.ID), append(have, d.byIdentity(present)), append(wanted, w.Ingress...)
	}
	if !changed || len(ids) == 1 && len(wanted) <= sgrules.JoinAbove && d.lists().Count(wanted) <= d.rulesPerGroup() &&
		!sgrules.Of(have[0]).Equal(sgrules.Of(wanted)) { // a few new rules
		return out
	}
	if rules, ok := d.lists().Arrange(wanted, have, d.rulesPerGroup()); ok {
		for i, id := range ids {
			out[id] = rules[i]
		}
	}
	return out
}

// lists are the prefix lists that are known.
func (d *differ) lists() sgrules.Lists { return d.want.PrefixLists }

func (d *differ) rulesPerGroup() int {
	return cmp.Or(d.opt.RulesPerSecurityGroup, quota.RulesPerSecurityGroup)
}

// byIdentity returns observed rules in which wanted groups appear by identity, as in wanted rules.
func (d *differ) byIdentity(rules []stack.Permission) []stack.Permission {
	out := slices.Clone(rules)
	for i := range out {
		for _, w := range d.want.SecurityGroups {
			if r := groupRef(w.ID); out[i].Group.Literal != "" && d.resolve(r) == out[i].Group.Literal {
				out[i].Group = r
			}
		}
	}
	return out
}

// grant is a step that opens ports in a managed group.
type grant struct {
	step  plan.StepID
	rules []stack.Permission
}

// revocation is a set of rules of a managed group that are removed once their successors exist.
type revocation struct {
	group  stack.Ref
	rules  []stack.Permission
	grants []grant // in the same group
}

// permissions plans the changes of the inbound rules of a managed group, all of which are ours. It adds rules before
// it removes others, unless the group has no room. Rules that replace others on the same ports have their own step,
// so that they do not fail with others. If the load balancer has several managed groups, or their number changes, a
// removed rule may move to another group: its removal waits for all additions, and until the load balancer has its
// groups.
func (d *differ) permissions(r stack.Ref, have, want []stack.Permission) {
	add := missing(want, d.resolve, have, canonical.Literal)
	drop := missing(have, canonical.Literal, want, d.resolve)
	if len(add)+len(drop) == 0 { // as nearly always
		return
	}
	limit := max(d.rulesPerGroup(), d.lists().Count(have))
	first, rest := d.lists().Room(have, add, drop, sgrules.Of(d.byIdentity(want)), limit)
	var made plan.StepID
	if len(first) > 0 {
		made = d.step(plan.Update, r, plan.Normal, awsop.RevokeSecurityGroupIngress{Group: r, Permissions: first},
			d.permissionsText("close ", first)...).ID
	}
	var grants []grant
	replacing, others := samePorts(add, rest)
	for _, rules := range [][]stack.Permission{replacing, others} {
		if len(rules) == 0 {
			continue
		}
		a := plan.Update
		if d.made[r] != "" {
			a = plan.Create
		}
		s := d.step(a, r, plan.Normal, awsop.AuthorizeSecurityGroupIngress{Group: r, Permissions: rules},
			d.permissionsText("open ", rules)...)
		s.Follow(made)
		grants = append(grants, grant{s.ID, rules})
	}
	d.opened = append(d.opened, grants...)
	waiting, rest := d.ofReplacedPorts(rest)
	if len(waiting) > 0 {
		d.closeLater = append(d.closeLater, revocation{r, waiting, nil})
	}
	if len(rest) == 0 {
		return
	}
	later := revocation{r, rest, grants}
	if d.moving() {
		d.toClose = append(d.toClose, later)
		return
	}
	d.revoke(later)
}

// samePorts divides rules by whether one of other rules is for the same ports.
func samePorts(rules, others []stack.Permission) (same, rest []stack.Permission) {
	for _, p := range rules {
		if slices.ContainsFunc(others, func(o stack.Permission) bool { return sharePort(p, o) }) {
			same = append(same, p)
		} else {
			rest = append(rest, p)
		}
	}
	return same, rest
}

// sharePort reports whether two rules share a port of one protocol.
func sharePort(a, b stack.Permission) bool {
	const all = "-1"
	if a.Protocol == all || b.Protocol == all {
		return true
	}
	return a.Protocol == b.Protocol && a.FromPort <= b.ToPort && b.FromPort <= a.ToPort
}

// revoke plans a revocation. Rules on the same ports must be added first, and after must have succeeded. Ports
// without added rules are closed in any case.
func (d *differ) revoke(x revocation, after ...plan.StepID) {
	var opened []stack.Permission
	for _, g := range x.grants {
		opened = append(opened, g.rules...)
	}
	replaced, others := samePorts(x.rules, opened)
	for _, rules := range [][]stack.Permission{replaced, others} {
		if len(rules) == 0 {
			continue
		}
		s := d.step(plan.Update, x.group, plan.Normal, awsop.RevokeSecurityGroupIngress{Group: x.group, Permissions: rules},
			d.permissionsText("close ", rules)...)
		s.Need(after...)
		for _, g := range x.grants {
			if _, other := samePorts(g.rules, rules); len(other) < len(g.rules) {
				s.Need(g.step)
			} else {
				s.Follow(g.step)
			}
		}
	}
}

// closePorts plans the revocations that wait for other groups.
func (d *differ) closePorts() {
	for _, x := range d.toClose {
		x.grants = d.opened
		d.revoke(x, d.attached)
	}
}

// moving reports whether rules may move between managed groups.
func (d *differ) moving() bool {
	n := 0
	for _, w := range d.want.SecurityGroups {
		if stack.IsManagedSecurityGroup(w.ID) {
			n++
		}
	}
	return n > 1 || slices.ContainsFunc(d.obs.SecurityGroups, func(g awsop.SecurityGroup) bool {
		return stack.IsManagedSecurityGroup(g.ID) && g.ID != stack.ManagedSecurityGroup
	})
}

// missing lists the permissions of a that b lacks, each once, in the order in which they are sent.
func missing(a []stack.Permission, ra canonical.Resolver, b []stack.Permission,
	rb canonical.Resolver) []stack.Permission {
	seen := make(map[string]bool, len(b))
	for _, p := range b {
		seen[canonical.PermissionKey(p, rb)] = true
	}
	type keyed struct {
		key string
		p   stack.Permission
	}
	var out []keyed
	for _, p := range a {
		if k := canonical.PermissionKey(p, ra); !seen[k] {
			seen[k] = true
			out = append(out, keyed{k, p})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].key < out[j].key })
	ps := make([]stack.Permission, len(out))
	for i, k := range out {
		ps[i] = k.p
	}
	return ps
}

func (d *differ) permissionsText(verb string, ps []stack.Permission) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		ports := ""
		switch {
		case p.Protocol == "-1":
		case p.FromPort == p.ToPort:
			ports = fmt.Sprintf(" %d", p.FromPort)
		default:
			ports = fmt.Sprintf(" %d-%d", p.FromPort, p.ToPort)
		}
		proto := p.Protocol
		if proto == "-1" {
			proto = "all traffic"
		}
		out[i] = verb + proto + ports + " from " + cmp.Or(cmp.Or(cmp.Or(p.CIDR, p.IPv6CIDR), p.PrefixList),
			d.identities.Of(p.Group))
		if l, known := d.want.PrefixLists[p.PrefixList]; known {
			out[i] += fmt.Sprintf(", which counts as %d rules", l.MaxEntries)
		}
	}
	return out
}

// deleteSecurityGroups deletes unwanted managed groups. The network interfaces of a deleted load balancer remain for
// a while, and AWS deletes a group only after the last of them. Shared groups are never deleted here.
func (d *differ) deleteSecurityGroups() {
	for i := range d.obs.SecurityGroups {
		g := &d.obs.SecurityGroups[i]
		if g.Shared || d.groups[g.ID] == g || !d.mayDelete(g.GroupID) {
			continue
		}
		r := stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID, Literal: g.GroupID}
		s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteSecurityGroup{
			Group: stack.Literal(stack.KindSecurityGroup, g.GroupID)}, "is no longer wanted")
		if first := d.servingGroup(g.ID); first.GroupID != g.GroupID && !d.mayDeleteDuplicate(g.GroupID) {
			d.spare(s, g.GroupID, g.Name, first.GroupID, first.Name)
			continue
		}
		if guard := d.remembered(g.GroupID); guard != nil {
			d.spareAgain(s, g.GroupID, guard)
			continue
		}
		s.Need(d.releases[g.GroupID]...)
		s.Follow(d.deletedBindings...)
	}
}

// DeleteShared plans the deletion of the cluster-wide group, for callers that know that nothing uses it any longer.
func DeleteShared(key stack.Key, g awsop.SecurityGroup) plan.Plan {
	r := stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID, Literal: g.GroupID}
	op := awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, g.GroupID)}
	return plan.Plan{Key: key, Steps: []plan.Step{{
		ID: plan.StepID(plan.NameOf(op) + " " + g.ID), Action: plan.Delete, Resource: r, Op: op, Lane: plan.Normal,
		Why: []string{"no load balancer uses it any more"},
	}}}
}

// TagShared plans the tags that the cluster-wide group lacks, or has with other values. Tags of others stay, and so
// do external ones.
func TagShared(key stack.Key, g awsop.SecurityGroup, want map[string]string, external []string) plan.Plan {
	r := stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID, Literal: g.GroupID}
	set, _, why := (&differ{opt: Options{ExternalTags: external}}).tagChanges(g.Tags, want, nil)
	if len(set) == 0 {
		return plan.Plan{Key: key}
	}
	op := awsop.CreateTags{Group: stack.Literal(stack.KindSecurityGroup, g.GroupID), Tags: set}
	return plan.Plan{Key: key, Steps: []plan.Step{{
		ID: plan.StepID(plan.NameOf(op) + " " + g.ID), Action: plan.Update, Resource: r, Op: op,
		Lane: plan.Cosmetic, Why: why,
	}}}
}
