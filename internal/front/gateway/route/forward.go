package route

import (
	"fmt"
	"math"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// forwarding is what a rule does with requests, whichever of its matches they have.
type forwarding struct {
	rule     *routeRule
	filters  []gatewayv1.HTTPRouteFilter // ExtensionRef has no effect among them
	query    string                      // of a redirect; empty = that of the request
	tags     map[string]string
	guard    []intent.Action
	response []intent.Action // a fixed response, which takes precedence over all else
	broken   string          // why the ListenerRuleConfiguration cannot be used; empty = it can, or there is none

	config *ruleConfiguration
	done   map[bool]*onProtocol // by whether the listener is HTTPS
}

// onProtocol are the actions at HTTP or HTTPS listeners.
type onProtocol struct {
	actions, guard []intent.Action // actions are empty where the rule cannot be served, which is recorded
	final          bool            // a redirect does not replace the actions
	unserved       *problem        // the last valid version of the rule takes the place of the actions, if there is one
	found          diag.List       // why the actions answer with an error
	// requests are answered with an error, because the load balancer cannot do what the rule asks for
	refused bool
}

// forwarding prepares the actions of a rule. The first port builds them, as they depend on the protocol.
func (t *translation) forwarding(r *routeRule, config *ruleConfiguration, broken string) *forwarding {
	f := &forwarding{rule: r, config: config, broken: broken, done: map[bool]*onProtocol{}}
	var ok bool
	if f.filters, ok = t.hoisted(r); !ok {
		for _, secure := range []bool{false, true} {
			f.done[secure] = &onProtocol{}
		}
		return f
	}
	if config == nil {
		return f
	}
	f.query, f.tags, f.guard, f.response = config.query, config.tags, config.guard, config.response
	redirects := f.redirects()
	f.noteIdle(t)
	switch {
	case !config.redirect || redirects:
	case len(f.filters) == 1: // a redirect is all that the rule asks for
		r.misfit = addRedirectFilter
		f.broken = fmt.Sprintf("redirect of ListenerRuleConfiguration %s/%s needs a filter of type RequestRedirect",
			config.Namespace, config.Name)
		t.refuse(gatewayv1.RouteReasonIncompatibleFilters, r.at+": "+f.broken)
	default:
		t.ignored(r.at, "redirect of ListenerRuleConfiguration "+config.Name+
			" has no effect without a filter of type RequestRedirect", addRedirectFilter)
	}
	return f
}

// addRedirectFilter is the remedy of a redirect action without a filter.
const addRedirectFilter = "add the filter, or remove the action"

// redirects reports whether a filter of the rule redirects.
func (f *forwarding) redirects() bool {
	return slices.ContainsFunc(f.filters, func(x gatewayv1.HTTPRouteFilter) bool {
		return x.Type == gatewayv1.HTTPRouteFilterRequestRedirect
	})
}

// noteIdle notes what of the rule has no effect because another part of it answers.
func (f *forwarding) noteIdle(t *translation) {
	const remedy = "remove one of them"
	idle := func(what, answers string) {
		t.ignored(f.rule.at, fmt.Sprintf("%s no effect: %s", what, answers), remedy)
	}
	response := "fixed-response of ListenerRuleConfiguration " + f.config.Name + " answers all requests"
	switch s := f.config.stickiness; {
	case f.response != nil:
		for i := range f.filters {
			if k := f.filters[i].Type; k != gatewayv1.HTTPRouteFilterExtensionRef {
				idle(fmt.Sprintf("filter of type %s has", k), response)
			}
		}
		if len(f.rule.backends) > 0 {
			idle("backendRefs have", response)
		}
	case s != nil && s.Enabled && f.redirects():
		idle("targetGroupStickinessConfig of its ListenerRuleConfiguration has", "the rule redirects all requests")
	}
}

// on are the actions at the listeners of a place.
func (f *forwarding) on(t *translation, p *place) *onProtocol {
	secure := p.protocol == protocolHTTPS
	if f.done[secure] == nil {
		f.done[secure] = f.make(t, p, secure)
	}
	return f.done[secure]
}

func (f *forwarding) make(t *translation, p *place, secure bool) *onProtocol {
	r := f.rule
	if t.route.Route.Kind == "GRPCRoute" && !secure && t.in.Construction == rule.Standard {
		t.drop(r.at, fmt.Sprintf("gRPC needs an HTTPS listener, and port %d has protocol HTTP", p.port),
			"attach the route only to HTTPS listeners")
		return &onProtocol{}
	}
	backends, wrong, ok := t.backends(r, secure)
	switch {
	case f.broken != "":
		out := &onProtocol{actions: fixed("500"), final: true, unserved: t.notAccepted(r)}
		if r.misfit != "" {
			out.unserved = &problem{r.at, f.broken, r.misfit}
		}
		if out.unserved == nil {
			d := t.finding(r.at, diag.InvalidConfiguration, f.broken+"; requests of the rule get 500",
				"name one ListenerRuleConfiguration of group "+lbcgatewayv1.GroupVersion.Group+" that exists in namespace "+
					t.route.Route.Namespace+", or remove the filter")
			if r.absent {
				d.Class = diag.NotFound
			}
			out.found = diag.List{d}
		}
		return out
	case len(f.guard) > 0 && !secure:
		text := fmt.Sprintf("a load balancer authenticates only at HTTPS listeners, and port %d has protocol HTTP: it "+
			"answers 500", p.port)
		const remedy = "attach the route only to HTTPS listeners, and redirect to them with a separate route"
		t.drop(r.at, text, remedy)
		d := t.finding(r.at, diag.InvalidRule, text, remedy)
		d.Guard = true
		return &onProtocol{actions: fixed("500"), final: true, refused: true, found: diag.List{d}}
	case !ok:
		return &onProtocol{}
	case f.response != nil:
		return &onProtocol{actions: f.response, guard: f.guard, final: true}
	case wrong != nil:
		return &onProtocol{actions: fixed("503"), guard: f.guard, unserved: wrong}
	case total(backends) == 0:
		return &onProtocol{actions: fixed("500"), guard: f.guard, found: t.withoutBackends(r, len(backends))}
	}
	a := intent.Action{Type: stack.ActionForward, Backends: backends}
	if f.config != nil {
		a.Stickiness = f.config.stickiness
		if s := a.Stickiness; s != nil && s.Enabled && len(backends) == 1 {
			t.ignored(r.at, "targetGroupStickinessConfig of its ListenerRuleConfiguration has no effect: the rule has one "+
				"backend", "for sticky targets, set targetGroupAttributes stickiness.enabled of a TargetGroupConfiguration; "+
				"or remove it")
		}
	}
	return &onProtocol{actions: []intent.Action{a}, guard: f.guard}
}

// withoutBackends is why a rule answers 500, if it asks for that: usable is how many of its backends are usable. Those
// that are not are recorded.
func (t *translation) withoutBackends(r *routeRule, usable int) diag.List {
	const answers = "; the load balancer answers its requests with 500"
	switch {
	case len(r.backends) == 0:
		return diag.List{t.finding(r.at, diag.NoTargets, "the rule has no backendRefs"+answers, "add a backend")}
	case usable > 0 && !slices.ContainsFunc(r.backends, weighs): // one that weighs is missing, which is reported
		return diag.List{t.finding(r.at+".backendRefs", diag.NoTargets, "all weights are 0"+answers,
			"set the weight of a backend to 1 or more")}
	}
	return nil
}

// weighs reports whether a backend is to get requests.
func weighs(b gatewayv1.HTTPBackendRef) bool { return b.Weight == nil || *b.Weight > 0 }

// total is the sum of weights.
func total(backends []intent.Backend) (n int) {
	for i := range backends {
		n += int(*backends[i].Weight)
	}
	return n
}

// backends are the usable backends of a rule; ok is false if an ALB cannot do what they ask for, which is recorded.
// wrong is a mistake of another namespace.
func (t *translation) backends(r *routeRule, secure bool) (out []intent.Backend, wrong *problem, ok bool) {
	refs := make([]weighted, 0, len(r.backends))
	for i := range r.backends {
		refs = append(refs, weighted{fmt.Sprintf("%s.backendRefs[%d]", r.at, i), &r.backends[i].BackendRef})
	}
	listener := site{protocol: protocolHTTP}
	if secure {
		listener.protocol = protocolHTTPS
	}
	out, ok = t.targets(refs, place{site: &listener}, r.at)
	for _, w := range refs {
		if b := t.backend(w, &listener); b.wrong != "" && wrong == nil {
			wrong = &problem{at: w.at, text: b.wrong}
		}
	}
	return out, wrong, ok
}

// weighted is a backendRef with its field.
type weighted struct {
	at  string
	ref *gatewayv1.BackendRef
}

// targets resolves backendRefs behind a listener. Those that cannot be used are left out, and recorded, as is a backend
// that needs another kind of listener: then ok is false.
func (t *translation) targets(refs []weighted, p place, at string) (out []intent.Backend, ok bool) {
	ok = true
	var weights []int32
	for _, w := range refs {
		b := t.backend(w, p.site)
		switch {
		case b.unfit != "":
			t.drop(w.at, b.unfit, "")
			ok = false
			continue
		case !b.usable:
			continue
		}
		weight := int32(1)
		if w.ref.Weight != nil {
			weight = *w.ref.Weight
		}
		same := -1
		for i := range out {
			if out[i].TargetGroupName == b.TargetGroupName && (out[i].TargetGroup == nil) == (b.TargetGroup == nil) &&
				(b.TargetGroup == nil || out[i].TargetGroup.ID == b.TargetGroup.ID) {
				same = i
			}
		}
		if same >= 0 { // AWS allows a target group once
			weights[same] += weight
			continue
		}
		one := b.Backend
		one.Source = t.source(w.at)
		out, weights = append(out, one), append(weights, weight)
	}
	if len(out) > stack.MaxForwardTargets {
		kept, left := out[:0:0], weights[:0:0]
		for i := range out {
			if weights[i] > 0 {
				kept, left = append(kept, out[i]), append(left, weights[i])
			}
		}
		out, weights = kept, left
	}
	if len(out) > stack.MaxForwardTargets {
		t.drop(at+".backendRefs", fmt.Sprintf("%d backends with a weight: a load balancer forwards to %d target groups",
			len(out), stack.MaxForwardTargets), "use several rules, or one Service for several backends")
		return nil, false
	}
	for i, w := range scale(weights) {
		out[i].Weight = &w
	}
	t.reportAbsent(refs, p.site, total(out))
	return out, ok
}

// maxWeight is AWS's greatest weight of a target group.
const maxWeight = 999

// scale fits weights into AWS's range, in proportion. None becomes 0 that is not.
func scale(weights []int32) []int32 {
	var most int32
	for _, w := range weights {
		most = max(most, w)
	}
	out := make([]int32, len(weights))
	for i, w := range weights {
		switch {
		case most <= maxWeight, w <= 0:
			out[i] = max(w, 0)
		default:
			out[i] = max(1, int32(math.Round(float64(w)*maxWeight/float64(most))))
		}
	}
	return out
}
