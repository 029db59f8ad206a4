package sgsync

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Peer is a source of traffic: a security group, or else a CIDR.
type Peer struct{ Group, CIDR string }

// Ports is an inclusive range of ports.
type Ports = sgrules.Ports

// Permissions returns the labelled rules that let a peer reach ports with a protocol ("tcp" or "udp").
func Permissions(peer Peer, protocol string, ports []Ports) ([]stack.Permission, error) {
	base := stack.Permission{Protocol: protocol, Description: Label}
	switch {
	case peer.Group != "":
		base.Group = stack.Literal(stack.KindSecurityGroup, peer.Group)
	case peer.CIDR != "":
		prefix, err := netip.ParsePrefix(peer.CIDR)
		if err != nil {
			return nil, fmt.Errorf("ipBlock.cidr %q is not a CIDR", peer.CIDR)
		}
		if prefix.Addr().Is6() {
			base.IPv6CIDR = prefix.Masked().String()
		} else {
			base.CIDR = prefix.Masked().String()
		}
	default:
		return nil, errors.New("either ipBlock or securityGroup should be specified")
	}
	out := make([]stack.Permission, 0, len(ports))
	for _, p := range ports {
		rule := base
		rule.FromPort, rule.ToPort = p.From, p.To
		out = append(out, rule)
	}
	return out, nil
}
