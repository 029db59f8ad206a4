package vpc

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// AssignIPv6 adds a free IPv6 address of the subnet's first associated IPv6 block to the interface.
func (c *Network) AssignIPv6(eni string) (netip.Addr, error) {
	_, s, err := c.inSubnet(eni)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(s.IPv6CIDRs) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no IPv6 block: %w", s.ID, ErrAddressOutside)
	}
	base := s.IPv6CIDRs[0].Prefix.Masked().Addr().As16()
	for {
		binary.BigEndian.PutUint32(base[12:], uint32(c.NextNumber()))
		addr := netip.AddrFrom16(base)
		if _, taken := c.book[addressKey{s.VPC, addr}]; !taken {
			return addr, c.AssignIPv6Address(eni, addr)
		}
	}
}

// AssignIPv6Address adds that IPv6 address to the interface. It fails with *NotFoundError, *AddressInUseError, and
// ErrAddressOutside for what is not in an IPv6 block of the subnet.
func (c *Network) AssignIPv6Address(eni string, addr netip.Addr) error {
	n, s, err := c.inSubnet(eni)
	if err != nil {
		return err
	}
	if !s.hasIPv6(addr) {
		return fmt.Errorf("%s in %s: %w", addr, s.ID, ErrAddressOutside)
	}
	if holder, ok := c.book[addressKey{s.VPC, addr}]; ok {
		return &AddressInUseError{addr, holder}
	}
	resource.Put(&c.book, addressKey{s.VPC, addr}, eni)
	n.IPv6Addresses = append(n.IPv6Addresses, addr)
	return nil
}

// AssignIPv6Prefix delegates an IPv6 /80 of the interface's subnet to it: prefix, or any free one if prefix is invalid.
// Errors as of AssignIPv6Address, and ErrNoFreeAddress.
func (c *Network) AssignIPv6Prefix(eni string, prefix netip.Prefix) (netip.Prefix, error) {
	n, s, err := c.inSubnet(eni)
	if err != nil {
		return prefix, err
	}
	if !prefix.IsValid() {
		if prefix, err = c.freeIPv6Prefix(s); err != nil {
			return prefix, err
		}
	}
	if holder := c.IPv6PrefixHolder(s.VPC, prefix); holder != "" {
		return prefix, &AddressInUseError{prefix.Addr(), holder}
	}
	if !s.hasIPv6(prefix.Addr()) {
		return prefix, fmt.Errorf("%s in %s: %w", prefix, s.ID, ErrAddressOutside)
	}
	n.IPv6Prefixes = append(n.IPv6Prefixes, prefix)
	return prefix, nil
}

// IPv6PrefixHolder is the interface of the VPC that has an IPv6 prefix which overlaps with that one; "" if none has.
func (c *Network) IPv6PrefixHolder(vpc string, prefix netip.Prefix) string {
	for id, n := range c.Interfaces {
		if n.VPC != vpc {
			continue
		}
		for _, p := range n.IPv6Prefixes {
			if p.Overlaps(prefix) {
				return id
			}
		}
	}
	return ""
}

// freeIPv6Prefix is a /80 that no interface has. The first block of a subnet is left to single addresses.
func (c *Network) freeIPv6Prefix(s *Subnet) (netip.Prefix, error) {
	for _, block := range s.IPv6CIDRs {
		if block.State != "associated" || block.Prefix.Bits() > 64 {
			continue
		}
		base := block.Prefix.Masked().Addr().As16()
		for i := uint16(1); i != 0; i++ {
			binary.BigEndian.PutUint16(base[8:10], i)
			p := netip.PrefixFrom(netip.AddrFrom16(base), 80)
			if c.IPv6PrefixHolder(s.VPC, p) == "" {
				return p, nil
			}
		}
	}
	return netip.Prefix{}, fmt.Errorf("%s has no free IPv6 /80: %w", s.ID, ErrNoFreeAddress)
}

// UnassignIPv6 takes an IPv6 address away from the interface.
func (c *Network) UnassignIPv6(eni string, addr netip.Addr) error {
	n, s, err := c.inSubnet(eni)
	if err != nil {
		return err
	}
	i := slices.Index(n.IPv6Addresses, addr)
	if i < 0 {
		return fmt.Errorf("%s: %w", eni, resource.NotFound("address", addr.String()))
	}
	n.IPv6Addresses = slices.Delete(slices.Clone(n.IPv6Addresses), i, i+1)
	c.release(s, addr)
	return nil
}

// UnassignIPv6Prefix takes a delegated IPv6 prefix away from the interface.
func (c *Network) UnassignIPv6Prefix(eni string, prefix netip.Prefix) error {
	n, _, err := c.inSubnet(eni)
	if err != nil {
		return err
	}
	i := slices.Index(n.IPv6Prefixes, prefix)
	if i < 0 {
		return fmt.Errorf("%s: %w", eni, resource.NotFound("prefix", prefix.String()))
	}
	n.IPv6Prefixes = slices.Delete(slices.Clone(n.IPv6Prefixes), i, i+1)
	return nil
}

// inSubnet is an interface and the subnet that it is in.
func (c *Network) inSubnet(eni string) (*Interface, *Subnet, error) {
	n, ok := c.Interfaces[eni]
	if !ok {
		return nil, nil, resource.NotFound("network interface", eni)
	}
	s, ok := c.Subnets[n.Subnet]
	if !ok {
		return nil, nil, resource.NotFound("subnet", n.Subnet)
	}
	return n, s, nil
}

func (s *Subnet) hasIPv6(addr netip.Addr) bool {
	for _, block := range s.IPv6CIDRs {
		if block.State == "associated" && block.Prefix.Contains(addr) {
			return true
		}
	}
	return false
}
