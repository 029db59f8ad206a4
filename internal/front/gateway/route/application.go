package route

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// routeRule is a rule of an HTTPRoute or GRPCRoute.
type routeRule struct {
	index    int
	at       string // its field in the route
	matches  []match
	filters  []gatewayv1.HTTPRouteFilter
	backends []gatewayv1.HTTPBackendRef
	http     *gatewayv1.HTTPRouteRule // nil for a GRPCRoute
	session  bool                     // sessionPersistence is set
	// misfit is the remedy if the rule names several ListenerRuleConfigurations, or one whose redirect needs a filter that
	// the rule lacks, or if an ExtensionRef names no object. The last valid version of the rule serves.
	misfit string
	absent bool // its ListenerRuleConfiguration does not exist
	// withdrawn reports that a backend is of a namespace that does not permit the reference.
	withdrawn bool
	// guarded reports that the rule does more than forward: a wider rule must not answer its requests.
	guarded bool
}

// match is a match of a rule.
type match struct {
	http gatewayv1.HTTPRouteMatch
	grpc *gatewayv1.GRPCRouteMatch
	// conditions are those of the match without its hostname; nil = an ALB cannot match it, which is recorded.
	conditions []stack.Condition
	cover      []stack.Condition // if conditions are nil: those of all requests that the match may have
}

func ruleAt(i int) string { return "spec.rules[" + strconv.Itoa(i) + "]" }

// rules returns the rules of the route. A rule without matches matches all paths, which is the API server's default.
func (t *translation) rules() (out []routeRule) {
	switch o := t.route.Object.(type) {
	case *gatewayv1.HTTPRoute:
		for i := range o.Spec.Rules {
			r := &o.Spec.Rules[i]
			//nolint:staticcheck // users still write it, and a finding says that it has no effect
			one := routeRule{index: i, at: ruleAt(i), filters: r.Filters, backends: r.BackendRefs, http: r,
				session: r.SessionPersistence != nil}
			for _, m := range r.Matches {
				one.matches = append(one.matches, match{http: m})
			}
			if len(r.Matches) == 0 {
				one.matches = []match{{http: gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{}}}}
			}
			out = append(out, one)
		}
	case *gatewayv1.GRPCRoute:
		for i := range o.Spec.Rules {
			r := &o.Spec.Rules[i]
			//nolint:staticcheck // users still write it, and a finding says that it has no effect
			one := routeRule{index: i, at: ruleAt(i), session: r.SessionPersistence != nil}
			for j := range r.Filters {
				one.filters = append(one.filters, ofGRPC(&r.Filters[j]))
			}
			for j := range r.BackendRefs {
				b := gatewayv1.HTTPBackendRef{BackendRef: r.BackendRefs[j].BackendRef}
				for k := range r.BackendRefs[j].Filters {
					b.Filters = append(b.Filters, ofGRPC(&r.BackendRefs[j].Filters[k]))
				}
				one.backends = append(one.backends, b)
			}
			for j := range r.Matches {
				one.matches = append(one.matches, match{grpc: &r.Matches[j]})
			}
			if len(r.Matches) == 0 {
				one.matches = []match{{grpc: &gatewayv1.GRPCRouteMatch{}}}
			}
			out = append(out, one)
		}
	}
	return out
}

// ofGRPC is a filter of a GRPCRoute. All of its types are types of HTTPRoutes.
func ofGRPC(f *gatewayv1.GRPCRouteFilter) gatewayv1.HTTPRouteFilter {
	return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterType(f.Type), ExtensionRef: f.ExtensionRef}
}

// unit is one match of a rule at one hostname of a port: a rule of the load balancer, or, with the same position, one
// of the two of a redirect.
type unit struct {
	position rule.Position
	route    intent.Route
	unserved *problem // why the load balancer cannot serve it as declared; nil = it can
	guarded  bool     // that of the rule
	// stand are conditions for all requests of an unserved unit whose own conditions AWS does not have
	stand []stack.Condition
}

// application translates an HTTPRoute or a GRPCRoute.
func (t *translation) application(sites []site) {
	t.noteLost()
	t.noteUncovered()
	places := t.places(sites)
	for i := range places {
		t.noteHosts(t.listen(places[i].port, places[i].protocol))
		t.http = t.http || places[i].protocol != protocolHTTPS
	}
	rules := t.rules()
	if !t.counted(rules, places) {
		return
	}
	units := make([]*unit, 0, len(rules))
	for i := range rules {
		units = t.ofRule(units, &rules[i], places)
	}
	slices.SortStableFunc(units, func(a, b *unit) int {
		if n := slices.Compare(a.route.Precedence, b.route.Precedence); n != 0 {
			return n
		}
		return a.position.CompareOrigin(&b.position)
	})
	t.member.Routes = slices.Grow(t.member.Routes, len(units))
	for _, u := range units {
		if p := u.unserved; p != nil {
			t.member.Unserved = append(t.member.Unserved, intent.Unserved{Route: u.route, Before: len(t.member.Routes),
				Stand: u.stand, Guarded: u.guarded, Path: p.at, Text: p.text, Remedy: p.remedy})
			continue
		}
		t.member.Routes = append(t.member.Routes, u.route)
	}
}

// mostUnits is how many rules the routes of a namespace may have at a Gateway. A route of a few kilobytes has a hundred
// thousand, for each of its matches, hostnames and ports.
const mostUnits = 2 * intent.MaxGroupRules

// counted reports whether there is room for the units of the route, which are counted before they are built. The oldest
// routes of a namespace have room first.
func (t *translation) counted(rules []routeRule, places []place) bool {
	matches, hosts := 0, 0
	for i := range rules {
		matches += len(rules[i].matches)
	}
	for i := range places {
		hosts += len(places[i].hosts)
	}
	of := t.route.Route.Namespace
	if n := matches * hosts; t.in.units[of]+n <= mostUnits {
		t.in.units[of] += n
		return true
	}
	text := fmt.Sprintf("the routes of namespace %s have more than %d rules at the Gateway", of, mostUnits)
	const remedy = "declare fewer matches and hostnames, name the listeners in parentRefs, or use another Gateway"
	t.mistake(of, diag.New(t.object, "spec.rules", diag.InvalidRule, text, remedy).In(diag.Route))
	t.drop("spec.rules", text, remedy)
	return false
}

// ofRule appends the units of a rule on all ports. What an ALB cannot do of it is recorded.
func (t *translation) ofRule(out []*unit, r *routeRule, places []place) []*unit {
	config, broken := t.extension(r)
	if broken != "" {
		t.refuse(gatewayv1.RouteReasonIncompatibleFilters, r.at+": "+broken)
	}
	before := len(t.dropped)
	r.withdrawn = t.withdrawn(r)
	supported := t.supported(r)
	t.match(r, config)
	r.guarded = r.guards(config, broken)
	var f *forwarding
	if supported {
		f = t.forwarding(r, config, broken)
	}
	for i := range places {
		p := &places[i]
		do := &onProtocol{}
		if supported {
			do = f.on(t, p)
		}
		for j := range r.matches {
			m := &r.matches[j]
			if m.conditions == nil {
				if !t.lost { // the last valid version may serve what others have now
					out = t.unmatched(out, r, j, p, before)
				}
				continue
			}
			for _, h := range p.hosts {
				u := t.unit(r, j, p, h)
				if len(do.actions) > 0 {
					out = t.units(out, u, p, f, do)
					continue
				}
				u.unserved, u.route.Actions = t.problem(r, before), fixed("500")
				out = append(out, u)
			}
		}
	}
	return out
}

// noteExpressions notes regular expressions of a match that the compatible construction takes for text, as the existing
// controller does.
func (t *translation) noteExpressions(m *match, at string) {
	note := func(field string, expression bool) {
		if expression && t.in.Construction == rule.Compatible {
			t.ignored(at+"."+field+".type", "RegularExpression has no effect in rule construction compatible: the value is "+
				"text, in which * and ? are wildcards", "set type Exact, or annotate the Gateway with "+
				string(annotation.GatewayRuleConstruction)+": standard")
		}
	}
	for i, q := range m.http.QueryParams {
		note(fmt.Sprintf("queryParams[%d]", i), ptr.Deref(q.Type, "") == gatewayv1.QueryParamMatchRegularExpression)
	}
	if m.grpc == nil {
		return
	}
	for i, h := range m.grpc.Headers {
		note(fmt.Sprintf("headers[%d]", i), ptr.Deref(h.Type, "") == gatewayv1.GRPCHeaderMatchRegularExpression)
	}
	if of := m.grpc.Method; of != nil {
		note("method", ptr.Deref(of.Type, "") == gatewayv1.GRPCMethodMatchRegularExpression)
	}
}

// match sets the conditions of the rule's matches.
func (t *translation) match(r *routeRule, config *ruleConfiguration) {
	for j := range r.matches {
		m := &r.matches[j]
		t.noteExpressions(m, fmt.Sprintf("%s.matches[%d]", r.at, j))
		var conditions []stack.Condition
		var err error
		if m.grpc != nil {
			conditions, err = t.in.Construction.GRPC(*m.grpc)
		} else {
			conditions, err = t.in.Construction.HTTP(m.http)
		}
		if err != nil {
			t.drop(fmt.Sprintf("%s.matches[%d]", r.at, j), err.Error(), "")
			m.cover = append(t.in.Construction.Cover(m.http, m.grpc), config.sourceIPs(j)...)
			continue
		}
		m.conditions = append(conditions, config.sourceIPs(j)...)
	}
}

// unit is a match of a rule at a hostname, without actions.
func (t *translation) unit(r *routeRule, j int, p *place, h placedHost) *unit {
	c, m := t.in.Construction, &r.matches[j]
	position := rule.Position{
		Listener: h.listener, Host: h.Hostname, Wide: h.wide, Created: t.route.Object.GetCreationTimestamp().Time,
		Kind:      t.route.Route.Kind,
		Namespace: t.route.Route.Namespace, Name: t.route.Route.Name, Rule: r.index, Match: j,
	}
	if m.grpc != nil {
		position.OfGRPC(*m.grpc)
	} else {
		position.OfHTTP(m.http)
	}
	conditions := m.conditions
	if h.Name != "" {
		conditions = append(append(make([]stack.Condition, 0, len(conditions)+1), t.in.host(p.site, h.Name)), conditions...)
	}
	u := &unit{position: position, guarded: r.guarded, route: intent.Route{
		Source: t.source(r.at), Ports: []int32{p.port}, Precedence: c.Precedence(position), Verbatim: c == rule.Compatible,
		Conditions: conditions, Withdrawn: r.withdrawn, Guard: r.guarded && position.Expression(),
	}}
	if c == rule.Standard {
		u.route.Alternative = int32(r.index) + 1
	}
	return u
}

// units appends the rules of a match at a hostname, whose unit is one. If an ALB cannot apply the filters, that is
// recorded, and the unit is unserved.
func (t *translation) units(out []*unit, one *unit, p *place, f *forwarding, do *onProtocol) []*unit {
	r, j, before, dropped := f.rule, one.position.Match, len(out), len(t.dropped)
	refuse := func(at, text, remedy string) []*unit {
		t.drop(at, text, remedy)
		one.unserved, one.route.Actions = t.problem(r, dropped), fixed("500")
		return append(out[:before], one)
	}
	tooMuch := func(text, remedy string) []*unit { // AWS has no such rule
		if r.guarded {
			one.stand = reduced(one.route.Conditions)
		}
		one.route.Conditions = nil
		return refuse(fmt.Sprintf("%s.matches[%d]", r.at, j), text, remedy)
	}
	filtered := []rule.Filtered{{Conditions: one.route.Conditions}}
	if len(f.filters) > 0 {
		var err error
		if filtered, err = t.in.Construction.Filter(f.filters, r.matches[j].http, one.route.Conditions, f.query); err != nil {
			return refuse(r.at, err.Error(), "")
		}
	}
	t.noteRedirect(f, r.matches[j].http.Path, filtered)
	for _, x := range filtered {
		if x.Redirect != nil && x.Redirect.Protocol == protocolHTTP && p.protocol == protocolHTTPS && !do.final {
			return refuse(r.at, fmt.Sprintf("a load balancer does not redirect from HTTPS to HTTP, as the rule would on "+
				"port %d", p.port), "redirect to https, or attach the route only to HTTP listeners")
		}
		// those of one field can have a rule each, which would not help
		if n := len(x.Conditions); n > stack.MaxConditionValues {
			return tooMuch(fmt.Sprintf("%d conditions with its hostname: a rule of a load balancer has %d values", n,
				stack.MaxConditionValues), "remove conditions from the match")
		}
		if n := wildcards(x.Conditions); n > stack.MaxWildcards {
			return tooMuch(fmt.Sprintf("%d wildcards in its conditions: a rule of a load balancer has %d", n,
				stack.MaxWildcards), "remove wildcards from the match")
		}
		u := &unit{position: one.position, route: one.route, unserved: do.unserved, guarded: one.guarded}
		u.route.Authentication, u.route.Tags, u.route.Conditions, u.route.Transforms, u.route.Actions = do.guard, f.tags,
			x.Conditions, x.Transforms, do.actions
		if x.Redirect == nil || do.final {
			t.tell(do.found...)
		} else {
			u.route.Actions = []intent.Action{{Type: stack.ActionRedirect, Redirect: x.Redirect}}
		}
		out = append(out, u)
	}
	t.effective = t.effective || !do.refused
	return out
}

// noteRedirect notes a redirect that leads to itself, or to a port of the same host without a listener.
func (t *translation) noteRedirect(f *forwarding, match *gatewayv1.HTTPPathMatch, filtered []rule.Filtered) {
	for i := range f.filters {
		to := f.filters[i].RequestRedirect
		if to == nil || to.Path == nil || to.Scheme != nil || to.Hostname != nil || to.Port != nil ||
			to.Path.Type != gatewayv1.PrefixMatchHTTPPathModifier || match == nil {
			continue
		}
		prefix := strings.TrimSuffix(ptr.Deref(match.Value, ""), "/")
		if prefix != "" && prefix == strings.TrimSuffix(ptr.Deref(to.Path.ReplacePrefixMatch, ""), "/") {
			t.tell(t.finding(f.rule.at, diag.HiddenRule, "this redirect leads to itself: clients follow it without end",
				"redirect to another protocol, host, port or path, or remove the filter"))
		}
	}
	for _, x := range filtered {
		if x.Redirect == nil || x.Redirect.Host != "" || x.Redirect.Port == "" || slices.ContainsFunc(t.in.Listeners.All,
			func(l attachment.Listener) bool {
				return strconv.Itoa(int(l.Port)) == x.Redirect.Port && l.Problem == nil
			}) {
			continue
		}
		t.ignored(f.rule.at, fmt.Sprintf("the rule redirects to port %s, for which the Gateway has no listener: clients get "+
			"no answer, unless something in front of the load balancer serves that port", x.Redirect.Port),
			"add a listener for the port, or redirect to another one")
	}
}

// wildcards is how many wildcards a rule of conditions has at most, with one value of each.
func wildcards(conditions []stack.Condition) (n int) {
	for _, c := range conditions {
		if of := c.Wildcards(); len(of) > 0 {
			n += slices.Max(of)
		}
	}
	return n
}

// lacking is why a load balancer does not support something, and what to do instead.
type lacking struct{ why, remedy string }

// unsupported are the filters that an ALB does not have.
var unsupported = map[gatewayv1.HTTPRouteFilterType]lacking{
	gatewayv1.HTTPRouteFilterRequestHeaderModifier: {"a load balancer changes no headers of requests",
		"remove the filter, and change the headers in the backend"},
	gatewayv1.HTTPRouteFilterResponseHeaderModifier: {"a load balancer changes no headers of a rule's responses",
		"remove the filter, and change the headers in the backend; for a whole listener, set listenerAttributes " +
			"routing.http.response.* in the LoadBalancerConfiguration"},
	gatewayv1.HTTPRouteFilterRequestMirror: {"a load balancer sends a request to one target",
		"remove the filter, and mirror requests behind the load balancer"},
	gatewayv1.HTTPRouteFilterCORS: {"a load balancer answers no preflight requests",
		"remove the filter, and answer preflight requests in the backend; for a whole listener, set headers with " +
			"listenerAttributes routing.http.response.access_control_* in the LoadBalancerConfiguration"},
	gatewayv1.HTTPRouteFilterExternalAuth: {"a load balancer calls no authorization service",
		"remove the filter, and use action authenticate-oidc, authenticate-cognito or jwt-validation of a " +
			"ListenerRuleConfiguration"},
}

// dropFilter records that an ALB does not have a filter.
func (t *translation) dropFilter(at string, kind gatewayv1.HTTPRouteFilterType, l lacking) {
	t.drop(at, fmt.Sprintf("filter type %s is not supported, because %s", kind, l.why), l.remedy)
}

// supported reports whether an ALB can do what fields of the rule ask for, and records what it cannot. The existing
// controller ignores what is no filter, so that the compatible construction does, too.
func (t *translation) supported(r *routeRule) bool {
	ok := true
	for k := range r.filters {
		if l, bad := unsupported[r.filters[k].Type]; bad {
			t.dropFilter(fmt.Sprintf("%s.filters[%d]", r.at, k), r.filters[k].Type, l)
			ok = false
		}
	}
	field := func(set bool, name string, l lacking) {
		remedy := "remove " + name + ", and " + l.remedy
		switch {
		case !set:
		case t.in.Construction == rule.Compatible:
			t.ignored(r.at+"."+name, name+" has no effect, because "+l.why, remedy)
		default:
			t.drop(r.at+"."+name, name+" is not supported, because "+l.why, remedy)
			ok = false
		}
	}
	if r.http != nil {
		field(r.http.Timeouts != nil, "timeouts", lacking{"a load balancer has one idle time-out for all rules",
			"set loadBalancerAttributes idle_timeout.timeout_seconds in the LoadBalancerConfiguration"})
		field(r.http.Retry != nil, "retry", lacking{"a load balancer repeats no requests",
			"let clients or the backend repeat requests"})
	}
	field(r.session, "sessionPersistence", lacking{"a load balancer has stickiness of target groups and of actions",
		"set targetGroupAttributes stickiness.* in a TargetGroupConfiguration, or targetGroupStickinessConfig in a " +
			"ListenerRuleConfiguration"})
	return ok
}

// hoisted are the filters of the rule with those of its backends, if one backend or all of them agree; ok is false if
// they do not, which is recorded. The existing controller ignores those of backends.
func (t *translation) hoisted(r *routeRule) (filters []gatewayv1.HTTPRouteFilter, ok bool) {
	first := slices.IndexFunc(r.backends, func(b gatewayv1.HTTPBackendRef) bool { return len(b.Filters) > 0 })
	if first < 0 {
		return r.filters, true
	}
	at := fmt.Sprintf("%s.backendRefs[%d].filters", r.at, first)
	if t.in.Construction == rule.Compatible {
		t.ignored(at, "filters of a backend have no effect in rule construction compatible",
			"move them to the rule, or annotate the Gateway with "+string(annotation.GatewayRuleConstruction)+": standard")
		return r.filters, true
	}
	for k, f := range r.backends[first].Filters {
		switch f.Type {
		case gatewayv1.HTTPRouteFilterURLRewrite, gatewayv1.HTTPRouteFilterRequestRedirect:
		default:
			l, bad := unsupported[f.Type]
			if !bad {
				l = lacking{"a backend can have only URLRewrite and RequestRedirect",
					"move the filter to the rule, or remove it"}
			}
			t.dropFilter(fmt.Sprintf("%s[%d]", at, k), f.Type, l)
			return nil, false
		}
	}
	for i := range r.backends {
		if !reflect.DeepEqual(r.backends[i].Filters, r.backends[first].Filters) {
			t.drop(at, "a load balancer transforms requests before it chooses a backend",
				"give all backends of the rule the same filters")
			return nil, false
		}
	}
	return slices.Concat(r.filters, r.backends[first].Filters), true
}
