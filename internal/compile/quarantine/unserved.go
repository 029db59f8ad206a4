package quarantine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A route may have a rule that the load balancer cannot serve as declared, in addition to others that it can. The rule
// is quarantined alone: its last valid version takes its place, and the other rules of the route are current. The
// merged version of the route is remembered, so that the rule stays until the object is corrected or no longer declares
// it. Without memory, as after a restart without checkpoint, what AWS has for the conditions of the rule stays.

// Restored is what Restore found, by index of the member.
type Restored struct {
	Findings map[int]diag.List
	// Kept are the members of which an earlier version of some rule or listener serves.
	Kept []diag.Object
}

// Restore puts the last valid versions of unserved routes and listeners into the members. It reports whether the load
// balancer that exists has to be looked up first.
func Restore(lb *intent.LoadBalancer, f facts.Facts, before Past) (out Restored, unknown bool) {
	out.Findings = map[int]diag.List{}
	cloned := false
	for i := range lb.Members {
		kept, good := before.Good[lb.Members[i].Object]
		good = good && Remembered(*kept) == LastGood
		if !unserved(&lb.Members[i]) && (!good || !lacksCredentials(&lb.Members[i])) {
			continue
		}
		if !cloned {
			lb.Members, cloned = slices.Clone(lb.Members), true // which are the caller's
		}
		m := &lb.Members[i]
		r := restoring{member: m, stays: before.Lost(m.Object)}
		if good {
			last := *kept // of which most members need no copy
			r.last = &last
		}
		r.lookUp()
		if r.stays && !f.ExistingKnown {
			if f.Failed(facts.Need{Kind: facts.NeedStack, Key: lb.Key.String()}) == nil {
				return out, true
			}
			continue // the look-up has failed, which the build reports
		}
		r.stays = r.stays && f.Existing != nil
		r.routes()
		r.listeners()
		r.logins()
		m.Unserved = nil
		out.Findings[i] = r.found
		if r.kept {
			out.Kept = append(out.Kept, m.Object)
		}
	}
	return out, false
}

func unserved(m *intent.Member) bool {
	return len(m.Unserved) > 0 || slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
		return l.Unserved != ""
	})
}

// lacksCredentials reports whether the Secret of a login of a member cannot be read.
func lacksCredentials(m *intent.Member) bool {
	return slices.ContainsFunc(m.Routes, func(r intent.Route) bool { return withheld(r.Authentication) }) ||
		slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return withheld(l.Default) })
}

// withheld reports whether actions have a login whose Secret cannot be read, which the front end reports.
func withheld(actions []intent.Action) bool {
	return slices.ContainsFunc(actions, func(a intent.Action) bool { return a.OIDC != nil && a.OIDC.Withheld() })
}

// restoring is the state of Restore for one member.
type restoring struct {
	member *intent.Member
	last   *intent.Member // the last valid version; nil = there is none
	stays  bool           // nothing of the member is remembered, and a load balancer exists
	used   []bool         // routes of the last valid version that are in the new one again
	kept   bool
	found  diag.List
	told   map[diag.Diagnostic]bool // those of found

	declared       map[string]bool                // routes of the new version, by requestsKey
	requests       []string                       // requestsKey of the routes of the last valid version
	byKey, byPlace map[string][]int               // these routes, by ConditionsKey and by path of the source
	groups         map[string]*intent.TargetGroup // of the new version, by id
	leftOf         map[string]bool                // places of unserved routes that left has routes of
}

// placeOf is the rule of the object and the ports that a route is of.
func placeOf(r *intent.Route) string { return fmt.Sprint(r.Source.Path(), r.Ports) }

// lookUp fills the indexes, before the version changes: members may have thousands of routes.
func (r *restoring) lookUp() {
	m := r.member
	r.told, r.declared = map[diag.Diagnostic]bool{}, map[string]bool{}
	r.byKey, r.byPlace, r.groups = map[string][]int{}, map[string][]int{}, map[string]*intent.TargetGroup{}
	r.leftOf = map[string]bool{}
	note := func(actions []intent.Action) {
		for i := range actions {
			for _, b := range actions[i].Backends {
				if b.TargetGroup != nil {
					r.groups[b.TargetGroup.ID] = b.TargetGroup
				}
			}
		}
	}
	for i := range m.Routes {
		note(m.Routes[i].Actions)
		r.declared[requestsKey(&m.Routes[i], ConditionsKey(m.Routes[i].Conditions))] = true
	}
	for i := range m.Unserved {
		route := &m.Unserved[i].Route
		r.declared[requestsKey(route, ConditionsKey(route.Conditions))] = true
	}
	for i := range m.Listeners {
		note(m.Listeners[i].Default)
	}
	if r.last == nil {
		return
	}
	r.used = make([]bool, len(r.last.Routes))
	for i := range r.last.Routes {
		g := &r.last.Routes[i]
		key, place := ConditionsKey(g.Conditions), g.Source.Path()
		r.requests = append(r.requests, requestsKey(g, key))
		r.byKey[key], r.byPlace[place] = append(r.byKey[key], i), append(r.byPlace[place], i)
	}
}

// routes merges the routes of the last valid version into those of the member.
func (r *restoring) routes() {
	m := r.member
	with := make([][]intent.Route, len(m.Unserved))
	for _, known := range []bool{true, false} { // a route with unknown conditions takes what is left
		for i := range m.Unserved {
			if u := &m.Unserved[i]; known == (len(u.Route.Conditions) > 0) {
				with[i] = r.instead(u)
			}
		}
	}
	var out []intent.Route
	at := 0
	for i := range m.Unserved {
		before := max(at, min(m.Unserved[i].Before, len(m.Routes)))
		out = append(append(out, m.Routes[at:before]...), with[i]...)
		at = before
	}
	m.Routes = append(out, m.Routes[at:]...)
}

// instead are the routes that take the place of an unserved one. The finding says what serves.
func (r *restoring) instead(u *intent.Unserved) []intent.Route {
	if out := r.lastOf(u); len(out) > 0 {
		r.kept = true
		for i := range out {
			r.standUnfit(&out[i], u)
		}
		r.report(u, "; the last valid version of the rule keeps serving")
		return out
	}
	one := u.Route
	switch {
	case len(one.Conditions) == 0 && r.leftOf[placeOf(&one)]:
		r.report(u, "; the last valid version of the rule keeps serving")
		return nil
	case len(one.Conditions) == 0 && len(u.Stand) > 0:
		one.Conditions, one.Failing = u.Stand, true
		if one.Guard && (r.last != nil || r.stays) { // prefixes may have served all of its requests
			one.Guard = false
			r.report(u, "; requests that match the rule and no path prefix of another rule get an error")
		} else {
			r.report(u, "; requests that match the rule get an error")
		}
	case len(one.Conditions) == 0:
		what := "rule"
		if strings.Contains(u.Path, ".matches[") { // other matches of the rule serve
			what = "match"
		}
		r.report(u, "; the "+what+" is left out")
		return nil
	case r.redirected(one.Ports...):
		r.kept = true
		one.Actions = r.redirect()
		r.report(u, "; its requests are redirected as before")
	case r.stays && !one.Withdrawn:
		r.kept = true
		one.Stays = true
		r.report(u, "; an existing rule for its requests does not change")
	case len(one.Actions) > 0:
		one.Failing = true
		r.report(u, "; requests that match the rule get an error")
	default:
		r.report(u, "; the rule is left out")
		return nil
	}
	return []intent.Route{one}
}

// redirected reports whether the last valid version redirected all requests of some ports to HTTPS, and the present one
// could. What has no rule there had none before.
func (r *restoring) redirected(ports ...int32) bool {
	if r.last == nil || !r.last.Settings.SSLRedirectPort.Set || len(ports) == 0 {
		return false
	}
	has := func(m *intent.Member, port int32, protocol string) bool {
		return slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
			return l.Port == port && l.Protocol == protocol
		})
	}
	return has(r.member, r.last.Settings.SSLRedirectPort.Value, "HTTPS") &&
		!slices.ContainsFunc(ports, func(port int32) bool {
			return !has(r.last, port, "HTTP") || !has(r.member, port, "HTTP")
		})
}

func (r *restoring) redirect() []intent.Action {
	return []intent.Action{{Type: stack.ActionRedirect, Redirect: RedirectTo(r.last.Settings.SSLRedirectPort.Value)}}
}

// RedirectTo is what ssl-redirect does with the requests of HTTP ports.
func RedirectTo(port int32) *stack.Redirect {
	return &stack.Redirect{Port: strconv.Itoa(int(port)), Protocol: "HTTPS", StatusCode: "HTTP_301"}
}

// logins has the last valid version of a route or default action serve if the login of the present one has no
// credentials, and the last one had a login: without any it never serves.
func (r *restoring) logins() {
	m := r.member
	if r.last == nil {
		return
	}
	var out []intent.Route
	for i := range m.Routes {
		last := []intent.Route(nil)
		if g := &m.Routes[i]; withheld(g.Authentication) && len(g.Conditions) > 0 {
			last = r.lastOf(&intent.Unserved{Route: *g})
		}
		if r.kept = r.kept || len(last) > 0; len(last) == 0 {
			last = m.Routes[i : i+1]
		}
		out = append(out, last...)
	}
	m.Routes = out
	for i := range m.Listeners {
		l := &m.Listeners[i]
		if !withheld(l.Default) {
			continue
		}
		at := slices.IndexFunc(r.last.Listeners, func(o intent.Listener) bool { return o.Port == l.Port })
		if at < 0 {
			continue
		}
		before := permitted(r.last.Listeners[at].Default, m)
		if login, _ := SplitDefault(before); len(login) > 0 {
			l.Default, l.DefaultSource, r.kept = r.actions(before), r.last.Listeners[at].DefaultSource, true
		}
	}
}

// standUnfit has the rule of a route of the last valid version stay as AWS has it, if AWS refuses the target groups of
// the current version there: of one identity, a stack has one target group, and the other one stays in addition.
func (r *restoring) standUnfit(g *intent.Route, u *intent.Unserved) {
	if fits(r.member, g, g.Ports) {
		return
	}
	g.Actions, g.Authentication, g.Transforms = u.Route.Actions, nil, nil
	g.Stays = true
}

// fits reports whether the listeners of some ports can forward to the targets of a route. Without ports it is not known
// which of them have rules.
func fits(m *intent.Member, g *intent.Route, ports []int32) bool {
	if len(ports) == 0 {
		return true
	}
	one := *g
	one.Ports = ports
	unfit, _ := Unfit(m, &one, false)
	return len(unfit) == 0
}

// lastOf are the routes of the last valid version that had the requests of an unserved one.
func (r *restoring) lastOf(u *intent.Unserved) (out []intent.Route) {
	if r.last == nil {
		return nil
	}
	if len(u.Route.Conditions) == 0 {
		return r.left(u)
	}
	served := func(g *intent.Route) bool {
		return !g.Failing && fits(r.last, g, u.Route.Ports) &&
			(!withheld(u.Route.Authentication) || len(g.Authentication) > 0)
	}
	take := func(among []int, same func(i int, g *intent.Route) bool) bool {
		for _, i := range among {
			g := &r.last.Routes[i]
			if !r.used[i] && hasPorts(g, &u.Route) && same(i, g) && served(g) {
				r.used[i] = true
				one := r.current(g)
				one.Ports = u.Route.Ports
				out = append(out, one)
			}
		}
		return len(out) > 0
	}
	if take(r.byKey[ConditionsKey(u.Route.Conditions)], func(int, *intent.Route) bool { return true }) {
		for i := range out { // its order is the declared one
			takePlace(&out[i], &u.Route)
		}
		return out
	}
	place := r.byPlace[u.Route.Source.Path()]
	if take(place, func(i int, g *intent.Route) bool {
		return !r.declared[r.requests[i]] && overlap.Covers(u.Route.Conditions, g.Conditions)
	}) {
		return out
	}
	for _, i := range place {
		g := &r.last.Routes[i]
		if samePorts(g, &u.Route) && !r.declared[r.requests[i]] && served(g) &&
			overlap.Covers(g.Conditions, u.Route.Conditions) {
			one := r.current(g)
			takePlace(&one, &u.Route)
			// else the rule stays as AWS has it
			if !one.Stays && !withheld(one.Authentication) && fits(r.member, &one, u.Route.Ports) {
				one.Conditions = u.Route.Conditions
			}
			return []intent.Route{one}
		}
	}
	return nil
}

// takePlace gives a route of the last valid version the place of the route of the new one.
func takePlace(one, of *intent.Route) {
	one.Source, one.Precedence, one.Alternative, one.Guard = of.Source, of.Precedence, of.Alternative, of.Guard
}

// left are the routes on the port that the member no longer declares: those of the same rule, or all if there are none.
// Which of them had the requests of the unserved route is not known.
func (r *restoring) left(u *intent.Unserved) (out []intent.Route) {
	for _, same := range []bool{true, false} {
		for i := range r.last.Routes {
			g := &r.last.Routes[i]
			if r.used[i] || !samePorts(g, &u.Route) || r.declared[r.requests[i]] || g.Failing || same &&
				g.Source.Path() != u.Route.Source.Path() {
				continue
			}
			r.used[i] = true
			out = append(out, r.current(g))
		}
		if len(out) > 0 {
			r.leftOf[placeOf(&u.Route)] = true
			break
		}
	}
	return out
}

// current is a route of the last valid version with the target groups of the current one, where that has them.
func (r *restoring) current(g *intent.Route) intent.Route {
	out := routeWithoutWithdrawn(g, r.member)
	out.Actions = r.actions(out.Actions)
	return out
}

func (r *restoring) actions(in []intent.Action) []intent.Action {
	out := slices.Clone(in)
	for i := range out {
		out[i].Backends = slices.Clone(out[i].Backends)
		for j := range out[i].Backends {
			b := &out[i].Backends[j]
			if b.TargetGroup != nil && r.groups[b.TargetGroup.ID] != nil {
				b.TargetGroup = r.groups[b.TargetGroup.ID]
			}
		}
	}
	return out
}

// listeners gives unserved listeners the default actions of the last valid version.
func (r *restoring) listeners() {
	m := r.member
	m.Listeners = slices.Clone(m.Listeners)
	for i := range m.Listeners {
		l := &m.Listeners[i]
		if l.Unserved == "" {
			continue
		}
		u := intent.Unserved{Path: "spec.rules", Text: l.Unserved}
		web := l.Protocol == "HTTP" || l.Protocol == "HTTPS"
		if web {
			u.Path, u.Remedy = l.DefaultSource.Place(), "correct the value, or remove it"
		}
		var last intent.Listener
		if r.last != nil {
			if at := slices.IndexFunc(r.last.Listeners, func(o intent.Listener) bool {
				return o.Port == l.Port && len(o.Default) > 0
			}); at >= 0 {
				last = r.last.Listeners[at]
				last.Default = permitted(last.Default, m)
				if r.redirected(l.Port) && RefusedDefault(m, &last, false) != "" { // the redirect hid it
					last.Default = nil
				}
			}
		}
		switch {
		case len(last.Default) > 0:
			r.kept = true
			l.Default, l.DefaultSource, l.Unserved = r.actions(last.Default), last.DefaultSource, ""
			r.report(&u, "; the last valid version of the port keeps serving")
		case r.redirected(l.Port):
			r.kept = true
			l.Default, l.Unserved = r.redirect(), ""
			r.report(&u, "; requests that no rule matches are redirected as before")
		case r.stays:
			r.kept = true
			r.report(&u, "; an existing listener of the port does not change")
		case web:
			l.Unserved = ""
			r.report(&u, "; requests that no rule matches get an error")
		default:
			l.Unserved = ""
			r.report(&u, "; the port refuses connections")
		}
	}
}

// report adds a finding, once for each problem: the parts of a rule on several ports and hosts have the same one.
func (r *restoring) report(u *intent.Unserved, consequence string) {
	if u.Text == "" {
		return
	}
	remedy := cmp.Or(u.Remedy, "correct the field, or remove it")
	d := diag.New(r.member.Object, u.Path, cmp.Or(u.Code, diag.InvalidRule), u.Text+consequence, remedy).In(diag.Rule)
	d.Guard = d.Code == diag.InvalidRule && (u.Guarded || u.Route.Restricts())
	if !r.told[d] {
		r.told[d], r.found = true, append(r.found, d)
	}
}
