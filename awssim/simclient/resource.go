package simclient

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Call is one recorded call.
type Call struct {
	Number     uint64          `json:"number"`
	Time       time.Time       `json:"time"`
	Duration   string          `json:"duration"`
	RequestID  string          `json:"requestId"`
	Service    string          `json:"service"`
	Action     string          `json:"action"`
	Caller     string          `json:"caller,omitempty"`
	Parameters json.RawMessage `json:"parameters"` // without what was not given
	Status     int             `json:"status"`
	Code       string          `json:"code,omitempty"`
	Message    string          `json:"message,omitempty"`
	Fault      string          `json:"fault,omitempty"`
	Throttled  bool            `json:"throttled,omitempty"`
	Dropped    bool            `json:"dropped,omitempty"`
}

// Resources are what the account holds, in the order of creation.
type Resources struct {
	Account        string          `json:"account"`
	Region         string          `json:"region"`
	LoadBalancers  []LoadBalancer  `json:"loadBalancers"`
	TargetGroups   []TargetGroup   `json:"targetGroups"`
	SecurityGroups []SecurityGroup `json:"securityGroups"` // by id
	Certificates   []Certificate   `json:"certificates"`   // by ARN
	WebACLs        []WebACL        `json:"webAcls,omitempty"`
	Protections    []Protection    `json:"protections,omitempty"` // of Shield Advanced
	Accelerators   []Accelerator   `json:"accelerators,omitempty"`
}

// LoadBalancer is one load balancer with its listeners.
type LoadBalancer struct {
	ARN            string            `json:"arn"`
	Name           string            `json:"name"`
	DNSName        string            `json:"dnsName"`
	Type           string            `json:"type"`
	Scheme         string            `json:"scheme"`
	IPAddressType  string            `json:"ipAddressType"`
	State          string            `json:"state"`
	VPC            string            `json:"vpc"`
	Zones          []Zone            `json:"zones"`
	SecurityGroups []string          `json:"securityGroups,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	Listeners      []Listener        `json:"listeners"`
}

// Zone is a load balancer's presence in one availability zone.
type Zone struct {
	Name    string     `json:"name"`
	Subnet  string     `json:"subnet"`
	Private netip.Addr `json:"private,omitzero"`
	Public  netip.Addr `json:"public,omitzero"`
	IPv6    netip.Addr `json:"ipv6,omitzero"`
	// InService is set if DNS answers the zone's addresses; false without a data plane.
	InService bool `json:"inService"`
}

// Listener is one listener with its rules, the default rule last.
type Listener struct {
	ARN          string            `json:"arn"`
	Port         int32             `json:"port"`
	Protocol     string            `json:"protocol"`
	Certificates []string          `json:"certificates,omitempty"` // the default one first
	SSLPolicy    string            `json:"sslPolicy,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	Rules        []Rule            `json:"rules"`
}

// Rule is one rule. Target groups of its actions are named by ARN.
type Rule struct {
	ARN        string            `json:"arn"`
	Priority   string            `json:"priority"` // a number, or "default"
	Conditions []stack.Condition `json:"conditions,omitempty"`
	Actions    []stack.Action    `json:"actions"`
	Transforms []stack.Transform `json:"transforms,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	// Text is conditions and actions in one line, with the names of target groups.
	Text string `json:"text"`
	// Requests is how many requests or flows the rule took since the load balancer appeared.
	Requests int64 `json:"requests"`
}

// TargetGroup is one target group with its targets.
type TargetGroup struct {
	ARN             string            `json:"arn"`
	Name            string            `json:"name"`
	TargetType      string            `json:"targetType"`
	Protocol        string            `json:"protocol,omitempty"`
	ProtocolVersion string            `json:"protocolVersion,omitempty"`
	Port            int32             `json:"port,omitempty"`
	VPC             string            `json:"vpc,omitempty"`
	HealthCheck     string            `json:"healthCheck"` // "HTTP /health on traffic-port expects 200"
	LoadBalancer    string            `json:"loadBalancer,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	Targets         []Target          `json:"targets"`
}

// Target is one registration with its health.
type Target struct {
	ID          string `json:"id"`
	Port        int32  `json:"port,omitempty"`
	Zone        string `json:"zone,omitempty"`
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`
	Description string `json:"description,omitempty"`
	// QUICServerID is by what connections of QUIC find the target.
	QUICServerID string `json:"quicServerId,omitempty"`
	// History is what health checks reported, oldest first, as far as it is kept.
	History []HealthChange `json:"history,omitempty"`
}

// HealthChange is one report of health checks.
type HealthChange struct {
	Time        time.Time `json:"time"`
	State       string    `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Description string    `json:"description,omitempty"`
}

// SecurityGroup is one security group.
type SecurityGroup struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	VPC         string            `json:"vpc"`
	Tags        map[string]string `json:"tags,omitempty"`
	Ingress     []Permission      `json:"ingress,omitempty"`
	Egress      []Permission      `json:"egress,omitempty"`
}

// Permission is one rule of a security group.
type Permission struct {
	ID          string `json:"id"`
	Protocol    string `json:"protocol"` // "all" for every protocol
	From        int32  `json:"from"`
	To          int32  `json:"to"`
	Peer        string `json:"peer"` // CIDR, security group or prefix list
	Description string `json:"description,omitempty"`
}

// Certificate is one certificate.
type Certificate struct {
	ARN    string   `json:"arn"`
	Names  []string `json:"names"`
	Status string   `json:"status"`
}

// Traffic is counts since each resource appeared, under CloudWatch's metric names, by ARN.
type Traffic struct {
	LoadBalancers map[string]map[string]int64 `json:"loadBalancers"`
	TargetGroups  map[string]map[string]int64 `json:"targetGroups"`
	Rules         map[string]int64            `json:"rules"` // requests or flows by rule, default rules included
}

// Flow is a flow through a network load balancer that is open now.
type Flow struct {
	LoadBalancer string         `json:"loadBalancer"` // ARN
	Listener     string         `json:"listener"`     // ARN
	TargetGroup  string         `json:"targetGroup"`  // ARN
	Protocol     string         `json:"protocol"`     // TCP, TLS, UDP, QUIC
	Client       netip.AddrPort `json:"client"`
	TargetID     string         `json:"targetId"`
	Target       netip.AddrPort `json:"target"`
	Since        time.Time      `json:"since"`
	Received     int64          `json:"received"` // bytes from the client
	Sent         int64          `json:"sent"`     // bytes to the client
}

// Endpoint is where one load balancer can be reached on this machine.
type Endpoint struct {
	ARN       string         `json:"arn"`
	Name      string         `json:"name"`
	DNSName   string         `json:"dnsName"`
	Address   netip.Addr     `json:"address,omitzero"`
	Listeners []ListenerAddr `json:"listeners"`
}

// ListenerAddr is the socket behind a listener.
type ListenerAddr struct {
	Port     int32          `json:"port"`
	Protocol string         `json:"protocol"`
	Address  netip.AddrPort `json:"address"`
}

// Resolution is the answer to a question for a name.
type Resolution struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
}

// Settings are what can be changed while the simulator runs, and what it was started with.
type Settings struct {
	Now       time.Time `json:"now"`     // on the simulated clock
	Stepped   bool      `json:"stepped"` // the clock stands until it is advanced
	Scale     float64   `json:"scale"`   // how much faster than the machine's the clock runs
	Profile   string    `json:"profile"`
	Latency   string    `json:"latency"`
	Throttle  bool      `json:"throttle"`
	DataPlane bool      `json:"dataPlane"`
	DNS       string    `json:"dns,omitempty"` // address of the DNS server
}

// SettingsChange changes settings; what is nil stays. Durations are text such as "1.5s".
type SettingsChange struct {
	Latency  *string  `json:"latency,omitempty"`
	Throttle *bool    `json:"throttle,omitempty"`
	Advance  *string  `json:"advance,omitempty"`
	Scale    *float64 `json:"scale,omitempty"`
}
