package account

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

// AddPeering adds a connection. An empty id is replaced by a new one.
func (c *Compute) AddPeering(p *Peering) {
	if p.ID == "" {
		p.ID = c.NewID("pcx")
	}
	put(&c.Peerings, p.ID, p)
}

// Peered tells whether an active connection joins the VPCs.
func (c *Compute) Peered(vpc, other string) bool {
	for _, p := range c.Peerings {
		if p.Status == "active" && (p.Requester == vpc && p.Accepter == other || p.Requester == other && p.Accepter == vpc) {
			return true
		}
	}
	return false
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

// AddNATGateway adds a gateway. An empty id is replaced by a new one.
func (c *Compute) AddNATGateway(g *NATGateway) {
	if g.ID == "" {
		g.ID = c.NewID("nat")
	}
	put(&c.NATGateways, g.ID, g)
}
