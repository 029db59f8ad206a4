package attachment

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Route has the parts of a route of any kind that decide where it attaches.
type Route struct {
	Kind            gatewayv1.Kind
	Namespace, Name string
	Parents         []gatewayv1.ParentReference
	Hostnames       []gatewayv1.Hostname // of HTTPRoutes, GRPCRoutes and TLSRoutes; empty = any
}

// Decision is the outcome of one parentRef of a route.
type Decision struct {
	ParentRef int // index in Route.Parents
	// Attached are the listeners that the route attaches to; empty if there is a Problem.
	Attached []Attached
	Problem  *Problem
}

// Attached is a route at a listener.
type Attached struct {
	Listener int // index in Listeners.All
	// Hostnames are those that the route serves there, sorted; empty = any.
	Hostnames []Hostname
}

// Hostname is the intersection of a hostname of a route and that of a listener.
type Hostname struct {
	Name string
	Own  string // the route's own hostname, of which Name is a part; empty if the route has none
}

// Attach decides about each parentRef of a route that names the Gateway or one of its ListenerSets, and counts the
// route at the listeners that it attaches to.
func (ls *Listeners) Attach(r Route) []Decision {
	var out []Decision
	counted := map[int]bool{}
	for i, ref := range r.Parents {
		parent, ok := ls.parent(ref, r.Namespace)
		if !ok {
			continue
		}
		d := Decision{ParentRef: i}
		var candidates int
		for _, j := range ls.of[parent] {
			l := &ls.All[j]
			if !Selects(ref, &l.Listener) {
				continue
			}
			candidates++
			hosts, problem := ls.match(l, r)
			if problem != nil {
				if d.Problem == nil {
					d.Problem = problem
				}
				continue
			}
			d.Attached = append(d.Attached, Attached{j, hosts})
			if !counted[j] {
				counted[j] = true
				l.Routes++
			}
		}
		switch {
		case len(d.Attached) > 0:
			d.Problem = nil
		case candidates == 0:
			d.Problem = &Problem{Reason: string(gatewayv1.RouteReasonNoMatchingParent), Message: ls.noListener(parent, ref)}
		}
		out = append(out, d)
	}
	return out
}

// Selects reports whether a parentRef selects a listener of the parent that it names. An empty name or port is none.
func Selects(ref gatewayv1.ParentReference, l *gatewayv1.Listener) bool {
	name, port := ptr.Deref(ref.SectionName, ""), ptr.Deref(ref.Port, 0)
	return (name == "" || name == l.Name) && (port == 0 || port == l.Port)
}

func (ls *Listeners) noListener(p Parent, ref gatewayv1.ParentReference) string {
	if ls.refused[p] {
		return fmt.Sprintf("%s %s/%s is not admitted by its Gateway, whose spec.allowedListeners says which are", p.Kind,
			p.Namespace, p.Name)
	}
	return NoListener(p, ref)
}

// NoListener says that a parent has no listener that a parentRef names.
func NoListener(p Parent, ref gatewayv1.ParentReference) string {
	text := fmt.Sprintf("%s %s/%s has no listener", p.Kind, p.Namespace, p.Name)
	if ref.SectionName != nil {
		text += " named " + string(*ref.SectionName)
	}
	if ref.Port != nil {
		text += fmt.Sprintf(" on port %d", *ref.Port)
	}
	return text
}

// parent is the parent of ours that a reference names.
func (ls *Listeners) parent(ref gatewayv1.ParentReference, namespace string) (Parent, bool) {
	p, ok := ParentOf(ref, namespace)
	_, has := ls.of[p]
	return p, ok && (has || ls.refused[p])
}

// ParentOf returns what a parentRef of a route in a namespace names, with the API's defaults; false if it is of another
// group.
func ParentOf(ref gatewayv1.ParentReference, namespace string) (Parent, bool) {
	return Parent{ptr.Deref(ref.Kind, "Gateway"), string(ptr.Deref(ref.Namespace, gatewayv1.Namespace(namespace))),
			string(ref.Name)},
		ptr.Deref(ref.Group, gatewayv1.GroupName) == gatewayv1.GroupName
}

// match decides whether a route attaches to a listener, and with which hostnames.
func (ls *Listeners) match(l *Listener, r Route) ([]Hostname, *Problem) {
	refused := func(reason gatewayv1.RouteConditionReason, format string, args ...any) *Problem {
		return &Problem{Reason: string(reason), Message: fmt.Sprintf("listener %s ", l.Name) + fmt.Sprintf(format, args...)}
	}
	from := gatewayv1.NamespacesFromSame
	a := l.AllowedRoutes
	if a != nil && a.Namespaces != nil && a.Namespaces.From != nil {
		from = *a.Namespaces.From
	}
	if from == gatewayv1.NamespacesFromSelector {
		if !namespaceAllowed(from, a.Namespaces.Selector, l.Parent.Namespace, r.Namespace, ls.namespaces) {
			return nil, refused(gatewayv1.RouteReasonNotAllowedByListeners,
				"admits routes of namespaces that its selector matches, and it does not match %s", r.Namespace)
		}
	} else if !namespaceAllowed(from, nil, l.Parent.Namespace, r.Namespace, ls.namespaces) {
		return nil, refused(gatewayv1.RouteReasonNotAllowedByListeners,
			"admits no routes of namespace %s (allowedRoutes.namespaces.from is %s)", r.Namespace, from)
	}
	if !slices.ContainsFunc(l.SupportedKinds, func(k gatewayv1.RouteGroupKind) bool { return k.Kind == r.Kind }) {
		return nil, refused(gatewayv1.RouteReasonNotAllowedByListeners, "admits no routes of kind %s", r.Kind)
	}
	if r.Kind != "HTTPRoute" && r.Kind != "GRPCRoute" && r.Kind != "TLSRoute" {
		return nil, nil
	}
	hosts, ok := intersection(l.hostname(), r.Hostnames)
	if !ok {
		return nil, refused(gatewayv1.RouteReasonNoMatchingListenerHostname,
			"has hostname %s, which none of the route's hostnames matches", l.hostname())
	}
	return hosts, nil
}

// intersection is what a listener's hostname and those of a route have in common; ok is false if that is nothing. No
// hostname on either side is any.
func intersection(listener string, route []gatewayv1.Hostname) (hosts []Hostname, ok bool) {
	if len(route) == 0 {
		if listener == "" {
			return nil, true
		}
		return []Hostname{{Name: listener}}, true
	}
	for _, r := range route {
		own := string(r)
		if _, err := netip.ParseAddr(strings.TrimPrefix(own, "*.")); err == nil {
			continue // the API admits no addresses, its schema does
		}
		name, common := narrower(listener, own)
		if common && !slices.ContainsFunc(hosts, func(h Hostname) bool { return h.Name == name && len(h.Own) >= len(own) }) {
			hosts = slices.DeleteFunc(hosts, func(h Hostname) bool { return h.Name == name })
			hosts = append(hosts, Hostname{name, own})
		}
	}
	slices.SortFunc(hosts, func(a, b Hostname) int { return strings.Compare(a.Name, b.Name) })
	return hosts, len(hosts) > 0
}
