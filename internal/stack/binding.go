package stack

// Binding is the wish for one TargetGroupBinding object; its identity is that of its target group.
type Binding struct {
	ID           string // identity of the target group
	Name         string // object name (the target group's name), used at creation only
	Namespace    string
	Labels       map[string]string
	TargetGroup  Ref
	TargetType   string
	Protocol     string
	ServiceName  string
	ServicePort  string // as written; decimal or a name
	IPAddress    string // ipv4 or ipv6
	VPC          string
	MultiCluster bool
	NodeLabels   map[string]string // spec.nodeSelector.matchLabels; nil = none
	// Networking is nil when node and pod security groups are the user's business.
	Networking []NetworkingRule
}

// NetworkingRule admits ports from sources.
type NetworkingRule struct {
	FromGroups []Ref
	FromCIDRs  []string
	Ports      []NetworkingPort
}

// NetworkingPort is a port to admit; an empty Port means all ports; else decimal or a named container port.
type NetworkingPort struct {
	Protocol string // TCP or UDP
	Port     string
}
