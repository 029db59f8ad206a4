package sgsync

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// PublicIPv4 and PublicIPv6 are the prefix lengths of the largest public range that one binding may admit.
const (
	PublicIPv4 = 8
	PublicIPv6 = 20
)

// nodePorts are ports at which nodes themselves serve: SSH, Docker, etcd, remote desktop and management of Windows,
// kubelet and the components of a control plane. Port 10256, kube-proxy's health check, is meant for load balancers.
var nodePorts = []Ports{{From: 22, To: 22}, {From: 2375, To: 2376}, {From: 2379, To: 2380}, {From: 3389, To: 3389},
	{From: 5985, To: 5986}, {From: 10248, To: 10250}, {From: 10255, To: 10255}, {From: 10257, To: 10257},
	{From: 10259, To: 10259}}

// NodePort reports whether a permission opens exactly one port, and nodes themselves serve at this port.
func NodePort(p stack.Permission) bool {
	return p.Protocol == "tcp" && p.FromPort == p.ToPort && crossesNodePort(p.FromPort-1, p.ToPort+1)
}

// AtNodePorts returns the permissions for single ports of nodes that a permission includes. The permission is for
// one port or for all ports.
func AtNodePorts(p stack.Permission) (out []stack.Permission) {
	for _, n := range nodePorts {
		for port := n.From; port <= n.To && (NodePort(p) || AllPorts(p)); port++ {
			one := p
			if one.FromPort, one.ToPort = port, port; NodePort(one) && p.FromPort <= port && port <= p.ToPort {
				out = append(out, one)
			}
		}
	}
	return out
}

// crossesNodePort reports whether nodes serve at a port strictly between two others.
func crossesNodePort(after, before int32) bool {
	return slices.ContainsFunc(nodePorts, func(p Ports) bool { return after < p.To && p.From < before })
}

// Listening are the ports at which the targets of a binding listen.
type Listening struct {
	Ports  []int32 // sorted
	Health int32   // of health checks over TCP, if that is another port; 0 = it is not
}

// Limit splits permissions into those for ports at which targets listen, and the others. It replaces a permission
// for all ports by one for each of these ports.
func (l Listening) Limit(perms []stack.Permission) (within, beyond []stack.Permission) {
	for _, p := range perms {
		ports := l.of(p.Protocol)
		switch {
		case AllPorts(p):
			for _, port := range ports {
				one := p
				one.FromPort, one.ToPort = port, port
				within = append(within, one)
			}
		case p.FromPort == p.ToPort && slices.Contains(ports, p.FromPort):
			within = append(within, p)
		default:
			beyond = append(beyond, p)
		}
	}
	return within, beyond
}

func (l Listening) of(protocol string) []int32 {
	if protocol != "tcp" || l.Health == 0 || slices.Contains(l.Ports, l.Health) {
		return l.Ports
	}
	return append(slices.Clone(l.Ports), l.Health)
}

// AllPorts reports whether a permission is from an entry without a port.
func AllPorts(p stack.Permission) bool { return p.FromPort == 0 && p.ToPort == 65535 }

// Wide returns the ranges of one binding that are too wide: it drops the widest ranges first, all of one length
// together, until the rest has at most as many public addresses as one range of length PublicIPv4 or PublicIPv6. A
// range of private addresses is never too wide.
func Wide(ranges []netip.Prefix) (wide []netip.Prefix) {
	var v4, v6 []netip.Prefix
	for _, p := range ranges {
		switch p = p.Masked(); {
		case public([]netip.Prefix{p}) == 0:
		case familyOf(p).Addr().Is4():
			v4 = append(v4, p)
		default:
			v6 = append(v6, p)
		}
	}
	return append(widest(v4, PublicIPv4), widest(v6, PublicIPv6)...)
}

// familyOf returns a range of IPv4 addresses in IPv6 notation as a range of IPv4.
func familyOf(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// widest returns the ranges of one family to drop until the rest fits.
func widest(ranges []netip.Prefix, limit int) []netip.Prefix {
	length := func(p netip.Prefix) int { return familyOf(p).Bits() }
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(length(a), length(b)), a.Addr().Compare(b.Addr()))
	})
	ranges = slices.Compact(ranges)
	var starts []int // of each length
	for i, p := range ranges {
		if i == 0 || length(p) != length(ranges[i-1]) {
			starts = append(starts, i)
		}
	}
	starts = append(starts, len(ranges))
	// the more is left out, the less remains
	first, _ := slices.BinarySearchFunc(starts, size(limit), func(start int, most uint64) int {
		if public(ranges[start:]) <= most {
			return 0
		}
		return -1
	})
	return ranges[:starts[first]]
}

// blockBits is how many bits of an address are counted. Smaller ranges count as one block.
const blockBits = 48

// block is a range of addresses by their first bits.
type block struct{ first, last uint64 }

// size returns how many blocks a range of a length has.
func size(length int) uint64 { return 1 << (blockBits - min(length, blockBits)) }

func blockOf(p netip.Prefix) block {
	p = familyOf(p)
	var first uint64
	for i, raw := 0, p.Addr().AsSlice(); i < blockBits/8; i++ {
		first <<= 8
		if i < len(raw) {
			first |= uint64(raw[i])
		}
	}
	return block{first, first + size(p.Bits()) - 1}
}

// private are the ranges that the internet does not route, and the range of carriers, which VPCs also use.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// public returns how many blocks of the internet some ranges of one family have together.
func public(ranges []netip.Prefix) (total uint64) {
	for _, b := range joinBlocks(ranges) {
		total += b.last - b.first + 1
		for _, p := range private {
			q := blockOf(p)
			if from, to := max(b.first, q.first), min(b.last, q.last); p.Addr().Is4() == familyOf(ranges[0]).Addr().Is4() &&
				from <= to {
				total -= to - from + 1
			}
		}
	}
	return total
}

// joinBlocks returns the blocks of ranges, sorted and without overlaps.
func joinBlocks(ranges []netip.Prefix) (out []block) {
	blocks := make([]block, 0, len(ranges))
	for _, p := range ranges {
		blocks = append(blocks, blockOf(p))
	}
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last)) })
	for _, b := range blocks {
		if n := len(out); n > 0 && b.first <= out[n-1].last {
			out[n-1].last = max(out[n-1].last, b.last)
			continue
		}
		out = append(out, b)
	}
	return out
}
