package vpc

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// SecurityGroup is a set of permissions. Describe calls group them; here each stands alone, with its own rule id.
type SecurityGroup struct {
	ID             string
	Name           string
	Description    string
	VPC            string
	Owner          string
	Default        bool     // the VPC's group named "default", which cannot be deleted
	AssociatedVPCs []string // other VPCs that may use it
	Ingress        []Permission
	Egress         []Permission
	Tags           map[string]string
}

// UsableIn reports whether the group may be used in the VPC: its own, or one that it is associated with.
func (g *SecurityGroup) UsableIn(vpc string) bool {
	return g.VPC == vpc || slices.Contains(g.AssociatedVPCs, vpc)
}

// PermissionKey is what makes two permissions the same to EC2: everything but the description. Exactly one of CIDR,
// Group and PrefixList is set.
type PermissionKey struct {
	Protocol   string // "tcp", "udp", "icmp", "icmpv6", a number, or "-1" for all
	From, To   int32  // ports; ICMP type and code; -1 where they do not apply
	CIDR       netip.Prefix
	Group      string // security group id
	PrefixList string
}

// Permission is one rule of a security group.
type Permission struct {
	PermissionKey
	ID          string // sgr-…
	Description string
	PeerOwner   string // account of the group referred to
	Peering     string // VPC peering connection of the group referred to
	Tags        map[string]string
}

// Permits reports whether the permission covers the protocol ("tcp" or "udp"), the port and the peer address. A
// permission for a group covers the addresses for which member is true; prefix lists likewise.
func (p PermissionKey) Permits(protocol string, port int32, peer netip.Addr,
	member func(p PermissionKey, peer netip.Addr) bool) bool {
	if p.Protocol != "-1" {
		if p.Protocol != protocol || port < p.From || port > p.To {
			return false
		}
	}
	if p.CIDR.IsValid() {
		return p.CIDR.Contains(peer)
	}
	return member != nil && member(p, peer)
}

// Permits reports whether any ingress permission of the groups lets peer reach the protocol and port. Groups and prefix
// lists that permissions refer to are resolved through the interfaces of the account.
func (c *Network) Permits(groups []string, protocol string, port int32, peer netip.Addr) bool {
	for _, id := range groups {
		g, ok := c.SecurityGroups[id]
		if !ok {
			continue
		}
		member := func(p PermissionKey, peer netip.Addr) bool {
			if p.Group != "" {
				n, ok := c.InterfaceAt(g.VPC, peer)
				return ok && slices.Contains(n.Groups, p.Group)
			}
			l, ok := c.PrefixLists[p.PrefixList]
			return ok && slices.ContainsFunc(l.Entries, func(e netip.Prefix) bool { return e.Contains(peer) })
		}
		for _, p := range g.Ingress {
			if p.Permits(protocol, port, peer, member) {
				return true
			}
		}
	}
	return false
}

// SecurityGroup finds a security group by id.
func (c *Network) SecurityGroup(id string) (*SecurityGroup, bool) {
	g, ok := c.SecurityGroups[id]
	return g, ok
}

// NewSecurityGroup makes a group as EC2 does: no ingress, all egress. An empty id is replaced by a new one. It fails
// with *NotFoundError for an unknown VPC; whether the name is free is the caller's to check (see GroupNamed).
func (c *Network) NewSecurityGroup(vpc, id, name, description string) (*SecurityGroup, error) {
	v, ok := c.VPCs[vpc]
	if !ok {
		return nil, resource.NotFound("vpc", vpc)
	}
	if id == "" {
		id = c.NewID("sg")
	}
	return c.newGroup(v, id, name, description), nil
}

func (c *Network) newGroup(v *VPC, id, name, description string) *SecurityGroup {
	g := &SecurityGroup{ID: id, Name: name, Description: description, VPC: v.ID, Owner: v.Owner}
	all := PermissionKey{Protocol: "-1", From: -1, To: -1}
	blocks := []string{"0.0.0.0/0"}
	if len(v.IPv6CIDRs) > 0 {
		blocks = append(blocks, "::/0")
	}
	for _, b := range blocks {
		all.CIDR = netip.MustParsePrefix(b)
		g.Egress = append(g.Egress, Permission{ID: c.NewID("sgr"), PermissionKey: all})
	}
	resource.Put(&c.SecurityGroups, id, g)
	return g
}

// GroupNamed finds the group of that name in the VPC.
func (c *Network) GroupNamed(vpc, name string) (*SecurityGroup, bool) {
	for _, g := range c.SecurityGroups {
		if g.VPC == vpc && g.Name == name {
			return g, true
		}
	}
	return nil, false
}

// DefaultGroup is the security group that things in the VPC get when none is named.
func (c *Network) DefaultGroup(vpc string) (*SecurityGroup, bool) {
	return c.GroupNamed(vpc, "default")
}

// GroupDependent names something that keeps the group from being deleted: an interface that uses it, another group's
// rule that refers to it, or another VPC that it is associated with. It is empty if nothing does.
func (c *Network) GroupDependent(id string) string {
	first := "" // the lowest id, so that answers repeat
	found := func(other string) {
		if first == "" || other < first {
			first = other
		}
	}
	for eni, n := range c.Interfaces {
		if slices.Contains(n.Groups, id) {
			found(eni)
		}
	}
	refers := func(p Permission) bool { return p.Group == id }
	for other, g := range c.SecurityGroups {
		if other != id && (slices.ContainsFunc(g.Ingress, refers) || slices.ContainsFunc(g.Egress, refers)) {
			found(other)
		}
	}
	if g, ok := c.SecurityGroups[id]; ok && first == "" && len(g.AssociatedVPCs) > 0 {
		return g.AssociatedVPCs[0]
	}
	return first
}

// DeleteSecurityGroup removes a group. It fails with *NotFoundError, or *DependencyError while something uses it.
func (c *Network) DeleteSecurityGroup(id string) error {
	if _, ok := c.SecurityGroups[id]; !ok {
		return resource.NotFound("security group", id)
	}
	if by := c.GroupDependent(id); by != "" {
		return resource.InUse(id, by)
	}
	delete(c.SecurityGroups, id)
	return nil
}

func (c *Network) permissionByID(id string) *Permission {
	for _, g := range c.SecurityGroups {
		for _, list := range [][]Permission{g.Ingress, g.Egress} {
			for i := range list {
				if list[i].ID == id {
					return &list[i]
				}
			}
		}
	}
	return nil
}

// Dissociate takes the group away from a VPC that is not its own.
func (g *SecurityGroup) Dissociate(vpc string) {
	g.AssociatedVPCs = slices.DeleteFunc(g.AssociatedVPCs, func(v string) bool { return v == vpc })
}

// Clone is a copy that changes of the group leave as it is.
func (g *SecurityGroup) Clone() *SecurityGroup {
	was := *g
	was.Ingress, was.Egress, was.AssociatedVPCs = slices.Clone(g.Ingress), slices.Clone(g.Egress),
		slices.Clone(g.AssociatedVPCs)
	was.Tags = maps.Clone(g.Tags)
	return &was
}
