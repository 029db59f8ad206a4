package diff

import (
	"cmp"
	"fmt"
	"sort"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func groupRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindSecurityGroup, ID: id} }

// matchSecurityGroups pairs wanted groups with observed ones by identity; of several the one that is most in use stays.
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
	for _, w := range d.want.SecurityGroups {
		r := groupRef(w.ID)
		have := d.groups[w.ID]
		if have == nil {
			op := elb.CreateSecurityGroup{VPC: d.want.VPC, Group: w}
			op.Group.Ingress = nil
			d.made[r] = d.step(plan.Create, r, plan.Normal, op, w.Name).ID
			have = &elb.SecurityGroup{}
		}
		if w.Shared || d.kept[have.GroupID] {
			continue
		}
		d.permissions(r, have.Ingress, w.Ingress)
		if have.GroupID == "" {
			continue
		}
		d.tags(r, have.Tags, w.Tags, d.legacyTags()...)
	}
}

// permissions plans at most one authorisation and one revocation; all inbound rules of a managed group are ours.
func (d *differ) permissions(r stack.Ref, have, want []stack.Permission) {
	add := missing(want, d.resolve, have, canonical.Literal)
	drop := missing(have, canonical.Literal, want, d.resolve)
	var granted plan.StepID
	if len(add) > 0 {
		a := plan.Update
		if d.made[r] != "" {
			a = plan.Create
		}
		granted = d.step(a, r, plan.Normal, elb.AuthorizeSecurityGroupIngress{Group: r, Permissions: add}, d.permissionsText("open ", add)...).ID
	}
	if len(drop) > 0 {
		d.step(plan.Update, r, plan.Normal, elb.RevokeSecurityGroupIngress{Group: r, Permissions: drop}, d.permissionsText("close ", drop)...).Follow(granted)
	}
}

// missing lists the permissions of a that b lacks, each once, in the order in which they are sent.
func missing(a []stack.Permission, ra canonical.Resolver, b []stack.Permission, rb canonical.Resolver) []stack.Permission {
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
		out[i] = verb + proto + ports + " from " + cmp.Or(cmp.Or(cmp.Or(p.CIDR, p.IPv6CIDR), p.PrefixList), d.identities.Of(p.Group))
	}
	return out
}

// deleteSecurityGroups deletes managed groups that are not wanted. The network interfaces of a load balancer outlive it, so
// the last of them decides when AWS lets go; shared groups are never deleted here.
func (d *differ) deleteSecurityGroups() {
	for i := range d.obs.SecurityGroups {
		g := &d.obs.SecurityGroups[i]
		if g.Shared || d.groups[g.ID] == g || !d.mayDelete(g.GroupID) {
			continue
		}
		r := stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID, Literal: g.GroupID}
		s := d.step(plan.Delete, r, plan.Normal, elb.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, g.GroupID)}, "is not wanted any more")
		if first := d.servingGroup(g.ID); first.GroupID != g.GroupID && !d.consented(g.GroupID) {
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

// DeleteShared plans the deletion of the cluster-wide group, for callers that know that nothing uses it any more.
func DeleteShared(key stack.Key, g elb.SecurityGroup) plan.Plan {
	r := stack.Ref{Kind: stack.KindSecurityGroup, ID: g.ID, Literal: g.GroupID}
	op := elb.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, g.GroupID)}
	return plan.Plan{Key: key, Steps: []plan.Step{{
		ID: plan.StepID(plan.NameOf(op) + " " + g.ID), Action: plan.Delete, Resource: r, Op: op, Lane: plan.Normal, Why: []string{"no load balancer uses it any more"},
	}}}
}
