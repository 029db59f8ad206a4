package sgsync

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// PeerRemedy is what to do about a peer that Permissions refuses.
const PeerRemedy = "correct the peer: an ipBlock with a cidr, or a securityGroup with its groupID"

// PeerOf returns the source that a peer of a binding means. Of a peer of two kinds, which is older than the rule
// against it, the group counts.
func PeerOf(p v1beta1.NetworkingPeer) Peer {
	var out Peer
	if p.SecurityGroup != nil {
		out.Group = p.SecurityGroup.GroupID
	} else if p.IPBlock != nil {
		out.CIDR = p.IPBlock.CIDR
	}
	return out
}

// A rule without peers: what it does, and what to do about it.
const (
	Peerless       = "no peer is named, so that the rule admits nobody"
	PeerlessRemedy = "name peers, or remove the rule"
)

// NameWithoutPods returns why a port of a binding means nothing: it is a name, and the targets are nodes. Both are
// empty if it does.
func NameWithoutPods(b *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort) (text, remedy string) {
	if p.Port == nil || p.Port.StrVal == "" || b.Spec.TargetType == nil ||
		*b.Spec.TargetType != v1beta1.TargetTypeInstance {
		return "", ""
	}
	return fmt.Sprintf("named ports can only be used with pod endpoints: %q", p.Port.StrVal),
		"write the number of the node port"
}

// mostPermissions is how many pairs of a peer and a port the networking of a binding may have. AWS allows 1,000 rules
// of a security group at most; ports that follow each other are one rule.
const mostPermissions = 20_000

// TooMany returns what is wrong with networking that has more peers times ports than any security group admits; empty
// if nothing is. They are counted before they are multiplied.
func TooMany(networking *v1beta1.TargetGroupBindingNetworking) (text, remedy string) {
	total := 0
	for _, rule := range networking.Ingress {
		total += max(1, len(rule.From)) * max(1, len(rule.Ports))
	}
	if total <= mostPermissions {
		return "", ""
	}
	return fmt.Sprintf("the networking has %d pairs of a peer and a port, and the controller allows at most %d", total,
			mostPermissions),
		"name fewer peers, or wider ranges, or fewer ports"
}

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
