package vpc

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Subnet is a range of a VPC in one zone.
type Subnet struct {
	ID                  string
	VPC                 string
	Owner               string
	Zone                string // zone name
	CIDR                netip.Prefix
	IPv6CIDRs           []CIDR
	IPv6Native          bool
	MapPublicIPOnLaunch bool
	EnableDNS64         bool
	AssignIPv6          bool // interfaces get an IPv6 address
	Default             bool // default subnet of its zone
	Outpost             string
	CustomerOwnedPool   string
	Tags                map[string]string

	used   int // IPv4 addresses that interfaces hold
	cursor int // offset of the next address to try
}

// reservedAddresses is what AWS keeps in each subnet: the first four and the last.
const reservedAddresses = 5

// Offers reports whether an IPv4 address is one of the subnet that AWS does not keep for itself.
func (s *Subnet) Offers(a netip.Addr) bool {
	first := s.CIDR.Masked().Addr()
	for range reservedAddresses - 1 {
		if first == a {
			return false
		}
		first = first.Next()
	}
	return s.CIDR.Contains(a) && s.CIDR.Contains(a.Next())
}

// Subnet finds a subnet by id.
func (c *Network) Subnet(id string) (*Subnet, bool) {
	s, ok := c.Subnets[id]
	return s, ok
}

// AddSubnet adds a subnet to a VPC that exists and contains its block. An empty id is replaced by a new one.
func (c *Network) AddSubnet(s *Subnet) error {
	v, ok := c.VPCs[s.VPC]
	if !ok {
		return resource.NotFound("vpc", s.VPC)
	}
	if s.ID == "" {
		s.ID = c.NewID("subnet")
	}
	if _, ok := c.Subnets[s.ID]; ok {
		return fmt.Errorf("subnet %s exists already", s.ID)
	}
	if _, ok := c.Zones[s.Zone]; !ok {
		return fmt.Errorf("subnet %s: %w", s.ID, resource.NotFound("zone", s.Zone))
	}
	if !s.IPv6Native {
		if !s.CIDR.IsValid() || !s.CIDR.Addr().Is4() || s.CIDR.Bits() < 16 || s.CIDR.Bits() > 28 {
			return fmt.Errorf("subnet %s: block %s must be IPv4 with a length of /16 to /28", s.ID, s.CIDR)
		}
		if !v.InVPC(s.CIDR.Addr()) {
			return fmt.Errorf("subnet %s: block %s lies outside of %s", s.ID, s.CIDR, v.ID)
		}
		for _, o := range c.Subnets {
			if o.VPC == s.VPC && o.CIDR.IsValid() && o.CIDR.Overlaps(s.CIDR) {
				return fmt.Errorf("subnet %s: block %s overlaps with %s of %s", s.ID, s.CIDR, o.CIDR, o.ID)
			}
		}
	}
	if s.Owner == "" {
		s.Owner = v.Owner
	}
	for i := range s.IPv6CIDRs {
		if s.IPv6CIDRs[i].State == "" {
			s.IPv6CIDRs[i].State = "associated"
		}
		if s.IPv6CIDRs[i].Association == "" {
			s.IPv6CIDRs[i].Association = c.NewID("subnet-cidr-assoc")
		}
	}
	resource.Put(&c.Subnets, s.ID, s)
	return nil
}

// AvailableIPs is the number of IPv4 addresses that are free, without those that AWS reserves.
func (s *Subnet) AvailableIPs() int32 {
	if !s.CIDR.IsValid() {
		return 0
	}
	return int32(max(0, s.size()-reservedAddresses-s.used))
}

func (s *Subnet) size() int { return 1 << (32 - s.CIDR.Bits()) }

// UseAddresses marks n more addresses as taken by something that is not simulated (negative: gives them back). It lets
// a test fill a subnet.
func (s *Subnet) UseAddresses(n int) { s.used += n }

func (s *Subnet) at(offset int) netip.Addr {
	b := s.CIDR.Masked().Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n += uint32(offset)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func (s *Subnet) assignable(addr netip.Addr) bool {
	if !s.CIDR.IsValid() || !s.CIDR.Contains(addr) {
		return false
	}
	for i := range reservedAddresses - 1 {
		if addr == s.at(i) {
			return false
		}
	}
	return addr != s.at(s.size()-1)
}

// claim takes addr in the subnet for the interface eni; an invalid addr stands for any free one.
func (c *Network) claim(s *Subnet, addr netip.Addr, eni string) (netip.Addr, error) {
	if addr.IsValid() {
		if !s.assignable(addr) {
			return addr, fmt.Errorf("%s in %s: %w", addr, s.ID, ErrAddressOutside)
		}
		if holder, ok := c.book[addressKey{s.VPC, addr}]; ok {
			return addr, &AddressInUseError{addr, holder}
		}
		c.enter(s, addr, eni)
		return addr, nil
	}
	if s.AvailableIPs() == 0 {
		return addr, fmt.Errorf("%s: %w", s.ID, ErrNoFreeAddress)
	}
	// Addresses are handed out in a circle, so that a released one is not soon reused for something else, and from the
	// seventeenth on, so that the low ones stay free for callers that choose an address themselves.
	first, count := reservedAddresses-1, s.size()-reservedAddresses
	if s.cursor == 0 && s.size() >= 64 {
		s.cursor = 16 - first
	}
	for range count {
		candidate := s.at(first + s.cursor%count)
		s.cursor = (s.cursor + 1) % count
		if _, taken := c.book[addressKey{s.VPC, candidate}]; !taken {
			c.enter(s, candidate, eni)
			return candidate, nil
		}
	}
	return addr, fmt.Errorf("%s: %w", s.ID, ErrNoFreeAddress)
}

func (c *Network) enter(s *Subnet, addr netip.Addr, eni string) {
	if c.book == nil {
		c.book = make(map[addressKey]string)
	}
	c.book[addressKey{s.VPC, addr}] = eni
	s.used++
}

func (c *Network) release(s *Subnet, addr netip.Addr) {
	key := addressKey{s.VPC, addr}
	if _, ok := c.book[key]; ok {
		delete(c.book, key)
		if addr.Is4() {
			s.used--
		}
	}
}

// claimPrefix takes a free /28 of the subnet, aligned, for the interface eni.
func (c *Network) claimPrefix(s *Subnet, eni string) (netip.Prefix, error) {
	for base := 16; base+16 <= s.size()-1; base += 16 {
		free := true
		for i := range 16 {
			if _, taken := c.book[addressKey{s.VPC, s.at(base + i)}]; taken {
				free = false
				break
			}
		}
		if free {
			for i := range 16 {
				c.enter(s, s.at(base+i), eni)
			}
			return netip.PrefixFrom(s.at(base), 28), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%s has no free /28: %w", s.ID, ErrNoFreeAddress)
}

// SubnetAt is the subnet of the VPC whose block contains the address.
func (c *Network) SubnetAt(vpc string, addr netip.Addr) (*Subnet, bool) {
	for _, id := range slices.Sorted(maps.Keys(c.Subnets)) {
		s := c.Subnets[id]
		if s.VPC != vpc {
			continue
		}
		if s.CIDR.IsValid() && s.CIDR.Contains(addr) {
			return s, true
		}
		for _, block := range s.IPv6CIDRs {
			if block.Prefix.Contains(addr) {
				return s, true
			}
		}
	}
	return nil, false
}

// ResolverOf is the VPC whose resolver a machine at that address uses, and the machine's availability zone; "" when no
// VPC has the address, which is then one of the internet.
func (c *Network) ResolverOf(address netip.Addr) (vpc, zone string) {
	for _, id := range slices.Sorted(maps.Keys(c.VPCs)) {
		v := c.VPCs[id]
		if !slices.ContainsFunc(slices.Concat(v.CIDRs, v.IPv6CIDRs), func(block CIDR) bool {
			return block.Prefix.Contains(address)
		}) {
			continue
		}
		for _, s := range slices.Sorted(maps.Keys(c.Subnets)) {
			if subnet := c.Subnets[s]; subnet.VPC == id && (subnet.CIDR.Contains(address) ||
				slices.ContainsFunc(subnet.IPv6CIDRs, func(block CIDR) bool { return block.Prefix.Contains(address) })) {
				return id, subnet.Zone
			}
		}
		return id, ""
	}
	return "", ""
}
