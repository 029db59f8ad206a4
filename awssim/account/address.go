package account

import "net/netip"

// Associate makes an Elastic IP the public address of a private address of an interface. What either had before is gone.
func (c *Compute) Associate(e *ElasticAddress, n *NetworkInterface, private netip.Addr) {
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
func (c *Compute) Dissociate(e *ElasticAddress) {
	if n, ok := c.Interfaces[e.Interface]; ok {
		for i := range n.Addresses {
			if n.Addresses[i].Allocation == e.Allocation {
				n.Addresses[i] = PrivateAddress{Addr: n.Addresses[i].Addr}
			}
		}
	}
	e.Association, e.Interface, e.Private = "", "", netip.Addr{}
}
