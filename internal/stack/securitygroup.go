package stack

// Identities of security groups.
const (
	ManagedSecurityGroup = "ManagedLBSecurityGroup" // value of the resource tag
	BackendSecurityGroup = "backend-sg"             // the cluster-wide shared one
)

// SecurityGroup is a group that we own.
type SecurityGroup struct {
	ID          string // identity: ManagedSecurityGroup or BackendSecurityGroup
	Name        string // GroupName, used at creation only
	Description string // used at creation only
	// Shared marks the cluster-wide backend group: created by whichever stack needs it first, never deleted by a stack's
	// plan, rules not managed here.
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
