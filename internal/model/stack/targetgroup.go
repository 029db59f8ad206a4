package stack

// Target types.
const (
	TargetInstance = "instance"
	TargetIP       = "ip"
	TargetALB      = "alb" // one application load balancer
	TrafficPort    = "traffic-port"
)

// TargetGroup is one desired target group.
type TargetGroup struct {
	ID   string // identity: "<ns>/<ingress>-<service>:<port>", "<ns>/<service>:<port>", or that of a frontend
	Name string // used at creation only, unless it is declared
	// Declared: users declare the name, and for no other group of the stack. Then a group with another name is replaced.
	// It is never set for target type alb.
	Declared        bool `json:",omitempty"`
	TargetType      string
	Port            int32
	Protocol        string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	ProtocolVersion string // HTTP1, HTTP2, GRPC; empty for network protocols
	IPAddressType   string // ipv4 (the default; then omitted at creation) or ipv6
	ControlPort     int32  // target control port; 0 = none
	HealthCheck     HealthCheck
	Attributes      map[string]string // only declared ones
	Tags            map[string]string
	// Balancer is the only target, at Port, of a group with target type alb: a load balancer. No binding registers it.
	Balancer Ref `json:",omitzero"`
}

// HealthCheck fields; zero values are "not managed" for the optional ones.
type HealthCheck struct {
	Protocol           string
	Port               string // "traffic-port" or decimal
	Path               string // HTTP(S) only
	Matcher            string // HTTP codes, or gRPC codes for protocol version GRPC; empty for TCP
	IntervalSeconds    int32
	TimeoutSeconds     int32 // 0 = not managed
	HealthyThreshold   int32
	UnhealthyThreshold int32
}

// Binding is one desired TargetGroupBinding object; its identity is that of its target group.
type Binding struct {
	ID           string // identity of the target group
	Name         string // object name (the target group's name), used at creation only
	Namespace    string
	Labels       map[string]string
	Annotations  map[string]string `json:",omitempty"`
	TargetGroup  Ref
	TargetType   string
	Protocol     string
	ServiceName  string
	ServicePort  string // as written; decimal or a name
	IPAddress    string // ipv4 or ipv6
	VPC          string
	MultiCluster bool
	NodeLabels   map[string]string // spec.nodeSelector.matchLabels; nil = none
	// NodeExpressions are spec.nodeSelector.matchExpressions. A registered node matches all of them and all labels.
	NodeExpressions []NodeExpression `json:",omitempty"`
	// Networking is nil if the rules of node and pod security groups are not managed.
	Networking []NetworkingRule
}

// NodeExpression is a requirement on a label of nodes, as a selector of Kubernetes has it.
type NodeExpression struct {
	Key      string
	Operator string // In, NotIn, Exists or DoesNotExist
	Values   []string
}

// NetworkingRule allows traffic from sources to ports.
type NetworkingRule struct {
	FromGroups []Ref
	FromCIDRs  []string
	Ports      []NetworkingPort
}

// NetworkingPort is a port to allow: decimal, or the name of a container port. Empty = all ports.
type NetworkingPort struct {
	Protocol string // TCP or UDP
	Port     string
}
