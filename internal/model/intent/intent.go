// Package intent holds desired load balancers with listeners, routes and backends, as front ends translate them from
// Kubernetes objects of any kind, before AWS is consulted. Every setting carries the place where it is declared.
package intent

import (
	"encoding/json"
	"fmt"
	"strings"
	"unique"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Source is the object and field where a value is declared; the zero value = nowhere. Sources with the same object and
// path are ==. A Source is no larger than a pointer, as a member has some forty settings, most of which are not set.
type Source struct{ at unique.Handle[place] }

// place is the content of a Source. Its JSON is that of checkpoints.
type place struct {
	Object diag.Object
	Path   string
}

// At is a source. A path is, for example, "metadata.annotations[alb.ingress.kubernetes.io/scheme]" or "spec.scheme".
func At(o diag.Object, path string) Source {
	if p := (place{o, path}); p != (place{}) {
		return Source{unique.Make(p)}
	}
	return Source{}
}

func (s Source) place() place {
	if s == (Source{}) {
		return place{}
	}
	return s.at.Value()
}

// Equal is ==, for comparisons that look into structs.
func (s Source) Equal(to Source) bool { return s == to }

// String is the object and the field.
func (s Source) String() string { return strings.TrimSpace(s.Object().String() + " " + s.Path()) }

// Object is where the value is declared.
func (s Source) Object() diag.Object { return s.place().Object }

// Path is the field that declares the value.
func (s Source) Path() string { return s.place().Path }

// MarshalJSON implements json.Marshaler.
func (s Source) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(s.place())
	if err != nil {
		return nil, fmt.Errorf("writing where a value is declared as JSON: %w", err)
	}
	return text, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Source) UnmarshalJSON(text []byte) error {
	var p place
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("reading where a value is declared: %w", err)
	}
	*s = At(p.Object, p.Path)
	return nil
}

// OfClass reports whether the value is declared by class parameters.
func (s Source) OfClass() bool { return s.Object().Kind == "IngressClassParams" }

// OfConfiguration reports whether the value is declared by a configuration that a Gateway, its class or its routes
// name.
func (s Source) OfConfiguration() bool { return strings.HasSuffix(s.Object().Kind, "Configuration") }

// Place is the field path, with the object if that is not the member itself.
func (s Source) Place() string {
	if s.OfClass() || s.OfConfiguration() || s.Object().Kind == "ListenerSet" {
		return s.Path() + " of " + s.Object().String()
	}
	return s.Path()
}

// Field is an optional setting with its provenance. The zero value is "not set".
type Field[T any] struct {
	Value  T
	Set    bool
	Source Source `json:",omitzero"`
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

// declared returns where a set field is declared.
func (f Field[T]) declared() (Source, bool) { return f.Source, f.Set }

// sources are those of the fields that are set.
func sources(fields ...interface{ declared() (Source, bool) }) (out []Source) {
	for _, f := range fields {
		if s, set := f.declared(); set {
			out = append(out, s)
		}
	}
	return out
}

// LoadBalancer is one desired load balancer: the members of an Ingress group in group order, one Service, or a Gateway
// and its routes.
type LoadBalancer struct {
	Key     stack.Key
	Type    stack.LoadBalancerType
	Names   Names
	Members []Member
	// KeepsScheme reports that without a declared scheme the one of the existing load balancer is kept, instead of the
	// default.
	KeepsScheme bool `json:"-"`
	// RefusesIPv6Ranges reports that IPv6 source ranges of a load balancer without IPv6 addresses are an error, instead of
	// being ignored.
	RefusesIPv6Ranges bool `json:"-"`
	// ICMPFromPrefixLists reports that ICMP for path MTU discovery is admitted from prefix lists, too.
	ICMPFromPrefixLists bool `json:"-"`
	// OnePerPort reports that a port is that of one member, and others that declare it do without, as on an NLB, whose
	// listeners have no rules.
	OnePerPort bool `json:"-"`
	// FixedPorts reports that a port exists only if a member declares it that may have more than routes.
	FixedPorts bool `json:"-"`
	// RulePerPort reports that TargetGroupBindings have a rule for each port of targets, instead of one with all ports.
	RulePerPort bool `json:"-"`
	// Labels are those of the objects that declare the load balancer, for TargetGroupBindings; nil = they are not copied.
	Labels map[diag.Object]map[string]string `json:"-"`
	// BindingLabels and BindingAnnotations are of every TargetGroupBinding, besides those of the stack.
	BindingLabels      map[string]string `json:",omitempty"`
	BindingAnnotations map[string]string `json:",omitempty"`
	// Deciders decide what the members share; nil = as DecidersOf finds them among the members. Leaving are objects that
	// left the group and still have something in AWS.
	Deciders *Deciders     `json:"-"`
	Leaving  []diag.Object `json:"-"`
	// Policies are the last valid values of the annotations of members that decide about the load balancer as a whole; nil
	// = not known.
	Policies map[diag.Object]map[string]string `json:"-"`
	// Listeners are the last valid versions of the listeners of objects, by object and name, as the front end writes them;
	// nil = the front end has none. An empty text stands for one that is not known. The compiler passes them on.
	Listeners map[diag.Object]map[string]string `json:"-"`
	// ListenersLost reports that one of them is not known: ports that AWS has and no member declares may be its.
	ListenersLost bool `json:"-"`
	// References are what decides which target groups of other objects the members may name; nil = no member names one.
	References *References `json:",omitempty"`
	// Unseen reports that objects outside Members may be part of the load balancer; nil = Members is complete.
	Unseen *Unseen
}

// References are what Kubernetes says about references to target groups across namespaces.
type References struct {
	Grants []Grant `json:",omitempty"`
	// Namespaces are those that exist; nil = they are not known.
	Namespaces []string `json:",omitempty"`
	// Services are those of the namespaces whose grants name a Service, by namespace.
	Services map[string][]string `json:",omitempty"`
}

// Grant is a permission to name objects of a namespace, as a ReferenceGrant gives it.
type Grant struct {
	FromKind, FromNamespace string
	Namespace               string
	TargetGroup             bool   // of target groups by their names, instead of Services
	Name                    string // empty = all
}

// Unseen is why members may be missing from a load balancer.
type Unseen struct {
	Namespace string // the namespace of which Members is complete
	Why       string // as a reason after "because"
	Remedy    string
}

// Names are the names that a front end gives to AWS resources. Package naming has the formulas.
type Names interface {
	LoadBalancer(cluster string, id stack.ID, scheme string) string
	SecurityGroup(cluster string, id stack.ID) string
	TargetGroup(cluster string, id stack.ID, g *TargetGroup) string // of the target type that g has
	// TargetGroups are the prefixes of the identities of all target groups of a member. Those of another member may have
	// them, too.
	TargetGroups(member diag.Object) []string
}

// Member is the part of the load balancer that one Kubernetes object declares. LoadBalancer.Members is in the order of
// precedence.
type Member struct {
	Object  diag.Object
	Order   int32 // group.order; lower wins conflicts
	Created int64 // Unix seconds of creation; older wins conflicts between members of equal Order
	// Authority over the settings that members share.
	Authority Authority
	// Settings that come from IngressClassParams (by their Source) win conflicts over annotations.
	Settings  Settings
	Listeners []Listener
	Routes    []Route // in rule order
	// Unserved are routes that the load balancer cannot serve as declared. Per route, compile uses the last version that
	// it could serve.
	Unserved []Unserved `json:",omitempty"`
	// Reached are the objects of other namespaces that the object may forward to now (function Reached). They are set if
	// something of the object is invalid.
	Reached []string `json:",omitempty"`
	// Certificates are those that the stack is to own in ACM for this member; its listeners name them by identity.
	Certificates []Certificate
	// TrustStores are those that the stack is to own for this member; its listeners name them by identity.
	TrustStores []TrustStore `json:",omitempty"`
	// Diagnostics of translation. A member with errors among them is quarantined by compile: its last good version is
	// used if there is one, else it is left out and its matches answer 503.
	Diagnostics diag.List
	// Misspelt are missing settings for which a misspelt key is present, of those whose absence deletes, replaces or opens
	// something. compile keeps their former values.
	Misspelt []Misspelling
	// Former marks a member whose class or group name has become invalid while it is part of the load balancer, so that
	// its present version does not apply. Its last good version is kept. Without one, nothing that it may own can be
	// changed or deleted, and the stack cannot be built until the member is corrected. In checkpoints it has the name that
	// earlier versions gave it.
	Former bool `json:"Held"`
	// Withheld marks a member that sets what it may not, and of which something is deployed: its present version is not
	// deployed. Unlike a former member, it does not hold up the others where its last good version is not known.
	Withheld bool `json:"-"`
	// ClassOfGroup reports that the class parameters of the member name the group, so that what they set is set for all of
	// it.
	ClassOfGroup bool `json:"-"`
}

// Reached is how Member.Reached has the Service behind a target group of a type, or the Gateway. object is
// namespace/name; without name, all of the namespace, and "/" all.
func Reached(targetType, object string) string {
	if targetType == stack.TargetALB {
		return "Gateway " + object
	}
	return object
}

// Authority is the authority of a member over what the members of its group share: settings of the load balancer and of
// listeners.
type Authority string

// The authorities. Where one member is deciding, those that are not have routes only.
const (
	Equal      Authority = ""            // as the other members
	Deciding   Authority = "deciding"    // class parameters of the group name its namespace
	RoutesOnly Authority = "routes-only" // class parameters of the group name other namespaces
)

// Misspelling is an unknown key that is most likely misspelt, or, if Key and Meant are the same, an invalid value that
// counts as the default.
type Misspelling struct {
	Setting string // its name in compile: "scheme", "inbound-cidrs"
	Key     string // as it is written
	Meant   string // the key that it resembles
	Source  Source
}

// Listener is what a member desires of one port.
type Listener struct {
	Source       Source // where port and protocol are declared; its path is empty for a listener by default
	Port         int32
	Protocol     string          // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	Certificates Field[[]string] // explicit ARNs, first = default
	// Owned are identities of the member's own certificates, where no ARN is given; the first is the default one.
	Owned []string
	// DiscoverFirst are hosts whose certificates in ACM are used in the place of Owned, if each of them has one.
	DiscoverFirst []string
	// DiscoverHosts are the hosts for which compile finds certificates if Certificates is not set.
	DiscoverHosts []string
	// Hosts are those that a route serves on a secure port, whose certificates are found for the listener of its Gateway.
	Hosts []string
	// ToCover are the hosts of an Ingress with Certificates, and those of the listeners of a Gateway. They are of findings
	// only: neither memory nor approvals have them.
	ToCover   []string `json:"-"`
	SSLPolicy Field[string]
	// HTTPS; the trust store by ARN, name, or identity of one of the member's own
	Mutual       Field[stack.MutualAuthentication]
	ALPN         Field[string]
	InboundCIDRs Field[[]string]
	NoRanges     bool // InboundCIDRs is set to no range: only PrefixLists are admitted
	PrefixLists  Field[[]string]
	Attributes   map[string]Field[string]
	// Default is the default action; empty = 404 (ALB). For an NLB it is the forward to the port's target group.
	Default       []Action
	DefaultSource Source
	// Unserved is why the load balancer cannot serve the port as declared: the default action of the last good version
	// stays. Empty = it can.
	Unserved string `json:",omitempty"`
	// ICMP: also admit path MTU messages ("on"); NLB only.
	ICMP Field[string]
	// TransportProtocols of the security group rule ("tcp", "udp"); empty = tcp.
	TransportProtocols []string
}

// Unserved is a route that the load balancer cannot serve as declared.
type Unserved struct {
	// Route has the port and conditions of its requests. Without conditions they are not known. Actions answer where no
	// earlier version served the requests; empty = there is no rule then.
	Route Route
	// Before is the index in Member.Routes of the route that follows in rule order.
	Before int
	// Stand are conditions for the same requests in the place of declared ones that AWS refuses, where no earlier version
	// served any.
	Stand []stack.Condition `json:",omitempty"`
	// Path, Text and Remedy are the finding.
	Path, Text, Remedy string
}

// Route is one desired rule; Ports empty = on every listener of the member.
type Route struct {
	Source Source
	Ports  []int32
	// Precedence orders the routes of all members, as the rules of Gateway API require: compared element by element, the
	// lower first. Routes of equal precedence, as are all of Ingresses, are in the order of their members.
	Precedence []int32 `json:",omitempty"`
	// Alternative is equal for routes of the member that are alternatives of one rule of its object: compile joins those
	// with the same actions into one rule where order and limits permit. 0 = the route has none.
	Alternative int32 `json:",omitempty"`
	// Verbatim marks a route whose rule is made even if no request reaches it, as the existing controller makes it.
	Verbatim bool `json:",omitempty"`
	// Failing marks a route that never was served as declared, so that its Actions are an error. It is no last good
	// version.
	Failing bool `json:",omitempty"`
	// Withdrawn marks a route that names a Service of a namespace that does not permit it: no earlier version of its rule
	// serves.
	Withdrawn bool `json:",omitempty"`
	// Stays marks a route of which the served version is not known: a rule that AWS has for the conditions keeps its
	// actions. Where AWS has none, Actions answer; if they are empty, there is no rule.
	Stays      bool              `json:",omitempty"`
	Tags       map[string]string `json:",omitempty"` // of its rules, besides those of the member
	Conditions []stack.Condition
	Actions    []Action
	Transforms []stack.Transform
	// Authentication stands in front of Actions on HTTPS listeners: a login of users, or the validation of tokens. Other
	// listeners ignore it. In checkpoints it has the name that earlier versions gave it.
	Authentication []Action `json:"Guard"`
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
	Name             string      `json:",omitempty"` // as declared; empty = that of Names
	NameSource       Source      `json:",omitzero"`  // where the name is declared
	Object           diag.Object // the object that declares it (Ingress or Service)
	ServiceNamespace string
	ServiceName      string // empty = no Service, and no targets
	ServiceUID       string
	ServicePort      string // as written in the Ingress; decimal for Services and routes
	TargetType       string // "" = controller default
	// node port or numeric target port; 1 if the target port is named; never 0: fronts report Services that cannot serve
	Port            int32
	TargetPort      string // Service targetPort as networking port: decimal or name (ip), node port (instance)
	Protocol        string
	ProtocolVersion string
	IPv6            bool
	// the Service has IPv4 addresses, too, which a load balancer without IPv6 uses
	IPv4      bool `json:",omitempty"`
	IPv4First bool `json:",omitempty"` // of the two, IPv4 is used where the load balancer admits both
	// Beside is the identity of the target group that is the first of the same forward, of which AWS demands one family;
	// empty = there is none.
	Beside      string `json:",omitempty"`
	ControlPort int32
	HealthCheck stack.HealthCheck
	Attributes  map[string]string
	// AttributesSource is where they are declared; its path is empty where that is not known.
	AttributesSource Source `json:",omitzero"`
	// member's tags under Service's tags (tracking and default tags are added by compile)
	Tags            map[string]string
	NodeLabels      map[string]string
	NodeExpressions []stack.NodeExpression `json:",omitempty"`
	MultiCluster    bool
	// Balancer is the ARN of the application load balancer that is the only target, of target type alb; then there is no
	// Service.
	Balancer string `json:",omitempty"`
	Source   Source
}
