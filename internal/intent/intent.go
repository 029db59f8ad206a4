// Package intent is what is desired, source-neutral: load balancers with listeners, routes and backends, as front ends read them
// from Kubernetes objects and before AWS is consulted. Every settable field knows where it came from.
// It imports diag and stack (for the vocabulary of conditions and actions), nothing else.
package intent

import (
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Source tells where a value was written.
type Source struct {
	Object diag.Object
	Path   string // e.g. "metadata.annotations[alb.ingress.kubernetes.io/scheme]" or "spec.scheme"
}

// OfClass reports whether class parameters say it.
func (s Source) OfClass() bool { return s.Object.Kind == "IngressClassParams" }

// Place is where it is written, as seen from the member that it applies to.
func (s Source) Place() string {
	if s.OfClass() {
		return s.Path + " of " + s.Object.String()
	}
	return s.Path
}

// Field is an optional setting with its provenance. The zero value is "not set".
type Field[T any] struct {
	Value  T
	Set    bool
	Source Source
}

// Of makes a set field.
func Of[T any](v T, s Source) Field[T] { return Field[T]{Value: v, Set: true, Source: s} }

// Entries makes a field of each entry of a map, with the map's source; nil if there are none.
func Entries(m Field[map[string]string]) map[string]Field[string] {
	if len(m.Value) == 0 {
		return nil
	}
	out := map[string]Field[string]{}
	for k, v := range m.Value {
		out[k] = Of(v, m.Source)
	}
	return out
}

// Or returns the value if set, else def.
func (f Field[T]) Or(def T) T {
	if f.Set {
		return f.Value
	}
	return def
}

// LoadBalancer is one desired load balancer: the members of an Ingress group in group order, or one Service.
type LoadBalancer struct {
	Key     stack.Key
	Type    stack.LoadBalancerType
	Names   Names
	Members []Member
	// KeepsScheme: a scheme that no member sets stays as AWS holds it, instead of becoming the default.
	KeepsScheme bool `json:"-"`
	// RefusesIPv6Ranges: source ranges that a load balancer without IPv6 addresses cannot have are an error, instead of having no effect.
	RefusesIPv6Ranges bool `json:"-"`
	// Unseen tells that objects which are not among Members may be part of the load balancer; nil = all are.
	Unseen *Unseen
}

// Unseen is why members may be missing from a load balancer.
type Unseen struct {
	Namespace string // the one whose members all are there
	Why       string // as a reason after "because"
	Remedy    string
}

// Names are the names that a front end gives to what AWS is to hold for it. Package naming has the formulas.
type Names interface {
	LoadBalancer(cluster string, id stack.ID, scheme string) string
	SecurityGroup(cluster string, id stack.ID) string
	TargetGroup(cluster string, id stack.ID, g *TargetGroup) string // of the target type that g has
	// TargetGroups begins the identities of all target groups of a member, and may begin those of another one's.
	TargetGroups(member diag.Object) string
}

// Member is what one Kubernetes object contributes. Order in LoadBalancer.Members is priority order.
type Member struct {
	Object  diag.Object
	Order   int32 // group.order; lower wins conflicts
	Created int64 // Unix seconds of creation; older wins conflicts between members of equal Order
	// Authority is what the member may say about what members share.
	Authority Authority
	// Settings that come from IngressClassParams (by their Source) win conflicts over annotations.
	Settings  Settings
	Listeners []Listener
	Routes    []Route // in rule order
	// Certificates are to be had in ACM for this member; its listeners name them by identity.
	Certificates []Certificate
	// Diagnostics of translation. A member with errors among them is quarantined by compile: its last good version is
	// used if there is one, else it is left out and its matches answer 503.
	Diagnostics diag.List
	// Misspelt are settings that are missing and for which a misspelt key stands, of those whose absence deletes, replaces or opens
	// something. compile holds what was in effect of them.
	Misspelt []Misspelling
	// Held marks a member that must not be judged by its present state: its class (or group name) became invalid while it is
	// part of the load balancer. Its last good version is kept; without one, nothing that it may own can be changed or
	// deleted, so the stack cannot be built until it is repaired.
	Held bool
}

// Authority is what a member may say about what the members of its group share: settings of the load balancer, and of listeners.
type Authority string

// The authorities. Where one member is deciding, those that are not have routes only.
const (
	Equal      Authority = ""            // as the other members
	Deciding   Authority = "deciding"    // class parameters of the group name its namespace
	RoutesOnly Authority = "routes-only" // class parameters of the group name other namespaces
)

// Misspelling is an unknown key that most likely stands for a setting, or, if Key and Meant are the same, a value that is taken as the
// default.
type Misspelling struct {
	Setting string // its name, as compile knows it: "scheme", "inbound-cidrs"
	Key     string // as it is written
	Meant   string // the key that it resembles
	Source  Source
}

// Listener is what a member desires of one port.
type Listener struct {
	Source       Source // where port and protocol were written; its path is empty for a listener by default
	Port         int32
	Protocol     string          // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
	Certificates Field[[]string] // explicit ARNs, first = default
	// Owned are identities of the member's own certificates, where no ARN is given; the first is the default one.
	Owned []string
	// DiscoverHosts asks compile to find certificates for these hosts when Certificates is not set.
	DiscoverHosts []string
	SSLPolicy     Field[string]
	Mutual        Field[stack.MutualAuthentication] // HTTPS; the trust store by ARN or name
	ALPN          Field[string]
	QUIC          bool // UDP and TCP_UDP: QUIC is asked for; one that exists is kept, none is made
	InboundCIDRs  Field[[]string]
	PrefixLists   Field[[]string]
	Attributes    map[string]Field[string]
	// Default is what an unmatched request gets; empty = 404 (ALB). For an NLB it is the forward to the port's target group.
	Default       []Action
	DefaultSource Source
	// ICMP: also admit path MTU messages ("on"); NLB only.
	ICMP Field[string]
	// TransportProtocols of the security group rule ("tcp", "udp"); empty = tcp.
	TransportProtocols []string
}

// Route is one wanted rule; Ports empty = on every listener of the member.
type Route struct {
	Source Source
	Ports  []int32
	// Precedence puts the routes of all members in order where the front end's rules do, as those of Gateway API do: compared element by
	// element, the lower first. Routes of equal precedence, as those of Ingresses all are, come in the order of their members.
	Precedence []int32 `json:",omitempty"`
	Conditions []stack.Condition
	Actions    []Action
	Transforms []stack.Transform
	// Guard stands in front of Actions on HTTPS listeners: it signs users in, or checks their tokens. It has no effect on others.
	Guard []Action
}

// Action is a stack.Action before target groups have identities: Backends replaces the forward's target groups.
type Action struct {
	Type          stack.ActionType
	Backends      []Backend // forward
	Stickiness    *stack.Stickiness
	Redirect      *stack.Redirect
	FixedResponse *stack.FixedResponse

	OIDC    *stack.AuthenticateOIDC
	Cognito *stack.AuthenticateCognito
	JWT     *stack.ValidateJWT
}

// Backend is one target of a forward: a Service port (TargetGroup set) or a target group of the user (ARN or Name set).
type Backend struct {
	Weight          *int32
	TargetGroupARN  string
	TargetGroupName string
	TargetGroup     *TargetGroup
	Source          Source
}

// TargetGroup is the desired target group of one Service port, resolved against the Service.
type TargetGroup struct {
	ID               string      // identity as in stack.TargetGroup.ID
	Object           diag.Object // the object whose annotations ask for it (Ingress or Service)
	ServiceNamespace string
	ServiceName      string
	ServiceUID       string
	ServicePort      string // as written in the Ingress; decimal for Services
	TargetType       string // "" = controller default
	Port             int32  // node port or numeric target port; 1 if the target port is named; never 0: fronts report Services that cannot serve
	TargetPort       string // Service targetPort as networking port: decimal or name (ip), node port (instance)
	Protocol         string
	ProtocolVersion  string
	IPv6             bool
	ControlPort      int32
	HealthCheck      stack.HealthCheck
	Attributes       map[string]string
	Tags             map[string]string // member's tags under Service's tags (tracking and default tags are added by compile)
	NodeLabels       map[string]string
	MultiCluster     bool
	Source           Source
}
