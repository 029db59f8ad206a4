package seed

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
)

// IPAMPool is a pool of addresses that IPAM manages.
type IPAMPool struct {
	ID      string            `json:"id"` // ipam-pool-…
	CIDRs   []string          `json:"cidrs"`
	Private bool              `json:"private,omitempty"` // its addresses are not public
	Tags    map[string]string `json:"tags,omitempty"`
}

// CustomerPool is a pool of customer-owned addresses of an Outpost.
type CustomerPool struct {
	ID         string            `json:"id"` // ipv4pool-coip-…
	RouteTable string            `json:"routeTable"`
	CIDRs      []string          `json:"cidrs"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// applyPools puts pools and quotas into the account.
func (f File) applyPools(a *account.Account) error {
	for i, p := range f.IPAMPools {
		blocks, err := prefixes(p.ID, "ipam-pool-", p.CIDRs)
		if err != nil {
			return fmt.Errorf("ipamPools[%d]: %w", i, err)
		}
		family := "ipv4"
		if len(blocks) > 0 && blocks[0].Addr().Is6() {
			family = "ipv6"
		}
		a.AddIPAMPool(&vpc.IPAMPool{ID: p.ID, Family: family, Public: !p.Private, CIDRs: blocks, Tags: clone(p.Tags)})
	}
	for i, p := range f.CustomerPools {
		blocks, err := prefixes(p.ID, "ipv4pool-coip-", p.CIDRs)
		if err != nil {
			return fmt.Errorf("customerPools[%d]: %w", i, err)
		}
		a.AddCustomerPool(&vpc.CustomerPool{ID: p.ID, RouteTable: p.RouteTable, CIDRs: blocks, Tags: clone(p.Tags)})
	}
	for _, name := range slices.Sorted(maps.Keys(f.Quotas)) {
		if err := a.SetQuota(name, f.Quotas[name]); err != nil {
			return fmt.Errorf("quotas: %w", err)
		}
	}
	return nil
}

func prefixes(id, prefix string, texts []string) ([]netip.Prefix, error) {
	if !strings.HasPrefix(id, prefix) {
		return nil, fmt.Errorf("id: %q does not begin with %s", id, prefix)
	}
	var blocks []netip.Prefix
	for i, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("cidrs[%d]: %w", i, err)
		}
		blocks = append(blocks, p.Masked())
	}
	return blocks, nil
}

// listOwner is the owner of a prefix list of that name.
func listOwner(a *account.Account, name string) string {
	if strings.HasPrefix(name, "com.amazonaws.") {
		return "AWS"
	}
	return a.ID
}
