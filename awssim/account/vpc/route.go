package vpc

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// RouteTable holds the routes of the subnets that are associated with it. Subnets without an association use the main
// one.
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

// InternetGateway lets the subnets that route to it reach the internet.
type InternetGateway struct {
	ID    string
	Owner string
	VPCs  []string // attached VPCs, at most one in AWS
	Tags  map[string]string
}

// NATGateway translates addresses for a VPC's private subnets. No traffic goes through it here.
type NATGateway struct {
	ID         string
	VPC        string
	Subnet     string
	Private    bool   // no public address
	Interface  string // eni-…
	Allocation string // eipalloc-…
	State      string // available, deleted
	Tags       map[string]string
}

// Peering connects two VPCs; the other one may belong to another account or region, which are not simulated.
type Peering struct {
	ID         string
	Requester  string // VPC id
	Accepter   string // VPC id
	PeerOwner  string // account of the accepter
	PeerRegion string
	Status     string // pending-acceptance, active, deleted
	Tags       map[string]string
}

// AddRouteTable adds an explicit route table. An empty id is replaced by a new one.
func (c *Network) AddRouteTable(t *RouteTable) {
	if t.ID == "" {
		t.ID = c.NewID("rtb")
	}
	resource.Put(&c.RouteTables, t.ID, t)
}

// AddInternetGateway adds a gateway. An empty id is replaced by a new one.
func (c *Network) AddInternetGateway(g *InternetGateway) {
	if g.ID == "" {
		g.ID = c.NewID("igw")
	}
	resource.Put(&c.InternetGateways, g.ID, g)
}

// HasInternetGateway reports whether an internet gateway is attached to the VPC.
func (c *Network) HasInternetGateway(vpc string) bool {
	for _, g := range c.InternetGateways {
		if slices.Contains(g.VPCs, vpc) {
			return true
		}
	}
	return false
}

// AddNATGateway adds a gateway. An empty id is replaced by a new one.
func (c *Network) AddNATGateway(g *NATGateway) {
	if g.ID == "" {
		g.ID = c.NewID("nat")
	}
	resource.Put(&c.NATGateways, g.ID, g)
}

// AddPeering adds a connection. An empty id is replaced by a new one.
func (c *Network) AddPeering(p *Peering) {
	if p.ID == "" {
		p.ID = c.NewID("pcx")
	}
	resource.Put(&c.Peerings, p.ID, p)
}

// LocalRoutes are the routes that every table of a VPC has: its own blocks.
func (c *Network) LocalRoutes(v *VPC) []Route {
	var routes []Route
	for _, block := range append(append([]CIDR(nil), v.CIDRs...), v.IPv6CIDRs...) {
		routes = append(routes, Route{Destination: block.Prefix.String(), Gateway: "local", State: "active"})
	}
	return routes
}

// RouteTableOf is the table that a subnet uses: the one associated with it, or else the main one of its VPC.
func (c *Network) RouteTableOf(s *Subnet) *RouteTable {
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

// RoutesToInternet reports whether the subnet has an active default route to an internet gateway.
func (c *Network) RoutesToInternet(s *Subnet) bool {
	t := c.RouteTableOf(s)
	if t == nil {
		return false
	}
	for _, r := range t.Routes {
		if r.State == "active" && strings.HasPrefix(r.Gateway, "igw-") && (r.Destination == "0.0.0.0/0" ||
			r.Destination == "::/0") {
			return true
		}
	}
	return false
}

// Peered reports whether an active connection joins the VPCs.
func (c *Network) Peered(vpc, other string) bool {
	for _, p := range c.Peerings {
		if p.Status == "active" && (p.Requester == vpc && p.Accepter == other || p.Requester == other && p.Accepter == vpc) {
			return true
		}
	}
	return false
}

// BlackholeRoutes marks the routes as broken that lead to what is gone.
func (c *Network) BlackholeRoutes(gone func(Route) bool) {
	for _, t := range c.RouteTables {
		for i := range t.Routes {
			if gone(t.Routes[i]) {
				t.Routes[i].State = "blackhole"
			}
		}
	}
}
