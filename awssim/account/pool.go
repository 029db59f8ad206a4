package account

import "net/netip"

// CustomerPool is a pool of customer-owned addresses of an Outpost.
type CustomerPool struct {
	ID         string // ipv4pool-coip-…
	RouteTable string // lgw-rtb-…
	CIDRs      []netip.Prefix
	Tags       map[string]string
}

// IPAMPool is a pool of addresses that IPAM manages; application load balancers may take public ones from it.
type IPAMPool struct {
	ID          string // ipam-pool-…
	Description string
	Family      string // ipv4 or ipv6
	Public      bool   // its addresses are public: its scope is, and its locale is this region
	CIDRs       []netip.Prefix
	Tags        map[string]string
}

// AddCustomerPool adds a pool. An empty id is replaced by a new one.
func (c *Compute) AddCustomerPool(p *CustomerPool) {
	if p.ID == "" {
		p.ID = c.NewID("ipv4pool-coip")
	}
	put(&c.CustomerPools, p.ID, p)
}

// AddIPAMPool adds a pool. An empty id is replaced by a new one.
func (c *Compute) AddIPAMPool(p *IPAMPool) {
	if p.ID == "" {
		p.ID = c.NewID("ipam-pool")
	}
	put(&c.IPAMPools, p.ID, p)
}
