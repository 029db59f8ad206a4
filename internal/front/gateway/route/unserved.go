package route

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/intent"
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

// reach records the Services of other namespaces to which the route may forward: a rule that stays forwards to no other
// ones.
func (t *translation) reach(rules []routeRule) {
	for i := range rules {
		for j := range rules[i].backends {
			b := &rules[i].backends[j]
			if b.Namespace == nil || string(*b.Namespace) == t.route.Route.Namespace || b.Kind != nil &&
				string(*b.Kind) != string(objects.Service) {
				continue
			}
			ref := objects.Ref{Kind: objects.Service, Namespace: string(*b.Namespace), Name: string(b.Name)}
			name := ref.Namespace + "/" + ref.Name
			if _, err := objects.Get[*corev1.Service](t.in.View, t.from(), ref); err == nil &&
				!slices.Contains(t.member.Reached, name) {
				t.member.Reached = append(t.member.Reached, name)
			}
		}
	}
	slices.Sort(t.member.Reached)
}

// unservable reports whether the last good version of a part of the route may take its place.
func unservable(m *intent.Member) bool {
	return len(m.Unserved) > 0 || slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
		return l.Unserved != ""
	})
}
