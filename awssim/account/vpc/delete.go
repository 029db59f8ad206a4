package vpc

import (
	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// dependent is the lowest of the ids that hold, so that answers repeat; "" if none does.
func dependent[T any](m map[string]T, holds func(T) bool) string {
	first := ""
	for id, v := range m {
		if holds(v) && (first == "" || id < first) {
			first = id
		}
	}
	return first
}

// VPCDependent names something that keeps a VPC from being deleted; its main route table and default group do not.
func (c *Network) VPCDependent(id string) string {
	for _, by := range []string{
		dependent(c.Subnets, func(s *Subnet) bool { return s.VPC == id }),
		dependent(c.Interfaces, func(n *Interface) bool { return n.VPC == id }),
		dependent(c.InternetGateways, func(g *InternetGateway) bool { return len(g.VPCs) > 0 && g.VPCs[0] == id }),
		dependent(c.RouteTables, func(t *RouteTable) bool { return t.VPC == id && !t.Main }),
		dependent(c.SecurityGroups, func(g *SecurityGroup) bool { return g.VPC == id && !g.Default }),
		dependent(c.Peerings, func(p *Peering) bool {
			return p.Status == "active" && (p.Requester == id || p.Accepter == id)
		}),
	} {
		if by != "" {
			return by
		}
	}
	if g, ok := c.DefaultGroup(id); ok {
		return c.GroupDependent(g.ID)
	}
	return ""
}

// DeleteVPC removes a VPC with its main route table and default group. It fails with *NotFoundError, or
// *DependencyError while something is in it.
func (c *Network) DeleteVPC(id string) error {
	if _, ok := c.VPCs[id]; !ok {
		return resource.NotFound("vpc", id)
	}
	if by := c.VPCDependent(id); by != "" {
		return resource.InUse(id, by)
	}
	for _, t := range c.RouteTables {
		if t.VPC == id {
			delete(c.RouteTables, t.ID)
		}
	}
	if g, ok := c.DefaultGroup(id); ok {
		delete(c.SecurityGroups, g.ID)
	}
	for _, g := range c.SecurityGroups {
		g.Dissociate(id)
	}
	delete(c.VPCs, id)
	return nil
}

// DeleteSubnet removes a subnet. It fails with *NotFoundError, or *DependencyError while an interface is in it.
func (c *Network) DeleteSubnet(id string) error {
	if _, ok := c.Subnets[id]; !ok {
		return resource.NotFound("subnet", id)
	}
	if by := dependent(c.Interfaces, func(n *Interface) bool { return n.Subnet == id }); by != "" {
		return resource.InUse(id, by)
	}
	for _, t := range c.RouteTables {
		delete(t.Subnets, id)
	}
	delete(c.Subnets, id)
	return nil
}

// PublicAddressIn names an interface in the VPC that has a public address, "" if none has.
func (c *Network) PublicAddressIn(vpc string) string {
	return dependent(c.Interfaces, func(n *Interface) bool {
		if n.VPC != vpc {
			return false
		}
		for _, a := range n.Addresses {
			if a.Public.IsValid() {
				return true
			}
		}
		return false
	})
}
