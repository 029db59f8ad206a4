package stack

// Target types.
const (
	TargetInstance = "instance"
	TargetIP       = "ip"
	TargetALB      = "alb" // one application load balancer
	TrafficPort    = "traffic-port"
)

// TargetGroup is the wish for one target group.
type TargetGroup struct {
	ID              string // identity: "<ns>/<ingress>-<service>:<port>", "<ns>/<service>:<port>", or that of a frontend
	Name            string // used at creation only
	TargetType      string
	Port            int32
	Protocol        string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
	ProtocolVersion string // HTTP1, HTTP2, GRPC; empty for network protocols
	IPAddressType   string // ipv4 (the default; then omitted at creation) or ipv6
	ControlPort     int32  // target control port; 0 = none
	HealthCheck     HealthCheck
	Attributes      map[string]string // only what is set
	Tags            map[string]string
	// Balancer is the load balancer that is the one target, at Port; target type alb only, whose target no binding registers.
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
