package account

import (
	"fmt"
	"net/netip"
)

// UnassignPrefix takes a delegated prefix away from the interface.
func (c *Compute) UnassignPrefix(eni string, prefix netip.Prefix) error {
	n, ok := c.Interfaces[eni]
	if !ok {
		return &NotFoundError{"network interface", eni}
	}
	for i, p := range n.Prefixes {
		if p == prefix {
			n.Prefixes = append(n.Prefixes[:i:i], n.Prefixes[i+1:]...)
			c.releasePrefix(c.Subnets[n.Subnet], prefix)
			return nil
		}
	}
	return fmt.Errorf("%s: %w", eni, &NotFoundError{"prefix", prefix.String()})
}
