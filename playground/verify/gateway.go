package verify

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Programmed returns the address of a Gateway whose current version is programmed, else an error that has the
// conditions that are not met.
func Programmed(g *gatewayv1.Gateway) (string, error) {
	c := apimeta.FindStatusCondition(g.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed))
	switch {
	case c == nil || c.ObservedGeneration < g.Generation && c.Reason != string(gatewayv1.GatewayReasonPending):
		return "", fmt.Errorf("%s of class %s has no status of its current version", nameOf("Gateway", g),
			g.Spec.GatewayClassName)
	case c.Status != metav1.ConditionTrue:
		return "", fmt.Errorf("%s of class %s is not programmed: %s: %s", nameOf("Gateway", g), g.Spec.GatewayClassName,
			c.Reason, c.Message)
	case len(g.Status.Addresses) == 0:
		return "", fmt.Errorf("%s has no address", nameOf("Gateway", g))
	}
	return g.Status.Addresses[0].Value, nil
}

// Refused lists the conditions of the Gateway's listeners that are not met.
func Refused(g *gatewayv1.Gateway) []string {
	var out []string
	for _, l := range g.Status.Listeners {
		for _, c := range l.Conditions {
			if c.Status == metav1.ConditionFalse && c.Type != string(gatewayv1.ListenerConditionConflicted) &&
				c.Type != string(gatewayv1.ListenerConditionProgrammed) {
				out = append(out, fmt.Sprintf("listener %s of %s: %s is False, %s: %s", l.Name, nameOf("Gateway", g), c.Type,
					c.Reason, c.Message))
			}
		}
	}
	return out
}

// Route is what all kinds of routes have in common.
type Route struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		gatewayv1.CommonRouteSpec `json:",inline"`
	} `json:"spec"`
	Status gatewayv1.RouteStatus `json:"status"`
}

// Judged returns nil if each parentRef of the route to one of the Gateways has conditions of the route's current
// version; refused are those that are not met, or say that a part of the route has no effect.
func Judged(r *Route, gateways []*gatewayv1.Gateway) (refused []string, err error) {
	for _, ref := range r.Spec.ParentRefs {
		g := parent(ref, r.Namespace, gateways)
		if g == nil {
			continue
		}
		s := entry(r, ref)
		if s == nil {
			return nil, fmt.Errorf("%s has no status of its current version for %s", nameOf(r.Kind, r), nameOf("Gateway", g))
		}
		for _, c := range s.Conditions {
			partly := c.Type == string(gatewayv1.RouteConditionPartiallyInvalid)
			if partly == (c.Status == metav1.ConditionTrue) {
				refused = append(refused, fmt.Sprintf("%s at %s: %s is %s, %s: %s", nameOf(r.Kind, r), nameOf("Gateway", g), c.Type,
					c.Status, c.Reason, c.Message))
			}
		}
	}
	return refused, nil
}

// OfHTTPRoute lists the requests that the rules of the route must answer at the listeners of the Gateways that it is
// attached to.
func OfHTTPRoute(r *gatewayv1.HTTPRoute, gateways []*gatewayv1.Gateway) []Request {
	var requests []Request
	common := Route{ObjectMeta: r.ObjectMeta, Status: r.Status.RouteStatus}
	for _, ref := range r.Spec.ParentRefs {
		g := parent(ref, r.Namespace, gateways)
		if g == nil || !accepted(entry(&common, ref)) || len(g.Status.Addresses) == 0 {
			continue
		}
		for _, l := range g.Spec.Listeners {
			if l.Protocol != gatewayv1.HTTPProtocolType && l.Protocol != gatewayv1.HTTPSProtocolType || !programmed(g, l.Name) ||
				!admits(l, ref, r.Namespace == g.Namespace, "HTTPRoute") {
				continue
			}
			for _, host := range hosts(l.Hostname, r.Spec.Hostnames) {
				for _, rule := range r.Spec.Rules {
					requests = append(requests, ofRule(rule, Request{
						Object: nameOf("HTTPRoute", r), Scheme: strings.ToLower(string(l.Protocol)),
						Host:    strings.Replace(host, "*", "any", 1),
						Address: net.JoinHostPort(g.Status.Addresses[0].Value, strconv.Itoa(int(l.Port))),
					})...)
				}
			}
		}
	}
	return requests
}

// OfGateway lists the connections that the listeners for TCP and TLS of a Gateway with routes must take.
func OfGateway(g *gatewayv1.Gateway) []Request {
	var requests []Request
	for _, l := range g.Spec.Listeners {
		i := slices.IndexFunc(g.Status.Listeners, func(s gatewayv1.ListenerStatus) bool { return s.Name == l.Name })
		if (l.Protocol == gatewayv1.TCPProtocolType || l.Protocol == gatewayv1.TLSProtocolType) && programmed(g, l.Name) &&
			g.Status.Listeners[i].AttachedRoutes > 0 {
			requests = append(requests, Request{Object: nameOf("Gateway", g), Kind: Connect,
				Address: net.JoinHostPort(g.Status.Addresses[0].Value, strconv.Itoa(int(l.Port)))})
		}
	}
	return requests
}

// ofRule lists one request for each path of a rule. Filters decide what is answered, and requests that need more than a
// path are left out.
func ofRule(rule gatewayv1.HTTPRouteRule, r Request) []Request {
	if len(rule.Filters) > 0 || len(rule.BackendRefs) == 0 {
		r.Kind = Answer
	}
	if len(rule.BackendRefs) == 0 && len(rule.Filters) == 0 {
		return nil // 500
	}
	r.Path = "/"
	if len(rule.Matches) == 0 {
		return []Request{r}
	}
	var out []Request
	for _, m := range rule.Matches {
		if len(m.Headers) > 0 || len(m.QueryParams) > 0 || m.Method != nil {
			continue
		}
		one := r
		if m.Path != nil && m.Path.Value != nil {
			if m.Path.Type != nil && *m.Path.Type == gatewayv1.PathMatchRegularExpression {
				continue
			}
			one.Path = *m.Path.Value
		}
		out = append(out, one)
	}
	return out
}

// hosts are the hostnames of a route that a listener has, the more specific of both; "" is any.
func hosts(listener *gatewayv1.Hostname, route []gatewayv1.Hostname) []string {
	own := ""
	if listener != nil {
		own = string(*listener)
	}
	if len(route) == 0 {
		return []string{own}
	}
	var out []string
	for _, h := range route {
		switch host := string(h); {
		case own == "" || own == host || covers(own, host):
			out = append(out, host)
		case covers(host, own):
			out = append(out, own)
		}
	}
	return out
}

func covers(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && strings.HasSuffix(host, suffix)
}

// admits reports whether the listener is known to take routes of the kind by the reference; a selector of namespaces is
// not evaluated.
func admits(l gatewayv1.Listener, ref gatewayv1.ParentReference, same bool, kind gatewayv1.Kind) bool {
	if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port {
		return false
	}
	if l.AllowedRoutes == nil {
		return same
	}
	if k := l.AllowedRoutes.Kinds; len(k) > 0 && !slices.ContainsFunc(k, func(k gatewayv1.RouteGroupKind) bool {
		return k.Kind == kind
	}) {
		return false
	}
	if n := l.AllowedRoutes.Namespaces; n != nil && n.From != nil {
		return *n.From == gatewayv1.NamespacesFromAll || *n.From == gatewayv1.NamespacesFromSame && same
	}
	return same
}

func parent(ref gatewayv1.ParentReference, namespace string, gateways []*gatewayv1.Gateway) *gatewayv1.Gateway {
	if ref.Kind != nil && *ref.Kind != "Gateway" {
		return nil
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	for _, g := range gateways {
		if g.Name == string(ref.Name) && g.Namespace == namespace {
			return g
		}
	}
	return nil
}

// entry is the status of the route's current version for a parentRef.
func entry(r *Route, ref gatewayv1.ParentReference) *gatewayv1.RouteParentStatus {
	for i := range r.Status.Parents {
		s := &r.Status.Parents[i]
		if s.ParentRef.Name == ref.Name && equal(s.ParentRef.Namespace, ref.Namespace, gatewayv1.Namespace(r.Namespace)) &&
			equal(s.ParentRef.SectionName, ref.SectionName, "") && equal(s.ParentRef.Port, ref.Port, 0) &&
			!slices.ContainsFunc(s.Conditions, func(c metav1.Condition) bool { return c.ObservedGeneration < r.Generation }) {
			return s
		}
	}
	return nil
}

func equal[T comparable](a, b *T, otherwise T) bool {
	if a == nil {
		a = &otherwise
	}
	if b == nil {
		b = &otherwise
	}
	return *a == *b
}

func accepted(s *gatewayv1.RouteParentStatus) bool {
	return s != nil && apimeta.IsStatusConditionTrue(s.Conditions, string(gatewayv1.RouteConditionAccepted)) &&
		apimeta.IsStatusConditionTrue(s.Conditions, string(gatewayv1.RouteConditionResolvedRefs)) &&
		!apimeta.IsStatusConditionTrue(s.Conditions, string(gatewayv1.RouteConditionPartiallyInvalid))
}

func programmed(g *gatewayv1.Gateway, listener gatewayv1.SectionName) bool {
	return slices.ContainsFunc(g.Status.Listeners, func(l gatewayv1.ListenerStatus) bool {
		return l.Name == listener && apimeta.IsStatusConditionTrue(l.Conditions,
			string(gatewayv1.ListenerConditionProgrammed))
	})
}

func nameOf(kind string, o metav1.Object) string {
	return kind + " " + o.GetNamespace() + "/" + o.GetName()
}
