package route

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// on reports whether a route is attached to a valid listener of a port.
func (s *site) on(r *Attached) bool {
	return slices.ContainsFunc(s.listeners, func(i int) bool {
		for _, d := range r.Decisions {
			for _, a := range d.Attached {
				if a.Listener == i {
					return true
				}
			}
		}
		return false
	})
}

// oldest are the routes that serve the ports of a network load balancer: a listener has one default action. The age of
// a route is not that of its parentRef, so a port stays with the namespace whose route had it, or goes to the
// Gateway's.
func (in *Input) oldest(sites []site) map[int32]int {
	out := map[int32]int{}
	for i := range sites {
		s := &sites[i]
		holder := slices.IndexFunc(in.Routes, func(r Attached) bool { return in.had(&r, s) })
		for j := range in.Routes {
			if !s.on(&in.Routes[j]) {
				continue
			}
			if n := in.Routes[j].Route.Namespace; holder >= 0 && n != in.Routes[holder].Route.Namespace &&
				n != in.Gateway.Namespace {
				continue
			}
			if first, met := out[s.port]; !met || in.compareAt(s, j, first) < 0 {
				out[s.port] = j
			}
		}
	}
	return out
}

// had reports whether a route is on a port, and served it when the last pass ended.
func (in *Input) had(r *Attached, s *site) bool {
	return in.HadPort != nil && s.on(r) && in.HadPort(ObjectOf(r.Object, r.Route.Kind), s.port)
}

// compareAt orders routes of a port: the one that came to it first. Where TLS passes through, TLSRoutes come before
// TCPRoutes, which earlier versions did not attach there. A route that only a ListenerSet of another namespace than the
// Gateway's brings to the port came with that, and of the same age it comes behind.
func (in *Input) compareAt(s *site, a, b int) int {
	if first := s.firstKind(); first != "" {
		if x, y := in.Routes[a].Route.Kind == first, in.Routes[b].Route.Kind == first; x != y {
			if x {
				return -1
			}
			return 1
		}
	}
	at, guest := in.arrival(s, a)
	other, otherGuest := in.arrival(s, b)
	if n := at.Compare(other); n != 0 {
		return n
	}
	if guest != otherGuest {
		if guest {
			return 1
		}
		return -1
	}
	return Compare(in.Routes[a], in.Routes[b])
}

// firstKind is the kind whose routes come first at a port; empty = all are equal.
func (s *site) firstKind() gatewayv1.Kind {
	if slices.ContainsFunc(s.listeners, func(i int) bool { return s.all[i].Passthrough() }) {
		return "TLSRoute"
	}
	return ""
}

// arrival is when a route came to a port.
func (in *Input) arrival(s *site, i int) (at time.Time, guest bool) {
	r := &in.Routes[i]
	at = r.Object.GetCreationTimestamp().Time
	var since time.Time
	for _, d := range r.Decisions {
		for _, a := range d.Attached {
			if !slices.Contains(s.listeners, a.Listener) {
				continue
			}
			created, of := in.Listeners.Since(a.Listener)
			if !of {
				return at, false
			}
			if !guest || created.Before(since) {
				guest, since = true, created
			}
		}
	}
	if since.After(at) {
		at = since
	}
	return at, guest
}

// network translates a TCPRoute, UDPRoute or TLSRoute. instead is the route that serves a port, if that is another one.
func (t *translation) network(sites []site, instead func(port int32) *Attached) {
	t.noteLost()
	for i := range sites {
		s := &sites[i]
		if !s.on(t.route) {
			continue
		}
		t.noteHosts(t.listen(s.port, s.protocol))
		backends, ok := t.targets(t.networkRefs(), place{site: s}, "spec.rules")
		if other := instead(s.port); other != nil {
			t.effective = true // it is accepted
			why := "which is older"
			if first := s.firstKind(); other.Route.Kind == first && t.route.Route.Kind != first {
				why = "which comes first where TLS passes through"
			} else if t.in.had(other, s) {
				why = "which served it before"
			}
			t.ignored("spec.parentRefs", fmt.Sprintf("port %d is served by %s %s/%s, %s: a network load balancer has one "+
				"route for a port",
				s.port, other.Route.Kind, other.Route.Namespace, other.Route.Name, why),
				"use another port, or delete the other route")
			continue
		}
		t.hostless(s)
		if ok && !slices.ContainsFunc(t.networkRefs(), func(w weighted) bool { return ptr.Deref(w.ref.Weight, 1) > 0 }) {
			t.tell(t.finding("spec.rules", diag.NoTargets, fmt.Sprintf("no backend has a weight above 0; port %d serves no "+
				"connections", s.port), "set the weight of a backend to 1 or more"))
		}
		if ok && total(backends) == 0 && t.refused == nil && t.route.Route.Kind == "TLSRoute" &&
			t.in.Construction == rule.Standard {
			backends = t.nowhere(s)
		}
		if !ok {
			t.listen(s.port, s.protocol).Unserved = t.problem(&routeRule{at: "spec.rules"}, 0).said()
		}
		if !ok || total(backends) == 0 {
			continue
		}
		t.effective = true
		if s.quic {
			backends = t.unweighted(backends)
		}
		l := t.listen(s.port, s.protocol)
		l.Default = []intent.Action{{Type: stack.ActionForward, Backends: backends, Stickiness: t.in.Stickiness[s.port]}}
		l.DefaultSource = t.source("spec.rules")
	}
	if t.refused == nil && len(t.dropped) == 0 {
		t.effective = true
	}
}

// unweighted are backends without their weights: AWS has none for QUIC. One of weight 0 is left out.
func (t *translation) unweighted(backends []intent.Backend) (out []intent.Backend) {
	weights := map[int32]bool{}
	for _, b := range backends {
		if weight := ptr.Deref(b.Weight, 1); weight != 0 {
			weights[weight] = true
			b.Weight = nil
			out = append(out, b)
		}
	}
	if len(weights) > 1 {
		t.ignored("spec.rules", "weights have no effect on a port that serves QUIC: AWS supports no weights for QUIC",
			"remove the weights, and each backend with weight 0")
	}
	return out
}

// nowhere is the backend of a TLSRoute without one that can be used: a target group without targets, so that
// connections are accepted and reset. Routes of other kinds, and the existing controller, leave the port without a
// listener.
func (t *translation) nowhere(s *site) []intent.Backend {
	g := &intent.TargetGroup{
		Object: t.object, ServiceNamespace: t.route.Route.Namespace, TargetType: stack.TargetInstance, Port: s.port,
		Protocol: protocolTCP, Source: t.source("spec.rules"),
		HealthCheck: stack.HealthCheck{Protocol: protocolTCP, Port: stack.TrafficPort, IntervalSeconds: 15, TimeoutSeconds: 5,
			HealthyThreshold: 3, UnhealthyThreshold: 3},
	}
	g.ID = t.identity(g, strconv.Itoa(int(s.port))).ID()
	weight := int32(1)
	return []intent.Backend{{Weight: &weight, TargetGroup: g, Source: g.Source}}
}

// hostless notes that hostnames of a TLSRoute do not select connections.
func (t *translation) hostless(s *site) {
	if len(t.route.Route.Hostnames) > 0 {
		t.ignored("spec.hostnames", fmt.Sprintf("port %d has connections for all hostnames: a network load balancer does "+
			"not route by the name that a client asks for", s.port),
			"use a port for each route, or HTTPRoutes of an application load balancer")
	}
}

// networkRefs are the backendRefs of all rules: a network load balancer has one forward for a port.
func (t *translation) networkRefs() (out []weighted) {
	add := func(rule int, refs []gatewayv1.BackendRef) {
		for i := range refs {
			out = append(out, weighted{fmt.Sprintf("%s.backendRefs[%d]", ruleAt(rule), i), &refs[i]})
		}
	}
	switch o := t.route.Object.(type) {
	case *gatewayv1.TCPRoute:
		for i := range o.Spec.Rules {
			add(i, o.Spec.Rules[i].BackendRefs)
		}
	case *gatewayv1.UDPRoute:
		for i := range o.Spec.Rules {
			add(i, o.Spec.Rules[i].BackendRefs)
		}
	case *gatewayv1.TLSRoute:
		for i := range o.Spec.Rules {
			add(i, o.Spec.Rules[i].BackendRefs)
		}
	}
	return out
}
