package quarantine

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Moved returns the version of a member that serves at the load balancer that it joins, if its present version is
// invalid for some reasons: the last valid version at the load balancer from which it comes, with the matches that it
// still declares. Its other matches get an error. The member gets what it would have if it had moved before it became
// invalid, and no more: ok is false if its settings differ, or if one that restricts who is served is among the
// reasons.
func Moved(last, now *intent.Member, reasons diag.List) (out intent.Member, ok bool) {
	if Remembered(*last) != LastGood || now.Former || now.Withheld || len(now.Misspelt) > 0 || lacksCredentials(last) ||
		slices.ContainsFunc(reasons, concernsOthers) || settingsOf(last) != settingsOf(now) {
		return out, false
	}
	known := map[string]*intent.Route{} // by matches
	for i := range last.Routes {
		known[matches(&last.Routes[i])] = &last.Routes[i]
	}
	out = *last
	out.Routes = nil
	serves := false
	for _, r := range now.Routes {
		was := known[matches(&r)]
		if was == nil || intent.Content(was.Authentication) != intent.Content(r.Authentication) {
			out.Routes = append(out.Routes, unavailable(r))
			continue
		}
		serves, out.Routes = true, append(out.Routes, *was)
	}
	out.Listeners = slices.Clone(last.Listeners)
	for i := range out.Listeners {
		l := &out.Listeners[i]
		if !slices.ContainsFunc(now.Listeners, func(o intent.Listener) bool {
			before, _ := SplitDefault(l.Default)
			after, _ := SplitDefault(o.Default)
			return o.Port == l.Port && o.DefaultSource.Path() != "" && intent.Content(before) == intent.Content(after)
		}) {
			l.Default, l.DefaultSource = nil, intent.Source{}
		}
		serves = serves || len(l.Default) > 0
	}
	return out, serves
}

// unavailable is a route whose requests get an error, so that no other rule answers them.
func unavailable(r intent.Route) intent.Route {
	answer := stack.UnavailableOf(stack.Ingress)[0]
	return intent.Route{Source: r.Source, Ports: r.Ports, Precedence: r.Precedence, Conditions: r.Conditions,
		Failing: true,
		Actions: []intent.Action{{Type: answer.Type, FixedResponse: answer.FixedResponse}}}
}

func matches(r *intent.Route) string { return requestsKey(r, ConditionsKey(r.Conditions)) }

// concernsOthers reports whether a problem is one of settings that members share, or of one that restricts requests.
func concernsOthers(d diag.Diagnostic) bool {
	return d.Scope != diag.Route && d.Scope != diag.Rule || annotation.Restricts(d.Path)
}

// settingsOf are the settings of a member and its listeners, without what depends on its routes.
func settingsOf(m *intent.Member) string {
	listeners := make([]intent.Listener, 0, len(m.Listeners))
	for _, l := range m.Listeners {
		l.Owned, l.DiscoverFirst, l.DiscoverHosts, l.Hosts = nil, nil, nil, nil
		l.Default, l.DefaultSource, l.Unserved = nil, intent.Source{}, ""
		listeners = append(listeners, l)
	}
	return intent.Content(struct {
		Settings  intent.Settings
		Listeners []intent.Listener
	}{m.Settings, listeners})
}
