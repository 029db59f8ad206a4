package quarantine

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Moved returns the version of a member that serves at the load balancer that it joins, if its present version is
// invalid for some reasons: the last valid version at the load balancer from which it comes, with the matches that it
// still declares. The member gets what it would have if it had moved before it became invalid, and no more: ok is false
// if its settings or logins differ, or if a setting that restricts who is served is among the reasons.
func Moved(last, now *intent.Member, reasons diag.List) (out intent.Member, ok bool) {
	if Remembered(*last) != LastGood || now.Former || now.Withheld || len(now.Misspelt) > 0 || lacksCredentials(last) ||
		slices.ContainsFunc(reasons, concernsOthers) || settingsOf(last) != settingsOf(now) {
		return out, false
	}
	declared := map[string]string{} // authentication, by matches
	for i := range now.Routes {
		declared[matches(&now.Routes[i])] = intent.Content(now.Routes[i].Authentication)
	}
	out = *last
	out.Routes = slices.DeleteFunc(slices.Clone(last.Routes), func(r intent.Route) bool {
		authentication, declares := declared[matches(&r)]
		return !declares || authentication != intent.Content(r.Authentication)
	})
	out.Listeners = slices.Clone(last.Listeners)
	serves := len(out.Routes) > 0
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
