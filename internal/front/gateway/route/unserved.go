package route

import (
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// problem is why a load balancer cannot serve a part of a route as declared.
type problem struct{ at, text string }

// problem is what was dropped since the given number of texts, as a problem of the rule.
func (t *translation) problem(r *routeRule, since int) *problem {
	// an equal text may have been recorded before
	for _, text := range slices.Concat(t.dropped[min(since, len(t.dropped)):], t.dropped) {
		if at, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(at, r.at) {
			return &problem{at, rest}
		}
	}
	return &problem{r.at, "a load balancer cannot serve the rule"}
}

// unmatched is the unit of a match whose conditions a load balancer does not have, so that they are not known.
func (t *translation) unmatched(r *routeRule, j int, p *place, since int) *unit {
	u := t.unit(r, j, p, placedHost{})
	u.route.Conditions, u.unserved = nil, t.problem(r, since)
	return u
}

// notAccepted is the problem of a rule whose ListenerRuleConfiguration exists and is not accepted. Nil = a filter of
// the rule names no configuration, so that the Gateway API asks for an error.
func (t *translation) notAccepted(r *routeRule) *problem {
	for k := range r.filters {
		ref := r.filters[k].ExtensionRef
		if r.filters[k].Type != gatewayv1.HTTPRouteFilterExtensionRef || ref == nil {
			continue
		}
		if c, read := t.configurations[string(ref.Name)]; read && !c.Accepted {
			return &problem{r.at, "ListenerRuleConfiguration " + c.Namespace + "/" + c.Name + " is not accepted: " + c.Message}
		}
	}
	return nil
}

// reachable are the kinds of objects of other namespaces that a route may forward to, with the types of their targets.
var reachable = map[objects.Kind]string{objects.Service: stack.TargetIP, objects.Gateway: stack.TargetALB}

// reach notes that the route may forward to an object.
func (t *translation) reach(kind objects.Kind, namespace, name string) {
	if of, ok := reachable[kind]; ok && namespace != t.route.Route.Namespace {
		t.member.Reached = append(t.member.Reached, intent.Reached(of, namespace+"/"+name))
	}
}

// reachGranted notes all objects of other namespaces to which the route may forward: an earlier version of it, or of a
// rule, forwards to no other ones.
func (t *translation) reachGranted() {
	for kind := range reachable {
		for _, to := range objects.Granted(t.in.View, t.from(), kind) {
			t.reach(kind, to.Namespace, to.Name)
		}
	}
	slices.Sort(t.member.Reached)
}

// withdrawn reports whether a rule names a Service of a namespace that does not permit it.
func (t *translation) withdrawn(r *routeRule) bool {
	return slices.ContainsFunc(r.backends, func(b gatewayv1.HTTPBackendRef) bool {
		return string(ptr.Deref(b.Kind, gatewayv1.Kind(objects.Service))) == string(objects.Service) && b.Namespace != nil &&
			!objects.Permits(t.in.View, t.from(), objects.Ref{Kind: objects.Service, Namespace: string(*b.Namespace),
				Name: string(b.Name)})
	})
}

// unservable reports whether the last good version of a part of the route may take its place.
func unservable(m *intent.Member) bool {
	return len(m.Unserved) > 0 || slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
		return l.Unserved != ""
	})
}
