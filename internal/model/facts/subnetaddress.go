package facts

import (
	"net/netip"
	"strings"
)

// IPv4Of returns the one of addresses that is in the subnet, in canonical text; ok is false if there is none, or more
// than one.
func (s Subnet) IPv4Of(addresses []string) (address string, ok bool) {
	return within(addresses, []string{s.CIDR})
}

// IPv6Of returns the one of addresses that is in the subnet, as IPv4Of does.
func (s Subnet) IPv6Of(addresses []string) (address string, ok bool) {
	return within(addresses, s.IPv6CIDRs)
}

// PrefixOf returns the one of IPv6 prefixes of 80 bits that is in the subnet, as IPv4Of does.
func (s Subnet) PrefixOf(prefixes []string) (prefix string, ok bool) {
	bare := make([]string, len(prefixes))
	for i, p := range prefixes {
		bare[i], _, _ = strings.Cut(p, "/")
	}
	a, ok := within(bare, s.IPv6CIDRs)
	if !ok {
		return "", false
	}
	return a + "/80", true
}

// within finds the one address inside any of the blocks.
func within(addresses, blocks []string) (string, bool) {
	found := ""
	for _, text := range addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return "", false
		}
		for _, block := range blocks {
			if p, err := netip.ParsePrefix(block); err == nil && p.Contains(a) {
				if found != "" {
					return "", false
				}
				found = a.String()
			}
		}
	}
	return found, found != ""
}
