package accelerator

import (
	"slices"
	"strings"
)

// Text is "80, 443-444", in the order of ports.
func Text(ranges []PortRange) string {
	var parts []string
	for _, r := range Sorted(ranges) {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ", ")
}

// SamePorts reports whether the ranges are the same, in whatever order.
func SamePorts(a, b []PortRange) bool { return slices.Equal(Sorted(a), Sorted(b)) }

// Join returns the ranges of single ports, sorted, adjacent ones in one range: 443, 80, 80, 81 are 80-81 and 443.
func Join(ports []int32) []PortRange {
	var out []PortRange
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		if n := len(out); n > 0 && out[n-1].To+1 == p {
			out[n-1].To = p
			continue
		}
		out = append(out, PortRange{p, p})
	}
	return out
}

// normal is the ranges without overlaps, sorted.
func normal(ranges []PortRange) []PortRange {
	var out []PortRange
	for _, r := range Sorted(ranges) {
		if n := len(out); n > 0 && r.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Count returns the number of different ports.
func Count(ranges []PortRange) int {
	n := 0
	for _, r := range normal(ranges) {
		n += int(r.To-r.From) + 1
	}
	return n
}

// Intersect returns the ports that are in both.
func Intersect(a, b []PortRange) []PortRange {
	var out []PortRange
	for _, x := range normal(a) {
		for _, y := range normal(b) {
			if x.Overlaps(y) {
				out = append(out, PortRange{max(x.From, y.From), min(x.To, y.To)})
			}
		}
	}
	return out
}

// Subtract returns the ports of a that are not in b.
func Subtract(a, b []PortRange) []PortRange {
	out := normal(a)
	for _, y := range normal(b) {
		var rest []PortRange
		for _, x := range out {
			if !x.Overlaps(y) {
				rest = append(rest, x)
				continue
			}
			if x.From < y.From {
				rest = append(rest, PortRange{x.From, y.From - 1})
			}
			if y.To < x.To {
				rest = append(rest, PortRange{y.To + 1, x.To})
			}
		}
		out = rest
	}
	return out
}
