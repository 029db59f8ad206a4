package quarantine

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// withdrawn reports whether a backend is an object of another namespace that a member may forward to no longer.
func withdrawn(m *intent.Member, b intent.Backend) bool {
	r, foreign := m.Foreign(b)
	return foreign && !slices.Contains(m.Reached, r)
}

// permitted are actions without the backends that a member may forward to no longer. Nil = no backend is left.
func permitted(actions []intent.Action, now *intent.Member) []intent.Action {
	out := slices.Clone(actions)
	for i := range out {
		out[i].Backends = slices.DeleteFunc(slices.Clone(out[i].Backends), func(b intent.Backend) bool {
			return withdrawn(now, b)
		})
		if len(out[i].Backends) < len(actions[i].Backends) && len(out[i].Backends) == 0 {
			return nil
		}
	}
	return out
}

// routeWithoutWithdrawn is a route of a last valid version without the backends that the member may no longer forward
// to. Requests that had no others get the error of a route that never might forward to them. Former has the backends,
// which serve again if the permission returns.
func routeWithoutWithdrawn(g *intent.Route, now *intent.Member) intent.Route {
	out := *g
	if len(out.Former) > 0 {
		out.Actions, out.Former, out.Withdrawn = out.Former, nil, false
	}
	all := out.Actions
	if !slices.ContainsFunc(all, func(a intent.Action) bool {
		return slices.ContainsFunc(a.Backends, func(b intent.Backend) bool { return withdrawn(now, b) })
	}) {
		return out
	}
	out.Former, out.Withdrawn = all, true // what AWS has for the requests does not stay either
	if out.Actions = permitted(all, now); out.Actions == nil {
		out.Actions = []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: "500", ContentType: "text/plain"}}}
	}
	return out
}

// withoutWithdrawn is the last valid version of a member without the backends that it may forward to no longer.
func withoutWithdrawn(last intent.Member, now intent.Member) intent.Member {
	last.Routes, last.Listeners = slices.Clone(last.Routes), slices.Clone(last.Listeners)
	for i := range last.Routes {
		last.Routes[i] = routeWithoutWithdrawn(&last.Routes[i], &now)
	}
	for i := range last.Listeners {
		if l := &last.Listeners[i]; len(l.Default) > 0 {
			if l.Default = permitted(l.Default, &now); l.Default == nil {
				l.DefaultSource = intent.Source{}
			}
		}
	}
	return last
}
