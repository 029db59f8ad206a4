package stack

import (
	"net/netip"
	"strconv"
	"strings"
)

// Identities of security groups.
const (
	ManagedSecurityGroup = "ManagedLBSecurityGroup" // value of the resource tag; see NthManagedSecurityGroup
	BackendSecurityGroup = "backend-sg"             // the cluster-wide shared one
)

// NthManagedSecurityGroup returns the identity of the nth managed security group, from 1. A load balancer has several
// if its rules do not fit into one.
func NthManagedSecurityGroup(n int) string {
	if n == 1 {
		return ManagedSecurityGroup
	}
	return ManagedSecurityGroup + "-" + strconv.Itoa(n)
}

// IsManagedSecurityGroup reports whether an identity is one of NthManagedSecurityGroup.
func IsManagedSecurityGroup(id string) bool {
	rest, ok := strings.CutPrefix(id, ManagedSecurityGroup)
	return ok && (rest == "" || rest[0] == '-')
}

// SecurityGroup is a security group that the controller owns.
type SecurityGroup struct {
	ID          string // identity: of a managed group, or BackendSecurityGroup
	Name        string // GroupName, used at creation only
	Description string // used at creation only
	// Shared marks the cluster-wide backend group. The first stack that needs it creates it. No stack's plan deletes it or
	// manages its rules.
	Shared  bool
	Ingress []Permission
	Tags    map[string]string
}

// Permission is one inbound rule with one source. Exactly one of CIDR, IPv6CIDR, PrefixList and Group is set.
type Permission struct {
	Protocol   string // "tcp", "udp", "icmp", "icmpv6", "-1"
	FromPort   int32  // with Protocol "-1" both ports are 0 and meaningless
	ToPort     int32
	CIDR       string
	IPv6CIDR   string
	PrefixList string
	Group      Ref
	// Description is not part of the identity of a permission in managed groups.
	Description string
}

// PrefixList says how a prefix list that permissions name counts against the quota of rules.
type PrefixList struct {
	MaxEntries int // how many ranges it may have
	IPv6       bool
}

// CanonicalRange writes a range as EC2 stores it: host bits cleared, IPv6 compressed and in lower case. ok is false
// if cidr is not a range.
func CanonicalRange(cidr string) (canonical string, ok bool) {
	p, err := netip.ParsePrefix(strings.TrimSpace(cidr))
	if err != nil {
		return cidr, false
	}
	return p.Masked().String(), true
}
