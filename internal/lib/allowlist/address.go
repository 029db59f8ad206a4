package allowlist

import (
	"fmt"
	"net/netip"
	"slices"
)

// Addresses is an allow-list of ranges of addresses. The zero value allows none.
type Addresses []Range

// Range allows the objects of a namespace the addresses of a range.
type Range struct {
	Namespace string       // empty: all
	Prefix    netip.Prefix // not valid: every address
}

// AddressRanges reads an allow-list of ranges of addresses: CIDR and NAMESPACE=CIDR.
func AddressRanges(list []string) (Addresses, error) {
	entries, err := Parse(list, "a range of addresses such as 10.0.64.0/20", func(pattern string) error {
		_, err := rangeOf(pattern)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(Addresses, 0, len(entries))
	for _, e := range entries {
		r := Range{Namespace: e.Namespace}
		if e.Pattern != Any {
			r.Prefix, _ = rangeOf(e.Pattern) // Parse has checked it
		}
		out = append(out, r)
	}
	return out, nil
}

// rangeOf reads one range. One whose address has bits beyond its length may be meant as a single address or as the
// range around it.
func rangeOf(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%q is neither * nor a range of addresses such as 10.0.64.0/20, 10.0.0.10/32 or 2001:db8::/56",
			text)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q is a range of IPv4 addresses in the form of IPv6: give it in the form of IPv4", text)
	case p != p.Masked():
		return p, fmt.Errorf("%q is not a range, as its address has bits beyond /%d: give %s, or %s/%d for the one address",
			text, p.Bits(), p.Masked(), p.Addr(), p.Addr().BitLen())
	}
	return p, nil
}

// Allow reports whether the objects of a namespace may name an address. An IPv4 address in the form of IPv6 is in no
// range.
func (l Addresses) Allow(namespace string, a netip.Addr) bool {
	if !a.IsValid() || a.Is4In6() {
		return false
	}
	return slices.ContainsFunc(l, func(r Range) bool {
		return (r.Namespace == "" || r.Namespace == namespace) && (!r.Prefix.IsValid() || r.Prefix.Contains(a))
	})
}
