package awsop

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// CreateSecurityGroup creates a group without rules (Group.Ingress is not used).
type CreateSecurityGroup struct {
	VPC   string
	Group stack.SecurityGroup
}

func (CreateSecurityGroup) Refs() []stack.Ref   { return nil }
func (CreateSecurityGroup) Traits() plan.Traits { return plan.Traits{} }
func (o CreateSecurityGroup) Send(s Sender)     { s.CreateSecurityGroup(o) }
func (o CreateSecurityGroup) effect() Effect {
	return Effect{Kind: stack.KindSecurityGroup, Verb: Creates, Name: o.Group.Name}
}
func (o CreateSecurityGroup) advance(a advancer) {
	g := SecurityGroup{GroupID: a.out.ID, SecurityGroup: o.Group}
	g.Ingress, g.Tags = nil, merged(o.Group.Tags, nil)
	a.o.SecurityGroups = added(a.o.SecurityGroups, g, (*SecurityGroup).id)
}

// AuthorizeSecurityGroupIngress adds inbound rules in one atomic call.
type AuthorizeSecurityGroupIngress struct {
	Group       stack.Ref
	Permissions []stack.Permission
}

func (o AuthorizeSecurityGroupIngress) Refs() []stack.Ref {
	return append(groupsOf(o.Permissions), o.Group)
}
func (o AuthorizeSecurityGroupIngress) Traits() plan.Traits {
	return plan.Traits{Quota: plan.Quota{Of: o.Group, Counts: "inbound rules"}}
}
func (o AuthorizeSecurityGroupIngress) Send(s Sender)  { s.AuthorizeSecurityGroupIngress(o) }
func (o AuthorizeSecurityGroupIngress) effect() Effect { return changes(o.Group) }
func (o AuthorizeSecurityGroupIngress) advance(a advancer) {
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

// RevokeSecurityGroupIngress removes inbound rules in one atomic call.
type RevokeSecurityGroupIngress struct {
	Group       stack.Ref
	Permissions []stack.Permission
}

func (o RevokeSecurityGroupIngress) Refs() []stack.Ref {
	return append(groupsOf(o.Permissions), o.Group)
}
func (o RevokeSecurityGroupIngress) Traits() plan.Traits {
	return plan.Traits{Quota: plan.Quota{Of: o.Group, Counts: "inbound rules", Frees: true}}
}
func (o RevokeSecurityGroupIngress) Send(s Sender)  { s.RevokeSecurityGroupIngress(o) }
func (o RevokeSecurityGroupIngress) effect() Effect { return changes(o.Group) }
func (o RevokeSecurityGroupIngress) advance(a advancer) {
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

func (o DeleteSecurityGroup) Refs() []stack.Ref { return []stack.Ref{o.Group} }
func (DeleteSecurityGroup) Traits() plan.Traits {
	return plan.Traits{Removes: true, UsedBy: "the network interfaces and rules that use the security group to go"}
}
func (o DeleteSecurityGroup) Send(s Sender)  { s.DeleteSecurityGroup(o) }
func (o DeleteSecurityGroup) effect() Effect { return deletes(o.Group) }
func (o DeleteSecurityGroup) advance(a advancer) {
	a.o.SecurityGroups = dropped(a.o.SecurityGroups, a.resolve(o.Group), (*SecurityGroup).id)
}

// CreateTags sets tags.
type CreateTags struct {
	Group stack.Ref
	Tags  map[string]string
}

func (o CreateTags) Refs() []stack.Ref   { return []stack.Ref{o.Group} }
func (o CreateTags) Traits() plan.Traits { return plan.Traits{Setting: "Tags", Values: o.Tags} }
func (o CreateTags) Send(s Sender)       { s.CreateTags(o) }
func (o CreateTags) effect() Effect      { return retags(o.Group) }
func (o CreateTags) advance(a advancer) {
	a.securityGroup(o.Group, func(g *SecurityGroup) { g.Tags = merged(g.Tags, o.Tags) })
}

// DeleteTags removes tags by key. A group without the tag of its identity is the stack's no more.
type DeleteTags struct {
	Group stack.Ref
	Keys  []string
}

func (o DeleteTags) Refs() []stack.Ref { return []stack.Ref{o.Group} }
func (DeleteTags) Traits() plan.Traits { return plan.Traits{} }
func (o DeleteTags) Send(s Sender)     { s.DeleteTags(o) }
func (o DeleteTags) effect() Effect    { return retags(o.Group) }
func (o DeleteTags) advance(a advancer) {
	if slices.Contains(o.Keys, naming.ResourceTag(a.o.Key.Owner)) {
		a.o.SecurityGroups = dropped(a.o.SecurityGroups, a.resolve(o.Group), (*SecurityGroup).id)
	}
	a.securityGroup(o.Group, func(g *SecurityGroup) { g.Tags = without(g.Tags, o.Keys) })
}

func (g *SecurityGroup) id() string { return g.GroupID }

func (a advancer) securityGroup(r stack.Ref, change func(*SecurityGroup)) {
	if g := found(a.o.SecurityGroups, a.resolve(r), (*SecurityGroup).id); g != nil {
		change(g)
	}
}

// groupsOf are the security groups that permissions name.
func groupsOf(ps []stack.Permission) []stack.Ref {
	var out []stack.Ref
	for _, p := range ps {
		if p.Group != (stack.Ref{}) {
			out = append(out, p.Group)
		}
	}
	return out
}
