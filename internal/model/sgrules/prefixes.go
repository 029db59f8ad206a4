package sgrules

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// aggregate are the fewest prefixes that hold precisely the same addresses, sorted. Of a list that it returned, one
// prefix holds whatever all together hold of another prefix.
func aggregate(in []netip.Prefix) []netip.Prefix {
	in = slices.Clone(in)
	sorting.By(in, comparePrefixes)
	var out []netip.Prefix
	for _, p := range in {
		if n := len(out); n > 0 && out[n-1].Overlaps(p) { // sorted, so that the earlier one holds it
			continue
		}
		out = append(out, p)
		for len(out) > 1 {
			last, before := out[len(out)-1], out[len(out)-2]
			if last.Bits() != before.Bits() || last.Bits() == 0 || parent(last) != parent(before) {
				break
			}
			out = append(out[:len(out)-2], parent(last))
		}
	}
	return out
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func parent(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
}

// halves are the two prefixes that a prefix of more than one address consists of.
func halves(p netip.Prefix) [2]netip.Prefix {
	bits := p.Bits()
	upper := p.Addr().AsSlice()
	upper[bits/8] |= 0x80 >> (bits % 8)
	second, _ := netip.AddrFromSlice(upper)
	return [2]netip.Prefix{netip.PrefixFrom(p.Addr(), bits+1), netip.PrefixFrom(second, bits+1)}
}

// includes reports whether an aggregated list holds all addresses of a prefix.
func includes(set []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(set, func(s netip.Prefix) bool { return s.Bits() <= p.Bits() && s.Contains(p.Addr()) })
}

// subtract are the addresses of a that an aggregated list b does not hold.
func subtract(a, b []netip.Prefix) (out []netip.Prefix) {
	for _, p := range a {
		switch {
		case includes(b, p):
		case !slices.ContainsFunc(b, p.Overlaps):
			out = append(out, p)
		default:
			h := halves(p)
			out = append(out, subtract(h[:], b)...)
		}
	}
	return out
}
