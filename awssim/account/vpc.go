package account

import (
	"fmt"
	"net/netip"
	"strings"
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

// InternetGateway lets the subnets that route to it reach the internet.
type InternetGateway struct {
	ID    string
	Owner string
	VPCs  []string // attached VPCs, at most one in AWS
	Tags  map[string]string
}

// RouteTable holds the routes of the subnets that are associated with it. Subnets without an association use the main one.
type RouteTable struct {
	ID      string
	VPC     string
	Owner   string
	Main    bool
	MainID  string            // association id of the main association
	Subnets map[string]string // subnet id → association id; explicit associations only
	Routes  []Route
	Tags    map[string]string
}

// Route is one entry of a route table.
type Route struct {
	Destination string // an IPv4 or IPv6 CIDR, or a prefix list id
	Gateway     string // igw-…, vgw-…, eigw-…, or "local"
	NATGateway  string // nat-…
	Peering     string // pcx-…
	Interface   string // eni-…
	Transit     string // tgw-…
	State       string // active or blackhole
}

// AvailabilityZone is an availability, local or wavelength zone.
type AvailabilityZone struct {
	Name        string // us-west-2a
	ID          string // usw2-az1
	Type        string // availability-zone, local-zone, wavelength-zone
	State       string // available, impaired, unavailable
	OptInStatus string // opt-in-not-required, opted-in, not-opted-in
	Group       string // us-west-2, us-west-2-lax-1
	ParentName  string // of local and wavelength zones
	ParentID    string
}

// PrefixList is a named list of CIDRs; a rule that refers to it counts MaxEntries times against the rule quota.
type PrefixList struct {
	ID         string
	Name       string
	Owner      string
	MaxEntries int
	Entries    []netip.Prefix
	Tags       map[string]string

	Family       string // IPv4 or IPv6; empty: that of the first entry, else IPv4
	Version      int64  // less one: the zero value is a list that never changed
	Descriptions map[netip.Prefix]string
}

// AddressFamily is IPv4 or IPv6.
func (l *PrefixList) AddressFamily() string {
	switch {
	case l.Family != "":
		return l.Family
	case len(l.Entries) > 0 && l.Entries[0].Addr().Is6():
		return "IPv6"
	}
	return "IPv4"
}

// ElasticAddress is a public address that the account holds.
type ElasticAddress struct {
	Allocation   string // eipalloc-…
	CustomerPool string // that it came from, of an Outpost
	Association  string // eipassoc-… while in use
	Public       netip.Addr
	Interface    string // eni-… while in use
	Private      netip.Addr
	Tags         map[string]string
}

// VPC finds a VPC by id.
func (c *Compute) VPC(id string) (*VPC, bool) {
	v, ok := c.VPCs[id]
	return v, ok
}

// AddVPC adds a VPC with a main route table (local route only) and the default security group, as EC2 does. An empty id is
// replaced by a new one.
func (a *Account) AddVPC(v *VPC) error {
	if len(v.CIDRs) == 0 {
		return fmt.Errorf("vpc %s has no CIDR block", v.ID)
	}
	if v.ID == "" {
		v.ID = a.NewID("vpc")
	}
	if _, ok := a.VPCs[v.ID]; ok {
		return fmt.Errorf("vpc %s exists already", v.ID)
	}
	if v.Owner == "" {
		v.Owner = a.ID
	}
	fillCIDRs(&a.Compute, v.CIDRs)
	fillCIDRs(&a.Compute, v.IPv6CIDRs)
	put(&a.VPCs, v.ID, v)
	main := &RouteTable{ID: a.NewID("rtb"), VPC: v.ID, Owner: v.Owner, Main: true, MainID: a.NewID("rtbassoc")}
	main.Routes = a.LocalRoutes(v)
	put(&a.RouteTables, main.ID, main)
	g := a.newGroup(v, a.NewID("sg"), "default", "default VPC security group")
	g.Default = true
	g.Ingress = append(g.Ingress, Permission{ID: a.NewID("sgr"), PermissionKey: PermissionKey{Protocol: "-1", From: -1, To: -1, Group: g.ID}})
	return nil
}

func fillCIDRs(c *Compute, cidrs []CIDR) {
	for i := range cidrs {
		if cidrs[i].State == "" {
			cidrs[i].State = "associated"
		}
		if cidrs[i].Association == "" {
			cidrs[i].Association = c.NewID("vpc-cidr-assoc")
		}
	}
}

// LocalRoutes are the routes that every table of a VPC has: its own blocks.
func (c *Compute) LocalRoutes(v *VPC) []Route {
	var routes []Route
	for _, block := range append(append([]CIDR(nil), v.CIDRs...), v.IPv6CIDRs...) {
		routes = append(routes, Route{Destination: block.Prefix.String(), Gateway: "local", State: "active"})
	}
	return routes
}

// AddRouteTable adds an explicit route table. An empty id is replaced by a new one.
func (c *Compute) AddRouteTable(t *RouteTable) {
	if t.ID == "" {
		t.ID = c.NewID("rtb")
	}
	put(&c.RouteTables, t.ID, t)
}

// AddInternetGateway adds a gateway. An empty id is replaced by a new one.
func (c *Compute) AddInternetGateway(g *InternetGateway) {
	if g.ID == "" {
		g.ID = c.NewID("igw")
	}
	put(&c.InternetGateways, g.ID, g)
}

// AddPrefixList adds a prefix list. An empty id is replaced by a new one.
func (c *Compute) AddPrefixList(l *PrefixList) {
	if l.ID == "" {
		l.ID = c.NewID("pl")
	}
	put(&c.PrefixLists, l.ID, l)
}

// AddZone adds a zone under its name.
func (c *Compute) AddZone(z *AvailabilityZone) { put(&c.Zones, z.Name, z) }

// AddAddress adds an Elastic IP address; empty id and invalid address are replaced by new ones.
func (c *Compute) AddAddress(e *ElasticAddress) {
	if e.Allocation == "" {
		e.Allocation = c.NewID("eipalloc")
	}
	if !e.Public.IsValid() {
		e.Public = c.NewPublicAddress()
	}
	put(&c.Addresses, e.Allocation, e)
}

// NewPublicAddress hands out addresses of 198.18.0.0/15, which is set aside for benchmarks and routed nowhere.
func (c *Compute) NewPublicAddress() netip.Addr {
	c.publicsUsed++
	n := c.publicsUsed
	return netip.AddrFrom4([4]byte{198, byte(18 + n>>16&1), byte(n >> 8), byte(n)})
}

// RouteTableOf is the table that a subnet uses: the one associated with it, or else the main one of its VPC.
func (c *Compute) RouteTableOf(s *Subnet) *RouteTable {
	var main *RouteTable
	for _, t := range c.RouteTables {
		if _, ok := t.Subnets[s.ID]; ok {
			return t
		}
		if t.Main && t.VPC == s.VPC {
			main = t
		}
	}
	return main
}

// RoutesToInternet tells whether the subnet has an active default route to an internet gateway.
func (c *Compute) RoutesToInternet(s *Subnet) bool {
	t := c.RouteTableOf(s)
	if t == nil {
		return false
	}
	for _, r := range t.Routes {
		if r.State == "active" && strings.HasPrefix(r.Gateway, "igw-") && (r.Destination == "0.0.0.0/0" || r.Destination == "::/0") {
			return true
		}
	}
	return false
}

// InVPC tells whether the address lies in one of the VPC's associated blocks.
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
