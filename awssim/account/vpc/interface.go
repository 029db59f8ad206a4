package vpc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Interface is an elastic network interface (ENI).
type Interface struct {
	ID               string
	VPC              string
	Subnet           string
	Zone             string
	Owner            string
	Description      string
	Type             string // interface, network_load_balancer, trunk, branch, …
	RequesterID      string // "amazon-elb" for those of load balancers
	RequesterManaged bool
	Groups           []string         // security group ids
	Addresses        []PrivateAddress // the first is the primary one
	Prefixes         []netip.Prefix   // delegated IPv4 /28 blocks
	IPv6Addresses    []netip.Addr
	IPv6Prefixes     []netip.Prefix // delegated IPv6 /80 blocks
	Attachment       *Attachment    // nil: available
	SourceDestCheck  bool
	MAC              string
	Tags             map[string]string
}

// PrivateAddress of an interface, with its public one if any.
type PrivateAddress struct {
	Addr        netip.Addr
	Public      netip.Addr // invalid: none
	PublicOwner string     // account id, "amazon" or "amazon-elb"
	Allocation  string     // of an Elastic IP
	Association string
}

// Attachment ties an interface to an instance or to a service of AWS.
type Attachment struct {
	ID            string
	Instance      string // empty for those of services
	InstanceOwner string // account id or "amazon-elb"
	DeviceIndex   int32
	NetworkCard   int32
	Status        string // attaching, attached, detaching, detached
	DeleteWith    bool   // deleted when the instance terminates
}

// Status is what EC2 calls the state of an interface: in-use or available.
func (n *Interface) Status() string {
	if n.Attachment != nil {
		return "in-use"
	}
	return "available"
}

// PrimaryAddress is the first private address.
func (n *Interface) PrimaryAddress() netip.Addr {
	if len(n.Addresses) == 0 {
		return netip.Addr{}
	}
	return n.Addresses[0].Addr
}

// Interface finds a network interface by id.
func (c *Network) Interface(id string) (*Interface, bool) {
	n, ok := c.Interfaces[id]
	return n, ok
}

// InterfaceAt is the interface that holds the address in the VPC, be it as an address of its own or within a prefix.
func (c *Network) InterfaceAt(vpc string, addr netip.Addr) (*Interface, bool) {
	holder := c.book[addressKey{vpc, addr}]
	if holder == "" && addr.Is6() {
		holder = c.IPv6PrefixHolder(vpc, netip.PrefixFrom(addr, addr.BitLen()))
	}
	n, ok := c.Interfaces[holder]
	return n, ok
}

// NewInterface makes an interface in the subnet with a free address and the security groups. Interfaces that load
// balancers request (requesterManaged) are described as "ELB app/NAME/ID" or "ELB net/NAME/ID", which decides their
// type. It fails with *NotFoundError for an unknown subnet or group and with ErrNoFreeAddress for a full subnet.
func (c *Network) NewInterface(subnet string, groups []string, description string, requesterManaged bool) (
	*Interface, error) {
	n := &Interface{Description: description, RequesterManaged: requesterManaged, SourceDestCheck: true}
	if requesterManaged {
		n.RequesterID = "amazon-elb"
		n.Attachment = &Attachment{ID: c.NewID("ela-attach"), InstanceOwner: "amazon-elb", DeviceIndex: 1, Status: "attached"}
		if strings.HasPrefix(description, "ELB net/") {
			n.Type = "network_load_balancer"
			n.SourceDestCheck = false
		}
	}
	if err := c.AddInterface(n, subnet, groups, netip.Addr{}); err != nil {
		return nil, err
	}
	return n, nil
}

// AddInterface puts n, whose descriptive fields the caller filled, into the subnet with the primary address addr
// (invalid: any free one). Errors as of NewInterface, and *AddressInUseError, ErrAddressOutside for addr.
func (c *Network) AddInterface(n *Interface, subnet string, groups []string, addr netip.Addr) error {
	s, ok := c.Subnets[subnet]
	if !ok {
		return resource.NotFound("subnet", subnet)
	}
	for _, g := range groups {
		if _, ok := c.SecurityGroups[g]; !ok {
			return resource.NotFound("security group", g)
		}
	}
	if n.ID == "" {
		n.ID = c.NewID("eni")
	}
	if _, ok := c.Interfaces[n.ID]; ok {
		return fmt.Errorf("network interface %s exists already", n.ID)
	}
	if !s.IPv6Native {
		got, err := c.claim(s, addr, n.ID)
		if err != nil {
			return fmt.Errorf("network interface %s: %w", n.ID, err)
		}
		n.Addresses = []PrivateAddress{{Addr: got}}
	}
	if n.Type == "" {
		n.Type = "interface"
	}
	n.Subnet, n.VPC, n.Zone, n.Owner = s.ID, s.VPC, s.Zone, s.Owner
	n.Groups = append([]string(nil), groups...)
	k := c.NextNumber()
	n.MAC = fmt.Sprintf("0a:%02x:%02x:%02x:%02x:%02x", byte(k>>32), byte(k>>24), byte(k>>16), byte(k>>8), byte(k))
	resource.Put(&c.Interfaces, n.ID, n)
	return nil
}

// DeleteInterface removes the interface and gives its addresses back. It fails with *NotFoundError.
func (c *Network) DeleteInterface(id string) error {
	n, ok := c.Interfaces[id]
	if !ok {
		return resource.NotFound("network interface", id)
	}
	if s, ok := c.Subnets[n.Subnet]; ok {
		for _, a := range n.Addresses {
			c.release(s, a.Addr)
		}
		for _, a := range n.IPv6Addresses {
			c.release(s, a)
		}
		for _, p := range n.Prefixes {
			c.releasePrefix(s, p)
		}
	}
	for _, e := range c.Addresses {
		if e.Interface == id {
			e.Interface, e.Association, e.Private = "", "", netip.Addr{}
		}
	}
	delete(c.Interfaces, id)
	return nil
}

func (c *Network) releasePrefix(s *Subnet, p netip.Prefix) {
	for a := p.Masked().Addr(); p.Contains(a); a = a.Next() {
		c.release(s, a)
	}
}

// AssignAddress adds a secondary private address to the interface: addr, or any free one of its subnet if addr is
// invalid. Errors as of AddInterface.
func (c *Network) AssignAddress(eni string, addr netip.Addr) (netip.Addr, error) {
	n, ok := c.Interfaces[eni]
	if !ok {
		return addr, resource.NotFound("network interface", eni)
	}
	s, ok := c.Subnets[n.Subnet]
	if !ok {
		return addr, resource.NotFound("subnet", n.Subnet)
	}
	got, err := c.claim(s, addr, eni)
	if err != nil {
		return addr, err
	}
	n.Addresses = append(n.Addresses, PrivateAddress{Addr: got})
	return got, nil
}

// AssignPrefix delegates a free IPv4 /28 of the interface's subnet to it.
func (c *Network) AssignPrefix(eni string) (netip.Prefix, error) {
	n, ok := c.Interfaces[eni]
	if !ok {
		return netip.Prefix{}, resource.NotFound("network interface", eni)
	}
	s, ok := c.Subnets[n.Subnet]
	if !ok {
		return netip.Prefix{}, resource.NotFound("subnet", n.Subnet)
	}
	p, err := c.claimPrefix(s, eni)
	if err != nil {
		return p, err
	}
	n.Prefixes = append(n.Prefixes, p)
	return p, nil
}

// UnassignAddress takes a secondary private address away from the interface. The primary one cannot be taken.
func (c *Network) UnassignAddress(eni string, addr netip.Addr) error {
	n, ok := c.Interfaces[eni]
	if !ok {
		return resource.NotFound("network interface", eni)
	}
	for i, a := range n.Addresses {
		if a.Addr != addr {
			continue
		}
		if i == 0 {
			return fmt.Errorf("%s is the primary address of %s, which stays as long as the interface", addr, eni)
		}
		n.Addresses = append(n.Addresses[:i:i], n.Addresses[i+1:]...)
		c.release(c.Subnets[n.Subnet], addr)
		return nil
	}
	return fmt.Errorf("%s: %w", eni, resource.NotFound("address", addr.String()))
}

// UnassignPrefix takes a delegated prefix away from the interface.
func (c *Network) UnassignPrefix(eni string, prefix netip.Prefix) error {
	n, ok := c.Interfaces[eni]
	if !ok {
		return resource.NotFound("network interface", eni)
	}
	for i, p := range n.Prefixes {
		if p == prefix {
			n.Prefixes = append(n.Prefixes[:i:i], n.Prefixes[i+1:]...)
			c.releasePrefix(c.Subnets[n.Subnet], prefix)
			return nil
		}
	}
	return fmt.Errorf("%s: %w", eni, resource.NotFound("prefix", prefix.String()))
}

// Clone is a copy that changes of the interface leave as it is.
func (n *Interface) Clone() *Interface {
	was := *n
	was.Groups, was.Addresses, was.Prefixes = slices.Clone(n.Groups), slices.Clone(n.Addresses), slices.Clone(n.Prefixes)
	was.IPv6Addresses, was.IPv6Prefixes, was.Tags = slices.Clone(n.IPv6Addresses), slices.Clone(n.IPv6Prefixes),
		maps.Clone(n.Tags)
	if n.Attachment != nil {
		attachment := *n.Attachment
		was.Attachment = &attachment
	}
	return &was
}
