package vpc

import (
	"net/netip"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

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

// Associate makes an Elastic IP the public address of a private address of an interface. What either had before is
// gone.
func (c *Network) Associate(e *ElasticAddress, n *Interface, private netip.Addr) {
	c.Dissociate(e)
	for i := range n.Addresses {
		if n.Addresses[i].Addr != private {
			continue
		}
		if old, ok := c.Addresses[n.Addresses[i].Allocation]; ok {
			c.Dissociate(old)
		}
		e.Association, e.Interface, e.Private = c.NewID("eipassoc"), n.ID, private
		n.Addresses[i].Public, n.Addresses[i].PublicOwner = e.Public, n.Owner
		n.Addresses[i].Allocation, n.Addresses[i].Association = e.Allocation, e.Association
	}
}

// Dissociate frees an Elastic IP.
func (c *Network) Dissociate(e *ElasticAddress) {
	if n, ok := c.Interfaces[e.Interface]; ok {
		for i := range n.Addresses {
			if n.Addresses[i].Allocation == e.Allocation {
				n.Addresses[i] = PrivateAddress{Addr: n.Addresses[i].Addr}
			}
		}
	}
	e.Association, e.Interface, e.Private = "", "", netip.Addr{}
}

// AddAddress adds an Elastic IP address; empty id and invalid address are replaced by new ones.
func (c *Network) AddAddress(e *ElasticAddress) {
	if e.Allocation == "" {
		e.Allocation = c.NewID("eipalloc")
	}
	if !e.Public.IsValid() {
		e.Public = c.NewPublicAddress()
	}
	resource.Put(&c.Addresses, e.Allocation, e)
}

// NewPublicAddress hands out addresses of 198.18.0.0/15, which is set aside for benchmarks and routed nowhere.
func (c *Network) NewPublicAddress() netip.Addr {
	c.publicsUsed++
	n := c.publicsUsed
	return netip.AddrFrom4([4]byte{198, byte(18 + n>>16&1), byte(n >> 8), byte(n)})
}

// AddCustomerPool adds a pool. An empty id is replaced by a new one.
func (c *Network) AddCustomerPool(p *CustomerPool) {
	if p.ID == "" {
		p.ID = c.NewID("ipv4pool-coip")
	}
	resource.Put(&c.CustomerPools, p.ID, p)
}

// AddIPAMPool adds a pool. An empty id is replaced by a new one.
func (c *Network) AddIPAMPool(p *IPAMPool) {
	if p.ID == "" {
		p.ID = c.NewID("ipam-pool")
	}
	resource.Put(&c.IPAMPools, p.ID, p)
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

// AddPrefixList adds a prefix list. An empty id is replaced by a new one.
func (c *Network) AddPrefixList(l *PrefixList) {
	if l.ID == "" {
		l.ID = c.NewID("pl")
	}
	resource.Put(&c.PrefixLists, l.ID, l)
}
