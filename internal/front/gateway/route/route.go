// Package route translates the routes that are attached to a Gateway. HTTPRoutes and GRPCRoutes become rules;
// TCPRoutes, UDPRoutes and TLSRoutes become default actions of listeners; backends become target groups. For each
// route it decides what is refused, and why. A mistake affects only its rule or backend, never other routes.
//
// It is pure. It does not decide which routes attach, nor anything about the load balancer itself.
package route

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config has the controller's flags about routes.
type Config struct {
	DefaultTargetType string // empty = instance
}

// Input is what routes are translated by.
type Input struct {
	View         *objects.View
	Config       Config
	Gateway      *gatewayv1.Gateway
	Family       attachment.Family // Application or Network
	Construction rule.Construction // Standard or Compatible
	Hosts        rule.Construction // of hosts; empty = Construction
	Defaults     configuration.Defaults
	Listeners    *attachment.Listeners
	Routes       []Attached
	// Stickiness is that of forwards of network load balancers, by port.
	Stickiness map[int32]*stack.Stickiness
	// QUIC are the ports of network load balancers for which QUIC is declared.
	QUIC map[int32]bool
	// Reached returns the objects of other namespaces to which the last valid version of a route forwards; nil = no such
	// version is known.
	Reached func(route diag.Object) []intent.Reached
	// Configured returns the first target group of a backend in the last valid version of a route; nil = no such version
	// is known.
	Configured func(route diag.Object, backend objects.Ref) *intent.TargetGroup
	// HadPort reports whether the last valid version of a route served a port; nil = no such version is known.
	HadPort func(route diag.Object, port int32) bool
	// Served reports that the Gateway has a load balancer, whose address its status shows, and that nothing is remembered
	// of it, as after the swap from the existing controller: what it serves goes on.
	Served bool

	units map[string]int // of the routes so far, by namespace
}

// Attached is a route of the Gateway with what is decided about its parentRefs.
type Attached struct {
	Object    metav1.Object
	Route     attachment.Route
	Decisions []attachment.Decision
	// Astray is why some of the parentRefs are former ones; nil = none is. Then the route's last valid version serves.
	Astray *Astray
}

// Astray is a parentRef of a route that leads nowhere.
type Astray struct{ Path, Text string }

// Decided is the outcome of a route.
type Decided struct {
	// Member is the route's part of the load balancer.
	Member intent.Member
	// Serves reports whether the Member has rules or default actions, or had some as long as it was valid. One that does
	// not has no part in the load balancer.
	Serves bool
	// Refused is why the route is not accepted, Unresolved what is wrong with its backends, Partly why some of its rules
	// have no effect while others serve; each may be nil.
	Refused, Unresolved, Partly *attachment.Problem
	// Found are notes for events of the route.
	Found diag.List
	// Configurations are the ListenerRuleConfigurations that exist and that the route's rules refer to, each once, in the
	// order of the rules.
	Configurations []Configuration
}

// Configuration is the decision about a ListenerRuleConfiguration: the same for each route that refers to it.
type Configuration struct {
	Namespace, Name string
	Generation      int64 // that the decision is about
	Accepted        bool
	Message         string
}

// Compare orders routes by precedence, which is that of the members of a load balancer, too: the oldest first, then by
// namespace and name.
func Compare(a, b Attached) int {
	created := a.Object.GetCreationTimestamp().Compare(b.Object.GetCreationTimestamp().Time)
	name := func(r attachment.Route) string { return r.Namespace + "/" + r.Name }
	return cmp.Or(created, strings.Compare(name(a.Route), name(b.Route)), strings.Compare(string(a.Route.Kind),
		string(b.Route.Kind)))
}

// Translate decides about routes, in the order of Input.Routes.
func Translate(in Input) []Decided {
	decided := make([]Decided, 0, len(in.Routes))
	sites := sitesOf(in.Listeners, in.QUIC)
	in.units = map[string]int{}
	serving := map[int32]int{} // by port of a network load balancer, the route that serves it
	if in.Family == attachment.Network {
		serving = in.oldest(sites)
	}
	for i := range in.Routes {
		t := newTranslation(&in, &in.Routes[i])
		if in.Family == attachment.Network {
			t.network(sites, func(port int32) *Attached {
				if at := serving[port]; at != i {
					return &in.Routes[at]
				}
				return nil
			})
		} else {
			t.application(sites)
		}
		decided = append(decided, t.decided())
	}
	return decided
}

// Isolation are rules of the Gateway itself: they answer 404 to requests for the hostname of a listener, in the
// standard construction, or of a claim that none of its routes matches, where another listener of the port, whose
// hostname covers that one, would have them otherwise.
func Isolation(in Input) []intent.Route {
	if in.Family == attachment.Network {
		return nil
	}
	return in.isolation(sitesOf(in.Listeners, in.QUIC))
}

// host is the condition of a hostname at a port.
func (in *Input) host(s *site, name string) stack.Condition {
	return cmp.Or(in.Hosts, in.Construction).At(s.protocol, s.port).Host(name)
}

// ObjectOf names an object of a kind in diagnostics.
func ObjectOf(o metav1.Object, kind gatewayv1.Kind) diag.Object {
	return diag.Object{Kind: string(kind), Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())}
}

// translation is the state of the translation of one route.
type translation struct {
	in     *Input
	route  *Attached
	object diag.Object

	groups         map[groupKey]*backend
	configurations map[string]*ruleConfiguration
	used           []string // names of configurations, in order
	http           bool     // the route is attached to an HTTP listener
	wrong          string   // of the backend that is resolved now

	member     intent.Member
	effective  bool // some of it serves as it is meant
	lost       bool // a hostname of it is that of others
	refused    *attachment.Problem
	unresolved *attachment.Problem
	dropped    []problem // what of the route has no effect
	found      diag.List
}

func newTranslation(in *Input, r *Attached) *translation {
	t := &translation{in: in, route: r, object: ObjectOf(r.Object, r.Route.Kind), groups: map[groupKey]*backend{},
		configurations: map[string]*ruleConfiguration{}}
	var f annotation.Findings
	annotation.Check(&f, t.object, annotation.OnRoute, r.Object.GetAnnotations())
	t.found = f.List()
	if _, spec, ok := Common(r.Object); ok && spec.UseDefaultGateways != "" && spec.UseDefaultGateways !=
		gatewayv1.GatewayDefaultScopeNone {
		t.ignored("spec.useDefaultGateways", "useDefaultGateways has no effect: routes attach to Gateways that they name",
			"name each Gateway in parentRefs")
	}
	t.member = intent.Member{Object: t.object, Authority: intent.RoutesOnly}
	if created := r.Object.GetCreationTimestamp(); !created.IsZero() {
		t.member.Created = created.Unix()
	}
	if a := r.Astray; a != nil {
		const remedy = "correct the parentRef; to detach the route, delete the parentRef"
		t.drop(a.Path, a.Text, remedy)
		t.member.Diagnostics = diag.List{diag.New(t.object, a.Path, diag.InvalidRule, a.Text, remedy)}
	}
	return t
}

// Common returns the status of a route of any kind and the part of its spec that all kinds have; ok is false for other
// objects.
func Common(o metav1.Object) (status *gatewayv1.RouteStatus, spec *gatewayv1.CommonRouteSpec, ok bool) {
	switch r := o.(type) {
	case *gatewayv1.HTTPRoute:
		return &r.Status.RouteStatus, &r.Spec.CommonRouteSpec, true
	case *gatewayv1.GRPCRoute:
		return &r.Status.RouteStatus, &r.Spec.CommonRouteSpec, true
	case *gatewayv1.TLSRoute:
		return &r.Status.RouteStatus, &r.Spec.CommonRouteSpec, true
	case *gatewayv1.TCPRoute:
		return &r.Status.RouteStatus, &r.Spec.CommonRouteSpec, true
	case *gatewayv1.UDPRoute:
		return &r.Status.RouteStatus, &r.Spec.CommonRouteSpec, true
	}
	return nil, nil, false
}

// decided is the result.
func (t *translation) decided() Decided {
	invalid := t.member.Diagnostics.HasErrors() // its last valid version serves, if there is one
	t.reachAgain()
	d := Decided{Member: t.member, Serves: len(t.member.Routes) > 0 || invalid || unservable(&t.member),
		Refused: t.refused, Unresolved: t.unresolved, Found: t.found}
	for i := range t.member.Listeners {
		d.Serves = d.Serves || len(t.member.Listeners[i].Default) > 0
	}
	if invalid && t.lost { // its last valid version may serve what others have now
		d.Serves = false
	}
	for _, name := range t.used {
		c := t.configurations[name]
		if c.unread != "" {
			c.Accepted, c.Message = false, c.unread
		}
		d.Configurations = append(d.Configurations, c.Configuration)
	}
	if len(t.dropped) == 0 {
		return d
	}
	const most = 8 // texts in a message; the first ones are corrected first
	texts := make([]string, 0, len(t.dropped))
	for i := range t.dropped {
		texts = append(texts, t.dropped[i].at+": "+t.dropped[i].said())
	}
	message := diag.First(texts, most, "; ")
	switch {
	case invalid:
		d.Partly = &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: FallBack + message}
	case t.effective:
		d.Partly = &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue),
			Message: "Dropped Rule: " + message}
	case d.Refused == nil:
		d.Refused = &attachment.Problem{Reason: string(gatewayv1.RouteReasonUnsupportedValue), Message: message}
	}
	return d
}

// FallBack begins the message of Decided.Partly where the last valid version of the route takes the place of the whole
// route.
const FallBack = "Fall Back: "

// drop records that a part of the route, named by its field, has no effect. The remedy may be empty.
func (t *translation) drop(at, text, remedy string) {
	if p := (problem{at, text, remedy}); !slices.Contains(t.dropped, p) {
		t.dropped = append(t.dropped, p)
	}
}

// refuse records why the route is not accepted; the first reason counts.
func (t *translation) refuse(reason gatewayv1.RouteConditionReason, message string) {
	if t.refused == nil {
		t.refused = &attachment.Problem{Reason: string(reason), Message: message}
	}
}

// unresolve records what is wrong with a backend; the first reason counts.
func (t *translation) unresolve(reason gatewayv1.RouteConditionReason, message string) {
	if t.unresolved == nil {
		t.unresolved = &attachment.Problem{Reason: string(reason), Message: message}
	}
}

// ignored notes that a field has no effect.
func (t *translation) ignored(at, text, remedy string) { t.ignoredOf(t.object, at, text, remedy) }

// ignoredOf notes that a field of an object has no effect.
func (t *translation) ignoredOf(o diag.Object, at, text, remedy string) {
	if o != t.object {
		text += ", for " + t.object.String()
	}
	t.tell(diag.New(o, at, diag.IgnoredSetting, text, remedy))
}

// finding is one about a field of the route. It affects a rule only.
func (t *translation) finding(at string, code diag.Code, text, remedy string) diag.Diagnostic {
	return diag.New(t.object, at, code, text, remedy).In(diag.Rule)
}

// tell records findings for events of the objects, each once.
func (t *translation) tell(found ...diag.Diagnostic) {
	for _, d := range found {
		if !slices.Contains(t.found, d) {
			t.found = append(t.found, d)
		}
	}
}

// source is a field of the route.
func (t *translation) source(at string) intent.Source {
	return intent.At(t.object, at)
}

// listen records that the route is on a port.
func (t *translation) listen(port int32, protocol string) *intent.Listener {
	at := slices.IndexFunc(t.member.Listeners, func(l intent.Listener) bool { return l.Port == port })
	if at < 0 {
		at = len(t.member.Listeners)
		t.member.Listeners = append(t.member.Listeners, intent.Listener{Port: port, Protocol: protocol,
			Source: t.source("spec.parentRefs")})
	}
	return &t.member.Listeners[at]
}
