package vpc

import (
	"fmt"
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// VPC is a virtual network.
type VPC struct {
	ID        string
	Owner     string // account id
	Default   bool
	CIDRs     []CIDR // the first is the primary one
	IPv6CIDRs []CIDR
	Tags      map[string]string

	NoDNSSupport bool // enableDnsSupport is off
	DNSHostnames bool // enableDnsHostnames
}

// CIDR is a block associated with a VPC or a subnet. Only those in state "associated" count.
type CIDR struct {
	Prefix      netip.Prefix
	Association string // association id
	State       string // associating, associated, disassociating, disassociated, failing, failed
}

// VPC finds a VPC by id.
func (c *Network) VPC(id string) (*VPC, bool) {
	v, ok := c.VPCs[id]
	return v, ok
}

// AddVPC adds a VPC with a main route table (local route only) and the default security group, as EC2 does. An empty id
// is replaced by a new one.
func (c *Network) AddVPC(v *VPC) error {
	if len(v.CIDRs) == 0 {
		return fmt.Errorf("vpc %s has no CIDR block", v.ID)
	}
	if v.ID == "" {
		v.ID = c.NewID("vpc")
	}
	if _, ok := c.VPCs[v.ID]; ok {
		return fmt.Errorf("vpc %s exists already", v.ID)
	}
	fillCIDRs(c, v.CIDRs)
	fillCIDRs(c, v.IPv6CIDRs)
	resource.Put(&c.VPCs, v.ID, v)
	main := &RouteTable{ID: c.NewID("rtb"), VPC: v.ID, Owner: v.Owner, Main: true, MainID: c.NewID("rtbassoc")}
	main.Routes = c.LocalRoutes(v)
	resource.Put(&c.RouteTables, main.ID, main)
	g := c.newGroup(v, c.NewID("sg"), "default", "default VPC security group")
	g.Default = true
	g.Ingress = append(g.Ingress, Permission{ID: c.NewID("sgr"), PermissionKey: PermissionKey{Protocol: "-1", From: -1,
		To: -1, Group: g.ID}})
	return nil
}

func fillCIDRs(c *Network, cidrs []CIDR) {
	for i := range cidrs {
		if cidrs[i].State == "" {
			cidrs[i].State = "associated"
		}
		if cidrs[i].Association == "" {
			cidrs[i].Association = c.NewID("vpc-cidr-assoc")
		}
	}
}

// InVPC reports whether the address lies in one of the VPC's associated blocks.
func (v *VPC) InVPC(addr netip.Addr) bool {
	for _, list := range [][]CIDR{v.CIDRs, v.IPv6CIDRs} {
		for _, c := range list {
			if c.State == "associated" && c.Prefix.Contains(addr) {
				return true
			}
		}
	}
	return false
}

// NewIPv6Block is a free /56 out of Amazon's.
func (c *Network) NewIPv6Block() netip.Prefix {
	k := c.NextNumber()
	base := netip.MustParsePrefix("2600:1f14::/32").Addr().As16()
	base[4], base[5], base[6] = byte(k>>16), byte(k>>8), byte(k)
	return netip.PrefixFrom(netip.AddrFrom16(base), 56)
}
