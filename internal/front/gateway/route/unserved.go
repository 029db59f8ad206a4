package route

import (
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// problem is why a load balancer cannot serve a part of a route, named by its field, as declared. An empty remedy means
// that the text says what to correct.
type problem struct{ at, text, remedy string }

// said is the text with the remedy.
func (p *problem) said() string {
	if p.remedy == "" {
		return p.text
	}
	return p.text + "; " + p.remedy
}

// problem is what was dropped of the rule since the given number of problems.
func (t *translation) problem(r *routeRule, since int) *problem {
	// an equal one may have been recorded before
	for _, p := range slices.Concat(t.dropped[min(since, len(t.dropped)):], t.dropped) {
		if strings.HasPrefix(p.at, r.at) {
			return &p
		}
	}
	return &problem{at: r.at, text: "a load balancer cannot serve the rule"}
}

// unmatched appends the units of a match whose conditions a load balancer does not have, so that they are not known. If
// the rule is guarded, all requests that the match may have get an error, unless another match of the rule has them.
func (t *translation) unmatched(out []*unit, r *routeRule, j int, p *place, since int) []*unit {
	m, problem := &r.matches[j], t.problem(r, since)
	hosts := p.hosts
	cover := r.guarded && !slices.ContainsFunc(r.matches, func(o match) bool {
		return o.conditions != nil && overlap.Covers(o.conditions, m.cover)
	})
	if !cover {
		hosts = []placedHost{{}}
	}
	for _, h := range hosts {
		u := t.unit(r, j, p, h)
		if cover {
			u.stand, u.route.Actions = slices.Concat(u.route.Conditions, m.cover), fixed("500")
		}
		u.route.Conditions, u.unserved = nil, problem
		out = append(out, u)
	}
	return out
}

// guards reports whether the rule does more than forward: it authenticates, restricts clients, redirects or answers
// requests, or its ListenerRuleConfiguration is not known.
func (r *routeRule) guards(config *ruleConfiguration, broken string) bool {
	return broken != "" || config != nil && (len(config.guard) > 0 || config.response != nil || len(config.sources) > 0) ||
		slices.ContainsFunc(r.filters, func(f gatewayv1.HTTPRouteFilter) bool {
			return f.Type == gatewayv1.HTTPRouteFilterRequestRedirect || f.Type == gatewayv1.HTTPRouteFilterExternalAuth
		})
}

// reduced are the conditions on host, path and clients' addresses of those that are too many for a rule.
func reduced(all []stack.Condition) (out []stack.Condition) {
	n := 0
	for _, c := range all {
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern && c.Field != stack.SourceIP {
			continue
		}
		if n++; n <= stack.MaxConditionValues && wildcards(append(out, c)) <= stack.MaxWildcards {
			out = append(out, c)
		}
	}
	return out
}

// notAccepted is the problem of a rule whose ListenerRuleConfiguration exists and is not accepted, or leaves a match
// open. Nil = a filter of the rule names no configuration, so that the Gateway API asks for an error.
func (t *translation) notAccepted(r *routeRule) *problem {
	for k := range r.filters {
		ref := r.filters[k].ExtensionRef
		if r.filters[k].Type != gatewayv1.HTTPRouteFilterExtensionRef || ref == nil {
			continue
		}
		c, read := t.configurations[string(ref.Name)]
		if !read {
			continue
		}
		if !c.Accepted {
			return &problem{r.at, "ListenerRuleConfiguration " + c.Namespace + "/" + c.Name + " is not accepted: " +
				c.Message, "correct the ListenerRuleConfiguration"}
		}
		if text := t.checkIndexes(r, c); text != "" {
			return &problem{r.at, text, "correct matchIndexes of the ListenerRuleConfiguration"}
		}
	}
	return nil
}

// reach notes that the route may forward to an object.
func (t *translation) reach(kind objects.Kind, namespace, name string) {
	if namespace == t.route.Route.Namespace || kind != objects.Service && kind != objects.Gateway {
		return
	}
	t.member.Reached = append(t.member.Reached, intent.Reached{Gateway: kind == objects.Gateway, Namespace: namespace,
		Name: name})
}

// reachAgain notes the objects of other namespaces to which the last valid version of the route forwards, as far as the
// route may still forward to them. compile may find that the present version is not valid.
func (t *translation) reachAgain() {
	if t.in.Reached == nil {
		return
	}
	for _, r := range t.in.Reached(t.object) {
		kind := objects.Service
		if r.Gateway {
			kind = objects.Gateway
		}
		if !slices.Contains(t.member.Reached, r) &&
			objects.Permits(t.in.View, t.from(), objects.Ref{Kind: kind, Namespace: r.Namespace, Name: r.Name}) {
			t.member.Reached = append(t.member.Reached, r)
		}
	}
}

// withdrawn reports whether a rule names a Service of a namespace that does not permit it.
func (t *translation) withdrawn(r *routeRule) bool {
	return slices.ContainsFunc(r.backends, func(b gatewayv1.HTTPBackendRef) bool {
		return string(ptr.Deref(b.Kind, gatewayv1.Kind(objects.Service))) == string(objects.Service) && b.Namespace != nil &&
			!objects.Permits(t.in.View, t.from(), objects.Ref{Kind: objects.Service, Namespace: string(*b.Namespace),
				Name: string(b.Name)})
	})
}

// unservable reports whether the last valid version of a part of the route may take its place.
func unservable(m *intent.Member) bool {
	return len(m.Unserved) > 0 || slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
		return l.Unserved != ""
	})
}
