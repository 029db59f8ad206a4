package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// CreateSecurityGroup creates a group without rules (Group.Ingress is not used).
type CreateSecurityGroup struct {
	VPC   string
	Group stack.SecurityGroup
}

func (o CreateSecurityGroup) About() *plan.About {
	return creates(stack.KindSecurityGroup, o.Group.Name).About
}
func (o CreateSecurityGroup) advance(a *advancer) {
	g := SecurityGroup{GroupID: a.out.ID, SecurityGroup: o.Group}
	g.Ingress, g.Tags = nil, merged(o.Group.Tags, nil)
	a.o.SecurityGroups = added(a.o.SecurityGroups, g, (*SecurityGroup).id)
}

// AuthorizeSecurityGroupIngress adds inbound rules in one atomic call.
type AuthorizeSecurityGroupIngress struct {
	Group       stack.Ref
	Permissions []stack.Permission
}

func (o AuthorizeSecurityGroupIngress) About() *plan.About {
	return changes(o.Group).permits(o.Permissions).takes(o.Group, "inbound rules").About
}
func (o AuthorizeSecurityGroupIngress) advance(a *advancer) {
	a.securityGroup(o.Group, func(g *SecurityGroup) {
		g.Ingress = slices.Clone(g.Ingress)
		for _, p := range o.Permissions {
			if p.Group != (stack.Ref{}) {
				p.Group = a.known(p.Group)
			}
			g.Ingress = append(g.Ingress, p)
		}
	})
}

// apart returns an operation for each prefix list and each security group that is a source, and one for all ranges,
// which were checked before. nil = there is one of these, or the group is not one of a load balancer.
func (o AuthorizeSecurityGroupIngress) apart() (out []plan.Operation) {
	if o.Group.Literal != "" {
		return nil
	}
	var sources []string
	of := map[string][]stack.Permission{}
	for _, p := range o.Permissions {
		source := p.PrefixList + p.Group.ID + p.Group.Literal
		if of[source] == nil {
			sources = append(sources, source)
		}
		of[source] = append(of[source], p)
	}
	for _, source := range sources {
		out = append(out, AuthorizeSecurityGroupIngress{o.Group, of[source]})
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// RevokeSecurityGroupIngress removes inbound rules in one atomic call.
type RevokeSecurityGroupIngress struct {
	Group       stack.Ref
	Permissions []stack.Permission
}

func (o RevokeSecurityGroupIngress) About() *plan.About {
	return changes(o.Group).permits(o.Permissions).frees(o.Group, "inbound rules").About
}
func (o RevokeSecurityGroupIngress) advance(a *advancer) {
	gone := map[string]bool{}
	for _, p := range o.Permissions {
		gone[canonical.PermissionKey(p, a.resolve)] = true
	}
	a.securityGroup(o.Group, func(g *SecurityGroup) {
		g.Ingress = slices.DeleteFunc(slices.Clone(g.Ingress), func(p stack.Permission) bool {
			return gone[canonical.PermissionKey(p, canonical.Literal)]
		})
	})
}

// DeleteSecurityGroup deletes a group; AWS refuses while a network interface uses it.
type DeleteSecurityGroup struct{ Group stack.Ref }

func (o DeleteSecurityGroup) About() *plan.About {
	return deletes(o.Group, "the network interfaces and rules that use the security group to go").About
}
func (o DeleteSecurityGroup) advance(a *advancer) {
	a.o.SecurityGroups = dropped(a.o.SecurityGroups, a.resolve(o.Group), (*SecurityGroup).id)
}

// CreateTags sets tags.
type CreateTags struct {
	Group stack.Ref
	Tags  map[string]string
}

func (o CreateTags) About() *plan.About {
	return retags(o.Group).entries("Tags", o.Tags, func(some map[string]string) plan.Operation {
		o.Tags = some
		return o
	}).writes(drift.Tags, o.Group, FieldTag).About
}
func (o CreateTags) advance(a *advancer) {
	a.securityGroup(o.Group, func(g *SecurityGroup) { g.Tags = merged(g.Tags, o.Tags) })
}

// DeleteTags removes tags by key. A group without the tag of its identity is the stack's no more.
type DeleteTags struct {
	Group stack.Ref
	Keys  []string
}

func (o DeleteTags) About() *plan.About {
	return retags(o.Group).drops(o.Keys, func(some []string) plan.Operation {
		o.Keys = some
		return o
	}).writes(drift.Tags, o.Group, FieldTag).About
}
func (o DeleteTags) advance(a *advancer) {
	if slices.Contains(o.Keys, naming.ResourceTag(a.o.Key.Owner)) {
		a.o.SecurityGroups = dropped(a.o.SecurityGroups, a.resolve(o.Group), (*SecurityGroup).id)
	}
	a.securityGroup(o.Group, func(g *SecurityGroup) { g.Tags = without(g.Tags, o.Keys) })
}

func (g *SecurityGroup) id() string { return g.GroupID }

func (a *advancer) securityGroup(r stack.Ref, change func(*SecurityGroup)) {
	update(a.o.SecurityGroups, a.resolve(r), (*SecurityGroup).id, change)
}

// permits is for operations on inbound rules, which may name security groups.
func (a about) permits(ps []stack.Permission) about {
	var groups []stack.Ref
	for _, p := range ps {
		if p.Group != (stack.Ref{}) {
			groups = append(groups, p.Group)
		}
	}
	a.Refs = append(groups, a.Refs...)
	return a.writes(drift.SecurityGroupRules, stack.Ref{}, FieldInbound)
}
