package parity

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// modelListener is a listener of a Gateway or ListenerSet.
type modelListener struct {
	set       string // namespace/name of its ListenerSet; empty = the Gateway's own
	namespace string
	name      string
	port      int32
	protocol  string
	hostname  string
	through   bool // TLS that is passed through
	allowed   *gatewayv1.AllowedRoutes
	valid     bool
}

// modelAttached is a route at a port, with the hostnames that are compatible with its listeners.
type modelAttached struct {
	*modelRoute
	compatible []string
}

// names are the hostnames that the route has at its port.
func (a *modelAttached) names() []string {
	if len(a.compatible) > 0 {
		return a.compatible
	}
	return a.hostnames
}

// judge finds the listeners, and which of them are valid: sections 4.1 and 4.2.
func (x *modelGateway) judge() []modelListener {
	g := x.gateway
	var all []modelListener
	for _, l := range g.Spec.Listeners {
		all = append(all, listenerOf("", g.Namespace, l))
	}
	var sets []*gatewayv1.ListenerSet
	for _, s := range x.sets {
		p := s.Spec.ParentRef
		if string(p.Name) == g.Name && namespaceOr(p.Namespace, s.Namespace) == g.Namespace &&
			(p.Kind == nil || *p.Kind == "Gateway") && x.admits(s) {
			sets = append(sets, s)
		}
	}
	slices.SortFunc(sets, func(a, b *gatewayv1.ListenerSet) int { return older(a, b) })
	for _, s := range sets {
		for _, e := range s.Spec.Listeners {
			all = append(all, listenerOf(s.Namespace+"/"+s.Name, s.Namespace, gatewayv1.Listener(e)))
		}
	}
	family := []string{"HTTPRoute", "GRPCRoute"}
	protocols := []string{"HTTP", "HTTPS"}
	if x.network {
		family, protocols = []string{"TCPRoute", "UDPRoute", "TLSRoute"}, []string{"TCP", "UDP", "TLS"}
	}
	protocolOf := map[int32]string{}
	hosts := map[[2]any]bool{}
	for i := range all {
		l := &all[i]
		kinds := l.allowed != nil && slices.ContainsFunc(l.allowed.Kinds, func(k gatewayv1.RouteGroupKind) bool {
			return !slices.Contains(family, string(k.Kind))
		})
		if kinds || l.port < 1 || l.port > 65535 || !slices.Contains(protocols, l.protocol) {
			continue
		}
		first, met := protocolOf[l.port]
		conflict := met && first != l.protocol && !slices.Contains([]string{"TCPUDP", "UDPTCP"}, first+l.protocol)
		if !met {
			protocolOf[l.port] = l.protocol
		}
		key := [2]any{l.port, l.hostname}
		if l.hostname != "" {
			conflict = conflict || hosts[key]
			hosts[key] = true
		}
		l.valid = !conflict
	}
	return all
}

func listenerOf(set, namespace string, l gatewayv1.Listener) modelListener {
	out := modelListener{set: set, namespace: namespace, name: string(l.Name), port: l.Port, protocol: string(l.Protocol),
		allowed: l.AllowedRoutes}
	if l.Hostname != nil {
		out.hostname = string(*l.Hostname)
	}
	out.through = l.TLS != nil && l.TLS.Mode != nil && *l.TLS.Mode == gatewayv1.TLSModePassthrough
	return out
}

// admits reports whether the Gateway allows a ListenerSet.
func (x *modelGateway) admits(s *gatewayv1.ListenerSet) bool {
	a := x.gateway.Spec.AllowedListeners
	if a == nil || a.Namespaces == nil || a.Namespaces.From == nil {
		return false
	}
	from := *a.Namespaces.From
	return from == gatewayv1.NamespacesFromAll || from == gatewayv1.NamespacesFromSame &&
		s.Namespace == x.gateway.Namespace
}

// attachedTo are the routes on a port, in the order in which they are listed: sections 4.4 and 4.5.
func (x *modelGateway) attachedTo(port int32) (out []modelAttached) {
	for i := range x.routes {
		r := &x.routes[i]
		if application := r.kind == "HTTPRoute" || r.kind == "GRPCRoute"; application == x.network {
			continue
		}
		a, on := modelAttached{modelRoute: r}, false
		for _, p := range r.parents {
			for j := range x.listeners {
				l := &x.listeners[j]
				hosts, ok := x.attaches(r, p, l)
				if !ok || !l.valid || l.port != port {
					continue
				}
				on = true
				for _, h := range hosts {
					if !slices.Contains(a.compatible, h) {
						a.compatible = append(a.compatible, h)
					}
				}
			}
		}
		if on {
			out = append(out, a)
		}
	}
	return out
}

// attaches reports whether a parentRef attaches a route to a listener, and the hostnames that both have.
func (x *modelGateway) attaches(r *modelRoute, p gatewayv1.ParentReference, l *modelListener) (
	hosts []string, ok bool) {
	parent := namespaceOr(p.Namespace, r.meta.GetNamespace()) + "/" + string(p.Name)
	switch {
	case p.Kind == nil || *p.Kind == "Gateway":
		if parent != x.gateway.Namespace+"/"+x.gateway.Name || l.set != "" {
			return nil, false
		}
	case *p.Kind == "ListenerSet":
		if parent != l.set {
			return nil, false
		}
	default:
		return nil, false
	}
	if p.SectionName != nil && string(*p.SectionName) != l.name || p.Port != nil && *p.Port != l.port || !x.allows(r, l) {
		return nil, false
	}
	if r.kind == "TCPRoute" || r.kind == "UDPRoute" || len(r.hostnames) == 0 && l.hostname == "" {
		return nil, true
	}
	switch {
	case len(r.hostnames) == 0:
		return []string{l.hostname}, true
	case l.hostname == "":
		return nil, true
	}
	for _, h := range r.hostnames {
		switch within := func(inner, outer string) bool {
			suffix, wildcard := strings.CutPrefix(outer, "*")
			return wildcard && strings.HasSuffix(inner, suffix) && inner != outer
		}; {
		case h == l.hostname, within(h, l.hostname):
			hosts = append(hosts, h)
		case within(l.hostname, h):
			hosts = append(hosts, l.hostname)
		}
	}
	return hosts, len(hosts) > 0
}

// allows reports whether a listener takes routes of a kind from a namespace.
func (x *modelGateway) allows(r *modelRoute, l *modelListener) bool {
	from := gatewayv1.NamespacesFromSame
	kinds := map[string][]string{"HTTP": {"HTTPRoute"}, "HTTPS": {"HTTPRoute", "GRPCRoute"}, "TCP": {"TCPRoute"},
		"UDP": {"UDPRoute"}, "TLS": {"TLSRoute", "TCPRoute"}}[l.protocol]
	if a := l.allowed; a != nil {
		if a.Namespaces != nil && a.Namespaces.From != nil {
			from = *a.Namespaces.From
		}
		if len(a.Kinds) > 0 {
			kinds = nil
			for _, k := range a.Kinds {
				kinds = append(kinds, string(k.Kind))
			}
		}
	}
	if !slices.Contains(kinds, r.kind) {
		return false
	}
	return from == gatewayv1.NamespacesFromAll || from == gatewayv1.NamespacesFromSame &&
		r.meta.GetNamespace() == l.namespace
}

// protocolOf is the protocol of the listener in AWS: section 7.4.
func (x *modelGateway) protocolOf(port int32) string {
	out := ""
	for _, l := range x.listeners {
		if !l.valid || l.port != port {
			continue
		}
		p := l.protocol
		if p == "TLS" && l.through {
			p = "TCP"
		}
		switch {
		case out == "" || out == p:
			out = p
		case slices.Contains([]string{"TCPUDP", "UDPTCP", "TCP_UDPTCP", "TCP_UDPUDP"}, out+p):
			out = "TCP_UDP"
		default:
			x.t.Fatalf("port %d: listeners with same ports cannot have different protocols", port)
		}
	}
	if x.listenerConfig(out, port)["quicEnabled"] == true {
		out = map[string]string{"UDP": "QUIC", "TCP_UDP": "TCP_QUIC"}[out]
	}
	return out
}

// modelRoute is a route of any kind.
type modelRoute struct {
	kind      string
	meta      metav1.Object
	parents   []gatewayv1.ParentReference
	hostnames []string
	rules     []modelRule
}
