package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// refusedGroup is a target group of a member.
type refusedGroup struct {
	member diag.Object
	id     string
}

// refusedBackend is why a target group of a route cannot be built, by what an earlier build found.
func (c *compiler) refusedBackend(m *intent.Member, r *intent.Route) (d diag.Diagnostic, refused bool) {
	if len(c.refused) == 0 {
		return d, false
	}
	for _, a := range r.Actions {
		for _, b := range a.Backends {
			if b.TargetGroup == nil {
				continue
			}
			if d, refused = c.refused[refusedGroup{m.Object, b.TargetGroup.ID}]; refused {
				return d, true
			}
		}
	}
	return d, false
}

// setRefusedAside sets aside the routes and default actions that AWS is certain to refuse, and routes to target groups
// that cannot be built because objects of another namespace are wrong. Such a route becomes an unserved one, perhaps on
// some of its ports only: its last valid version serves, or its requests get an error, and never the answer of a wider
// rule.
func (c *compiler) setRefusedAside() {
	lb := &c.e
	if lb.Type != stack.Application {
		return
	}
	cloned, declared := false, lb.Members
	c.served = sync.OnceValue(func() map[string]namespaceHosts { return servedBy(declared) })
	for i := range lb.Members {
		m := &lb.Members[i]
		routes := slices.ContainsFunc(m.Routes, func(r intent.Route) bool {
			_, problem, _ := c.refusal(m, &r)
			return problem != ""
		})
		listeners := slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
			return quarantine.RefusedDefault(m, &l, !c.servesHTTP) != ""
		})
		unknown := slices.ContainsFunc(m.Unserved, func(u intent.Unserved) bool {
			return c.accepted.RefusedConditions(u.Route.Conditions) != ""
		})
		if (routes || listeners || unknown) && !cloned {
			lb.Members, cloned = slices.Clone(lb.Members), true // which are the caller's
			m = &lb.Members[i]
		}
		if unknown {
			c.forgetRequests(m)
		}
		if routes {
			c.setRoutesAside(m, stack.UnavailableOf(lb.Key.Owner)[0].FixedResponse)
		}
		if listeners {
			c.setDefaultsAside(m)
		}
	}
}

// forgetRequests has the requests of routes count as not known whose conditions AWS refuses, beside what the front end
// found.
func (c *compiler) forgetRequests(m *intent.Member) {
	m.Unserved = slices.Clone(m.Unserved)
	for at := range m.Unserved {
		u := &m.Unserved[at]
		if c.accepted.RefusedConditions(u.Route.Conditions) == "" {
			continue
		}
		if len(u.Route.Actions) > 0 {
			u.Stand = c.standing(&u.Route)
		}
		u.Route.Conditions = nil
	}
}

// standing are conditions of a rule that answers an error to the requests of a route with conditions that AWS refuses,
// and perhaps to more. If their hosts are not certain, and the load balancer serves several namespaces, the rule holds
// only for hosts that the same namespace serves: a mistake takes no requests from others. Nil = the namespace serves
// none.
func (c *compiler) standing(r *intent.Route) []stack.Condition {
	out := constraint.Cover(r.Conditions)
	if !hasHost(r.Conditions) || hasHost(out) {
		return out
	}
	served := c.served()
	own := served[r.Source.Object().Namespace]
	switch {
	case len(served) == 1 || own.all:
		return out
	case len(own.hosts) == 0:
		return nil
	}
	return append(out, stack.Condition{Field: stack.HostHeader, Values: own.hosts})
}

// namespaceHosts are the hosts of the rules of a namespace.
type namespaceHosts struct {
	hosts []string
	all   bool // it serves all hosts, or those of an expression
}

// servedBy are the hosts that members serve, by namespace.
func servedBy(members []intent.Member) map[string]namespaceHosts {
	out := map[string]namespaceHosts{}
	add := func(namespace string, all bool, hosts ...string) {
		served := out[namespace]
		served.all, served.hosts = served.all || all, append(served.hosts, hosts...)
		out[namespace] = served
	}
	for i := range members {
		m := &members[i]
		add(m.Object.Namespace, slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool { return len(l.Default) > 0 }))
		for at := range m.Routes {
			r := &m.Routes[at]
			switch host := slices.IndexFunc(r.Conditions, isHost); {
			case constraint.OfConditions(r.Conditions) != "":
			case host < 0 || len(r.Conditions[host].Regex) > 0:
				add(r.Source.Object().Namespace, true)
			default:
				add(r.Source.Object().Namespace, false, r.Conditions[host].Values...)
			}
		}
	}
	for namespace, served := range out {
		slices.Sort(served.hosts)
		served.hosts = slices.Compact(served.hosts)
		out[namespace] = served
	}
	return out
}

func isHost(c stack.Condition) bool { return c.Field == stack.HostHeader }

func hasHost(conditions []stack.Condition) bool { return slices.ContainsFunc(conditions, isHost) }

// refusal says why a route gets no rule, and what to do about it. on are the ports for which this holds; nil = all.
func (c *compiler) refusal(m *intent.Member, r *intent.Route) (on []int32, problem, remedy string) {
	if on, problem, remedy = refusal(c.accepted, m, r, !c.servesHTTP); problem != "" {
		return on, problem, remedy
	}
	d, _ := c.refusedBackend(m, r)
	return nil, d.Text, d.Remedy
}

// refusal is what AWS is certain to refuse of the rules of a route. redirected is as for quarantine.Unfit.
func refusal(accepted quarantine.Accepted, m *intent.Member, r *intent.Route,
	redirected bool) (on []int32, problem, remedy string) {
	if problem = accepted.Refused(r); problem != "" {
		return nil, problem, refusedRemedy
	}
	if on, problem = quarantine.Unfit(m, r, redirected); problem != "" {
		remedy = unfitRemedy(r)
	}
	return on, problem, remedy
}

// lookUpAccepted looks up the conditions of the rules in AWS if the tables refuse a declared one: a rule that AWS has
// stays. It returns what has to be read first. If a look-up has failed, AWS may have all conditions.
func (c *compiler) lookUpAccepted() []facts.Need {
	if c.e.Type != stack.Application || !slices.ContainsFunc(c.e.Members, func(m intent.Member) bool {
		return slices.ContainsFunc(m.Routes, func(r intent.Route) bool {
			return constraint.OfConditions(r.Conditions) != ""
		}) || slices.ContainsFunc(m.Unserved, func(u intent.Unserved) bool {
			return constraint.OfConditions(u.Route.Conditions) != ""
		})
	}) {
		return nil
	}
	details := facts.Need{Kind: facts.NeedStackDetails, Key: c.e.Key.String()}
	switch c.accepted.All = true; {
	case !c.f.ExistingKnown && c.f.Failed(needStack(&c.e)) == nil:
		return []facts.Need{needStack(&c.e)}
	case !c.f.ExistingKnown:
	case c.f.Existing == nil || c.f.Existing.Type != c.e.Type:
		c.accepted.All = false
	case c.f.Details != nil:
		c.accepted = quarantine.AcceptedIn(c.f.Details.Rules)
	case c.f.Failed(details) == nil:
		return []facts.Need{details}
	}
	return nil
}

const refusedRemedy = "correct the value, or remove it"

// servesUnfit reports whether HTTP ports have a rule or default action of a current member that AWS refuses there.
// Which redirect of HTTP ports is in effect, only a build knows: the member that declares one may be invalid.
func (b *build) servesUnfit() bool {
	return b.servesHTTP && b.e.Type == stack.Application && slices.ContainsFunc(b.members, func(m quarantine.Member) bool {
		return m.State == quarantine.Current && (slices.ContainsFunc(m.Routes, func(r intent.Route) bool {
			ports, _ := quarantine.Unfit(&m.Member, &r, false)
			return len(ports) > 0
		}) || slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
			return quarantine.RefusedDefault(&m.Member, &l, false) != ""
		}))
	})
}

// failRefused fails the members of a strict group with rules that AWS is certain to refuse.
func (b *build) failRefused() {
	if b.e.Type != stack.Application {
		return
	}
	for i := range b.members {
		m := &b.members[i]
		for n := range m.Routes {
			r := &m.Routes[n]
			if _, problem, remedy := refusal(b.accepted, &m.Member, r, !b.servesHTTP); problem != "" && !r.Stays {
				b.fail(i, diag.New(m.Object, r.Source.Place(), diag.InvalidRule, problem, remedy))
			}
		}
		for n := range m.Listeners {
			l := &m.Listeners[n]
			if problem := quarantine.RefusedDefault(&m.Member, l, !b.servesHTTP); problem != "" {
				b.fail(i, diag.New(m.Object, l.DefaultSource.Place(), diag.InvalidRule, problem, refusedRemedy))
			}
		}
	}
}

// unfitRemedy is what to do about a route that does not go with some listeners.
func unfitRemedy(r *intent.Route) string {
	for i := range r.Actions {
		switch a := &r.Actions[i]; {
		case a.Redirect != nil:
			return "redirect to HTTPS, or redirect at HTTP ports only"
		case len(a.Backends) > 1 && !slices.ContainsFunc(a.Backends, func(b intent.Backend) bool {
			return b.TargetGroup != nil && b.TargetGroup.ProtocolVersion != "" && b.TargetGroup.ProtocolVersion != "HTTP1"
		}):
			return "enable targetGroupStickinessConfig of the forward, or remove stickiness.enabled of its target groups"
		case len(r.Authentication) > 0:
			return "use protocol version HTTP1 or HTTP2 at an HTTPS port, or remove the authentication"
		}
	}
	return "serve it at HTTPS ports only, or with protocol version HTTP1"
}

// setDefaultsAside leaves out the default actions of a member that AWS refuses: those of its last valid version serve,
// or requests that no rule matches get an error.
func (c *compiler) setDefaultsAside(m *intent.Member) {
	m.Listeners = slices.Clone(m.Listeners)
	for at := range m.Listeners {
		l := &m.Listeners[at]
		if problem := quarantine.RefusedDefault(m, l, !c.servesHTTP); problem != "" {
			l.Unserved, l.Default = problem, nil
		}
	}
}

// setRoutesAside moves the routes of a member that AWS refuses to the unserved ones, in their places. A route that AWS
// refuses on some ports is on the others only.
func (c *compiler) setRoutesAside(m *intent.Member, unavailable *stack.FixedResponse) {
	before, unserved := m.Routes, m.Unserved
	m.Routes, m.Unserved = make([]intent.Route, 0, len(before)), make([]intent.Unserved, 0, len(unserved)+1)
	add := func(u intent.Unserved) {
		u.Before = len(m.Routes)
		m.Unserved = append(m.Unserved, u)
	}
	for at := range before {
		for ; len(unserved) > 0 && unserved[0].Before <= at; unserved = unserved[1:] {
			add(unserved[0])
		}
		r := before[at]
		on, problem, remedy := c.refusal(m, &r)
		if len(on) > 0 {
			part := r
			part.Ports = on
			add(c.unservedOf(part, problem, remedy, unavailable))
			if r.Ports = quarantine.PortsWithout(m, &r, on); len(r.Ports) == 0 {
				continue
			}
			_, problem, remedy = c.refusal(m, &r)
		}
		if problem == "" {
			m.Routes = append(m.Routes, r)
			continue
		}
		add(c.unservedOf(r, problem, remedy, unavailable))
	}
	for _, u := range unserved {
		add(u)
	}
}

// unservedOf is a route without a rule, whose requests get an error.
func (c *compiler) unservedOf(r intent.Route, problem, remedy string,
	unavailable *stack.FixedResponse) intent.Unserved {
	u := intent.Unserved{Route: r, Guarded: r.Restricts(), Path: r.Source.Place(), Text: problem, Remedy: remedy}
	u.Route.Actions = []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: unavailable}}
	u.Route.Authentication, u.Route.Transforms = nil, nil
	if c.accepted.RefusedConditions(r.Conditions) != "" { // what had the requests before is not known
		u.Route.Conditions = nil
		u.Stand = c.standing(&r)
	}
	return u
}

// admitted are the attributes of a resource without those that AWS is certain to refuse: with one, it refuses the whole
// call. Each is reported, and those that AWS may refuse.
func (b *build) admitted(s constraint.Subject, all map[string]string, from func(key string) intent.Source,
	among []int) map[string]string {
	out, unknown := all, []string(nil)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		meant := key
		refusal := constraint.OfAttribute(s, key, all[key])
		if !constraint.Known(key) && refusal.Problem == "" {
			meant, refusal = misspeltAttribute(s, key, all[key])
		}
		if refusal.Problem == "" {
			if !constraint.Known(key) {
				unknown = append(unknown, key)
			}
			continue
		}
		if len(out) == len(all) {
			out = maps.Clone(all)
		}
		delete(out, key)
		b.noteRefused(refusal, from(key), among, s.Kind == constraint.LoadBalancer && constraint.Protects(meant, all[key]))
	}
	b.noteUnknown(unknown, from, among)
	return out
}

// UnknownAttribute is in the notes about attributes that no table has.
const UnknownAttribute = "unknown to this version of the controller: AWS refuses all attributes of a resource if it " +
	"does not know one, which may be newer than the controller"

// noteUnknown notes attributes that no table has and that resemble none, in one note for each place. They are set.
func (b *build) noteUnknown(keys []string, from func(key string) intent.Source, among []int) {
	at := map[intent.Source][]string{}
	for _, key := range keys {
		at[from(key)] = append(at[from(key)], key)
	}
	for _, key := range keys {
		if of := at[from(key)]; of[0] == key {
			if i, d := b.ofAttribute(from(key), among, diag.IgnoredSetting); i >= 0 {
				d.Text = fmt.Sprintf("attributes that are %s: %.300s", UnknownAttribute, diag.First(of, 5, ", "))
				d.Remedy = "check their spelling, or remove them"
				b.note(i, d)
			}
		}
	}
}

// misspeltAttribute returns the attribute that an unknown one most likely stands for, and why AWS refuses it. An
// attribute that differs in digits only may be newer than the table. What resembles a protection less counts, too.
func misspeltAttribute(s constraint.Subject, key, value string) (meant string, r constraint.Refusal) {
	meant = annotation.NearestOf(key, constraint.Keys(s)...)
	near := annotation.Distance(strings.ToLower(key), meant) <= 2 ||
		s.Kind == constraint.LoadBalancer && constraint.Protects(meant, value)
	if whole := wholeAttribute(s, key); whole != "" {
		meant, near = whole, true
	}
	letters := func(s string) string { return strings.Join(strings.FieldsFunc(s, unicode.IsDigit), "") }
	if meant == "" || !near || letters(key) == letters(meant) {
		return key, constraint.Refusal{}
	}
	return meant, constraint.Refusal{Problem: "attribute " + key + " is unknown", Remedy: "did you mean " + meant + "?"}
}

// wholeAttribute is the only known attribute of which an unknown one has all but the first or last words, such as
// routing.http or enabled; empty if there is none.
func wholeAttribute(s constraint.Subject, key string) (meant string) {
	for _, known := range constraint.Keys(s) {
		if strings.Contains("."+known+".", "."+strings.ToLower(key)+".") {
			if meant != "" {
				return ""
			}
			meant = known
		}
	}
	return meant
}

// noteRefused reports an attribute that is left out. If the attribute protects, a member that does not serve yet is
// quarantined.
func (b *build) noteRefused(r constraint.Refusal, source intent.Source, among []int, protects bool) {
	code := source.InvalidCode()
	if r.Unfit { // often declared for all ports or target groups at once
		code = diag.IgnoredSetting
	}
	i, d := b.ofAttribute(source, among, code)
	if i < 0 {
		return
	}
	d.Text, d.Remedy = r.Problem+"; the controller does not set it, all other settings take effect", r.Remedy
	if protects && !r.Unfit {
		d.Text = r.Problem
		b.withoutGuard(i, d, "the controller does not set it, and without it the load balancer serves unprotected; all "+
			"other settings take effect")
		return
	}
	b.note(i, d)
}

// checkZones refuses a subnet of a zone in which a network load balancer that exists has another one: AWS changes no
// subnet of a zone.
func (b *build) checkZones(member int, source intent.Source) {
	if b.e.Type != stack.Network {
		return
	}
	lb, _ := b.existing()
	if lb == nil || lb.Scheme != b.lb.Scheme {
		return
	}
	has := map[string]string{}
	for _, id := range lb.Subnets {
		if s, ok := b.f.Subnets[id]; ok {
			has[s.Zone] = id
		}
	}
	var swapped, others []string
	for _, s := range b.subnets {
		if id, ok := has[s.Zone]; ok && id != s.ID {
			swapped = append(swapped, fmt.Sprintf("%s instead of %s in zone %s", s.ID, id, s.Zone))
			continue
		}
		others = append(others, s.ID)
	}
	if len(swapped) == 0 {
		return
	}
	leave := "name " + strings.Join(others, ", ") + " alone"
	if len(others) == 0 { // the load balancer cannot leave all its zones
		leave = "name a subnet of another zone in place of these"
	}
	b.problem(member, source, &facts.Problem{Code: diag.InvalidSubnets,
		Text: "AWS does not let a network load balancer have another subnet in a zone that it is in: " +
			strings.Join(swapped, ", "),
		Remedy: leave + " first, so that the load balancer leaves the zone, and name the new subnet after that; or keep " +
			"the subnet"})
}
