// Package intent holds desired load balancers with listeners, routes and backends. Front ends translate them from
// Kubernetes objects of any kind, before AWS is read. Every setting carries the place where it is declared. The package
// also has two rules about members: which namespaces decide what a group shares (DecidersOf), and how much the members
// of a load balancer may declare (Load).
package intent

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// LoadBalancer is one desired load balancer: the members of an Ingress group in group order, one Service, or a Gateway
// and its routes.
type LoadBalancer struct {
	Key     stack.Key
	Type    stack.LoadBalancerType
	Names   Names
	Members []Member
	// KeepsScheme: if no scheme is declared, the load balancer keeps its scheme, instead of getting the default.
	KeepsScheme bool `json:"-"`
	// RefusesIPv6Ranges: IPv6 source ranges are an error for a load balancer without IPv6 addresses. Otherwise they are
	// ignored.
	RefusesIPv6Ranges bool `json:"-"`
	// ICMPFromPrefixLists: ICMP for path MTU discovery is allowed from prefix lists too.
	ICMPFromPrefixLists bool `json:"-"`
	// OnePerPort: a port belongs to one member, and other members that declare it do not get it. This is so on an NLB,
	// whose listeners have no rules.
	OnePerPort bool `json:"-"`
	// FixedPorts: a port exists only if a member declares it whose authority is not RoutesOnly.
	FixedPorts bool `json:"-"`
	// RulePerPort: TargetGroupBindings have one networking rule for each port of targets, instead of one with all ports.
	RulePerPort bool `json:"-"`
	// Labels are those of the objects that declare the load balancer, for TargetGroupBindings; nil = they are not copied.
	Labels map[diag.Object]map[string]string `json:"-"`
	// BindingLabels and BindingAnnotations are further labels and annotations of every TargetGroupBinding.
	BindingLabels      map[string]string `json:",omitempty"`
	BindingAnnotations map[string]string `json:",omitempty"`
	// Deciders decide about shared settings; nil = DecidersOf finds them among the members. Leaving are objects that
	// left the group and still have resources in AWS.
	Deciders *Deciders     `json:"-"`
	Leaving  []diag.Object `json:"-"`
	// Policies are, by member, the last valid values of its annotations that concern the whole load balancer; nil = not
	// known.
	Policies map[diag.Object]map[string]string `json:"-"`
	// Listeners are the last valid versions of listeners, by object and name, in the front end's own format; nil = the
	// front end has none. An empty text is a version that is not known. The compiler only passes them on.
	Listeners map[diag.Object]map[string]string `json:"-"`
	// ListenersLost: one of these versions is not known. Ports in AWS that no member declares may belong to it.
	ListenersLost bool `json:"-"`
	// References decide which target groups of other objects the members may name; nil = no member names one.
	References *References `json:",omitempty"`
	// Logins are the credentials of logins of the last valid versions of members. A login that is missing keeps the
	// credentials that the compiler remembers, if any.
	Logins map[LoginOf]Credentials `json:"-"`
	// Moved are the last valid versions of members at the load balancers from which they come.
	Moved map[diag.Object]Member `json:"-"`
	// Unseen says why members may be missing from Members; nil = Members is complete.
	Unseen *Unseen
}

// References are the objects of Kubernetes that decide about references to target groups across namespaces.
type References struct {
	Grants []Grant `json:",omitempty"`
	// Namespaces are the existing namespaces; nil = they are not known.
	Namespaces []string `json:",omitempty"`
	// Services are, by namespace, the Services of the namespaces whose grants name a Service.
	Services map[string][]string `json:",omitempty"`
}

// Grant is a permission of a ReferenceGrant to name objects of a namespace.
type Grant struct {
	FromKind, FromNamespace string
	Namespace               string
	TargetGroup             bool   // the grant permits target groups by name, instead of Services
	Name                    string // empty = all
}

// Unseen says why members may be missing from a load balancer.
type Unseen struct {
	Namespace string // Members is complete for this namespace
	Why       string // a reason after "because"
	Remedy    string
}

// Names are the names that a front end gives to AWS resources. Package naming has the formulas.
type Names interface {
	LoadBalancer(cluster string, id stack.ID, scheme string) string
	SecurityGroup(cluster string, id stack.ID) string
	TargetGroup(cluster string, id stack.ID, g *TargetGroup) string // of the target type that g has
	// TargetGroups returns the prefixes of the identities of all target groups of a member. Target groups of another
	// member may have the same prefixes.
	TargetGroups(member diag.Object) []string
}

// Rank is the place of a member in its group: by group.order, then by namespace and name.
type Rank struct {
	Order           int32
	Namespace, Name string
}

// Compare compares two ranks. The lower one has precedence.
func (r Rank) Compare(o Rank) int {
	return cmp.Or(cmp.Compare(r.Order, o.Order), cmp.Compare(r.Namespace+"/"+r.Name, o.Namespace+"/"+o.Name))
}

// Member is the part of the load balancer that one Kubernetes object declares. LoadBalancer.Members is in the order of
// precedence.
type Member struct {
	Object diag.Object
	Order  int32 // group.order; lower wins conflicts
	// Unordered is true if Order is a default because group.order is invalid or misspelt: the last valid Order counts.
	Unordered bool  `json:"-"`
	Created   int64 // Unix seconds of creation; older wins conflicts between members of equal Order
	// Authority over the settings that members share.
	Authority Authority
	// Settings that come from IngressClassParams (by their Source) win conflicts over annotations.
	Settings  Settings
	Listeners []Listener
	Routes    []Route // in rule order
	// Unserved are routes that the load balancer cannot serve as declared. For each route, compile uses the last version
	// that it could serve.
	Unserved []Unserved `json:",omitempty"`
	// Reached are the objects of other namespaces to which its present and its last valid version forward, as far as they
	// may forward to them now.
	Reached []Reached `json:",omitempty"`
	// Certificates are the certificates that the stack shall own in ACM for this member. Listeners name them by identity.
	Certificates []Certificate
	// TrustStores are the trust stores that the stack shall own for this member. Listeners name them by identity.
	TrustStores []TrustStore `json:",omitempty"`
	// Diagnostics are the findings of the translation. If they contain an error, compile quarantines the member: its last
	// valid version serves, or without one its matches answer 503.
	Diagnostics diag.List
	// Misspelt are missing settings for which a misspelt key is present. compile keeps their former values.
	Misspelt []Misspelling
	// Named are the known annotations, and the keys and entries of annotations that name a backend, a listener or a port,
	// as Misspelling.Lacks.
	Named []string `json:",omitempty"`
	// Reduced marks a remembered version whose routes are forgotten, because they take too much room.
	Reduced bool `json:",omitempty"`
	// Former marks a member whose class or group name became invalid while it was part of the load balancer. Its present
	// version does not apply, and its last valid version stays. Without a known one, nothing that the member may own can
	// be changed or deleted, and the stack cannot be built until the member is corrected. Checkpoints use the former
	// name of the field.
	Former bool `json:"Held"`
	// Withheld marks a deployed member that sets what it may not: its present version is not deployed. Unlike a Former
	// member, it does not delay the others if its last valid version is not known.
	Withheld bool `json:"-"`
	// Class is the IngressClass or GatewayClass of this version; empty = none.
	Class string `json:",omitempty"`
	// ClassConfiguration is the configuration that the GatewayClass of this version names; the zero value = none.
	ClassConfiguration Source `json:",omitzero"`
	// OfClass is what parameters of classes set now: those of the present class, and those of the class of the last valid
	// version if it has another one. They bind that version, too: a mistake must not keep what an administrator has taken
	// away. Nil = none; only a version that is not valid asks for it.
	OfClass func() []ClassSettings `json:"-"`
	// ClassOfGroup is true if the class parameters of the member name the group: what they set applies to the whole group.
	ClassOfGroup bool `json:"-"`
}

// ClassSettings are the settings that the parameters of a class set, and that its objects cannot override.
type ClassSettings struct {
	Class    string
	Settings Settings
	Listener Listener // of each port: source ranges, prefix lists; of secure ports: SSL policy, certificates
	// Listeners have what is set for one protocol and port.
	Listeners []Listener
}

// Rank returns the place of the member in its group.
func (m *Member) Rank() Rank { return Rank{m.Order, m.Object.Namespace, m.Object.Name} }

// Reached is an object of another namespace to which a route forwards.
type Reached struct {
	Gateway         bool // behind a target group of type alb; otherwise a Service
	Namespace, Name string
}

// Reaches returns the objects of other namespaces to which a member forwards, or forwarded until the permission for it
// was withdrawn.
func (m *Member) Reaches() (out []Reached) {
	for i := range m.Routes {
		out = append(out, m.reachedBy(m.Routes[i].Actions)...)
		out = append(out, m.reachedBy(m.Routes[i].Former)...)
	}
	for i := range m.Listeners {
		out = append(out, m.reachedBy(m.Listeners[i].Default)...)
	}
	return out
}

// GroupOf returns the first target group of a Service or Gateway for a member; nil = there is none.
func (m *Member) GroupOf(of Reached) *TargetGroup {
	in := func(actions []Action) *TargetGroup {
		for i := range actions {
			for _, b := range actions[i].Backends {
				if g := b.TargetGroup; g != nil && g.reached() == of {
					return g
				}
			}
		}
		return nil
	}
	for i := range m.Routes {
		if g := in(m.Routes[i].Actions); g != nil {
			return g
		}
	}
	for i := range m.Listeners {
		if g := in(m.Listeners[i].Default); g != nil {
			return g
		}
	}
	return nil
}

// reached is the object behind a target group.
func (g *TargetGroup) reached() Reached {
	return Reached{g.TargetType == stack.TargetALB, g.ServiceNamespace, g.ServiceName}
}

func (m *Member) reachedBy(actions []Action) (out []Reached) {
	for _, a := range actions {
		for _, b := range a.Backends {
			if r, foreign := m.Foreign(b); foreign {
				out = append(out, r)
			}
		}
	}
	return out
}

// Foreign returns the object behind a backend of a member, and whether it is in another namespace.
func (m *Member) Foreign(b Backend) (r Reached, foreign bool) {
	g := b.TargetGroup
	if g == nil || g.ServiceName == "" || g.ServiceNamespace == m.Object.Namespace {
		return Reached{}, false
	}
	return g.reached(), true
}

// Authority is the authority of a member over the shared settings of its group: those of the load balancer and of
// listeners.
type Authority string

// The authorities. If one member is Deciding, each other member is Deciding or RoutesOnly.
const (
	Equal      Authority = ""            // the same as that of the other members
	Deciding   Authority = "deciding"    // class parameters of the group name its namespace
	RoutesOnly Authority = "routes-only" // class parameters of the group name other namespaces
)

// Misspelling is an unknown key that is most likely misspelt. If Key and Meant are the same, it is an invalid value
// that would count as the default.
type Misspelling struct {
	Setting string // its name in compile: "scheme", "inbound-cidrs"
	Key     string // as it is written
	Meant   string // the key that it resembles
	Source  Source
	// Text is the problem; empty = Key is unknown, and Meant is missing.
	Text string `json:",omitempty"`
	// Guards is true if the setting restricts who is served: a member that does not serve yet is invalid, too.
	Guards bool `json:",omitempty"`
	// Lacks is set for a key that does not always restrict, and for a key or an entry that names nothing: what could be
	// written instead of it, and is not. It counts as misspelt if one of them is among the Named of the last valid
	// version: the edit ends its effect.
	Lacks []string `json:"-"`
}

// Listener is what a member declares for one port.
type Listener struct {
	Source       Source // where port and protocol are declared; its path is empty for a listener by default
	Port         int32
	Protocol     string          // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC
	Certificates Field[[]string] // explicit ARNs, first = default
	// Owned are identities of the member's own certificates, if it names no ARN; the first is the default one.
	Owned []string
	// DiscoverFirst are hosts whose certificates in ACM replace Owned, if each of the hosts has one.
	DiscoverFirst []string
	// DiscoverHosts are the hosts for which compile finds certificates if Certificates is not set.
	DiscoverHosts []string
	// NoneUsable: a listener of a Gateway names certificates none of which can be used, which is reported.
	NoneUsable bool `json:"-"`
	// Hosts are the hosts that a route serves on a secure port. Certificates for them are found for the listener of the
	// Gateway.
	Hosts []string
	// ToCover are the hosts of an Ingress with Certificates, and of the listeners of a Gateway. Only findings use them;
	// neither memory nor approvals contain them.
	ToCover []string `json:"-"`
	// OfSets are the listeners of ListenerSets on a secure port of a Gateway. Only findings use them.
	OfSets    []SetListener `json:"-"`
	SSLPolicy Field[string]
	// HTTPS; the trust store by ARN, name, or identity of one of the member's own
	Mutual       Field[stack.MutualAuthentication]
	ALPN         Field[string]
	InboundCIDRs Field[[]string]
	NoRanges     bool // InboundCIDRs is set to an empty list: only PrefixLists are allowed
	PrefixLists  Field[[]string]
	Attributes   map[string]Field[string]
	// Default is the default action; empty = 404 (ALB). For an NLB it is the forward to the port's target group.
	Default       []Action
	DefaultSource Source
	// Unserved says why the load balancer cannot serve the port as declared: then the default action of the last valid
	// version stays. Empty = it can.
	Unserved string `json:",omitempty"`
	// ICMP: whether path MTU messages are allowed too ("on"); NLB only.
	ICMP Field[string]
	// TransportProtocols of the security group rule ("tcp", "udp"); empty = tcp.
	TransportProtocols []string
}

// SetListener is a listener of a ListenerSet.
type SetListener struct {
	Source Source
	Host   string // empty = all
}

// Unserved is a route that the load balancer cannot serve as declared.
type Unserved struct {
	// Route has the port and conditions of its requests; without conditions, these are not known. Its actions answer
	// requests that no earlier version served; without actions, such requests get no rule.
	Route Route
	// Before is the index in Member.Routes of the route that follows in rule order.
	Before int
	// Stand are conditions for the same requests. They replace declared conditions that AWS refuses, if no earlier version
	// served any.
	Stand []stack.Condition `json:",omitempty"`
	// Guarded reports that the declared rule restricts who is served, or does more than forward.
	Guarded bool `json:",omitempty"`
	// Path, Text and Remedy are the finding, and Code its code; empty = InvalidRule. Without Text, the member has it.
	Path, Text, Remedy string
	Code               diag.Code `json:",omitempty"`
}

// Route is one desired rule; Ports empty = on every listener of the member.
type Route struct {
	Source Source
	Ports  []int32
	// Precedence orders the routes of all members, as Gateway API requires: compared element by element, the lower first.
	// Routes of equal precedence are in the order of their members; all routes of Ingresses have equal precedence.
	Precedence []int32 `json:",omitempty"`
	// Alternative is the same number for routes that are alternatives of one rule of the object: compile joins those
	// with the same actions into one rule if order and limits allow it. 0 = the route has no alternatives.
	Alternative int32 `json:",omitempty"`
	// Guard marks a route of a regular expression that does more than forward, such as a login. The Gateway API leaves its
	// place among prefixes open.
	Guard bool `json:",omitempty"`
	// Verbatim marks a route whose rule is created even if no request reaches it, as the existing controller does.
	Verbatim bool `json:",omitempty"`
	// Failing marks a route that was never served as declared: its Actions answer an error. It never counts as a last
	// valid version.
	Failing bool `json:",omitempty"`
	// Former are the actions of a last valid version of which Actions lacks the backends whose permission was withdrawn.
	// They serve again if it returns. Nil = Actions lacks none.
	Former []Action `json:",omitempty"`
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
	// Authentication comes before Actions on HTTPS listeners: a login of users, or the validation of tokens. Other
	// listeners ignore it. Checkpoints use the former name of the field.
	Authentication []Action `json:"Guard"`
}

// Restricts reports whether the route admits only some clients: by a login, a token or their addresses.
func (r *Route) Restricts() bool {
	return len(r.Authentication) > 0 || slices.ContainsFunc(r.Conditions, func(c stack.Condition) bool {
		return c.Field == stack.SourceIP
	})
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

// Identifier is a routeIdentifier of a TargetGroupConfiguration, which is named by namespace and name.
type Identifier struct {
	Configuration   string
	Kind            string
	Namespace, Name string `json:",omitempty"`
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
	// Port is the node port or the numeric target port; 1 if the target port is named. It is never 0: front ends report
	// Services that cannot serve.
	Port            int32
	TargetPort      string // Service targetPort as networking port: decimal or name (ip), node port (instance)
	Protocol        string
	ProtocolVersion string
	IPv6            bool
	// IPv4: the Service has IPv4 addresses too, for a load balancer without IPv6.
	IPv4      bool `json:",omitempty"`
	IPv4First bool `json:",omitempty"` // IPv4 is used if the load balancer allows both families
	// Beside is the identity of the first target group of the same forward, because AWS demands that both have one family;
	// empty = there is none.
	Beside      string `json:",omitempty"`
	ControlPort int32
	HealthCheck stack.HealthCheck
	Attributes  map[string]string
	// AttributeSources are where attributes are declared, by key; those of defaults are missing.
	AttributeSources map[string]Source `json:",omitempty"`
	// Configuration is the TargetGroupConfiguration of its Service or Gateway, by name; empty = there is none.
	Configuration string `json:",omitempty"`
	// Identified are the routeIdentifiers of TargetGroupConfigurations by which routeConfigurations apply to it. Strays
	// are those that name no route that exists.
	Identified, Strays []Identifier `json:",omitempty"`
	// Tags are the member's tags, overridden by the Service's. compile adds tracking and default tags.
	Tags            map[string]string
	NodeLabels      map[string]string
	NodeExpressions []stack.NodeExpression `json:",omitempty"`
	MultiCluster    bool
	// Balancer is the ARN of the only target of a group with target type alb: an ALB. Such a group has no Service.
	Balancer string `json:",omitempty"`
	Source   Source
}

// SetAttributes sets the attributes and where they are declared.
func (g *TargetGroup) SetAttributes(all map[string]Field[string]) {
	g.Attributes, g.AttributeSources = nil, nil
	for key, f := range all {
		if g.Attributes == nil {
			g.Attributes = make(map[string]string, len(all))
		}
		if g.Attributes[key] = f.Value; f.Source == (Source{}) {
			continue
		}
		if g.AttributeSources == nil {
			g.AttributeSources = make(map[string]Source, len(all))
		}
		g.AttributeSources[key] = f.Source
	}
}
