package gateway

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Translate returns the desired load balancer of a Gateway that wants or reports one, and the decisions about the
// objects around it. exists reports whether AWS has a load balancer of the Gateway. If the Gateway does not declare
// the construction of its rules, exists decides it.
func Translate(v *objects.View, cfg Config, l Loaded, exists bool) (intent.LoadBalancer, *Decisions) {
	t := &translation{Loaded: &l, view: v, config: cfg}
	t.validateClients()
	d := &Decisions{config: cfg, gateway: l.Gateway, listeners: t.listeners, waiting: l.waiting, insecure: t.insecure()}
	if l.Class != nil {
		d.controller = l.Class.Spec.ControllerName
	}
	d.construction, d.defaults = t.construction(exists, d), l.defaults
	t.rules = d.construction.Rules()
	t.keepInsecure()
	t.attach()
	d.author = t.author()
	t.contest(d)
	own := t.member(d)
	out := t.loadBalancer()
	out.Members = append(make([]intent.Member, 0, 1+len(t.routes)), own) // they are large
	in := route.Input{
		View: v, Config: cfg.Route, Gateway: l.Gateway, Family: l.Family, Construction: t.rules, Hosts: d.construction,
		Defaults: l.defaults, Listeners: t.servedListeners(),
		Stickiness: t.stickiness, QUIC: t.quic, Reached: cfg.Reached, Configured: cfg.Configured, HadPort: cfg.HadPort,
		Served: exists && len(l.Gateway.Status.Addresses) > 0 && cfg.Configured == nil,
	}
	d.routes = make([]decidedRoute, 0, len(t.routes))
	at := make([]int, 0, len(t.routes))
	in.Routes = make([]route.Attached, 0, len(t.routes))
	for i := range t.routes {
		r := &t.routes[i]
		d.routes = append(d.routes, decidedRoute{attached: *r})
		if slices.ContainsFunc(r.decisions, func(d attachment.Decision) bool { return len(d.Attached) > 0 }) {
			at = append(at, i)
			in.Routes = append(in.Routes, route.Attached{Object: r.object, Route: r.route, Decisions: r.decisions,
				Astray: r.astray})
		}
	}
	out.Members[0].Routes = route.Isolation(in)
	decided := route.Translate(in)
	for i := range decided {
		d.routes[at[i]].decided = &decided[i]
		d.note(decided[i].Found)
		if decided[i].Serves {
			out.Members = append(out.Members, t.routeMember(decided[i].Member))
		}
	}
	d.noteUnattached()
	if l.Family == attachment.Network {
		d.idle = idle(t.byPort(true), out.Members)
	}
	d.refs, d.unserved, d.named, d.refused, d.addresses = t.refs, t.unserved, t.named, t.refused,
		own.Settings.Addresses.Value
	versions := t.versions()
	out.Listeners, out.ListenersLost, d.lost = versions, versions.lost(), versions.lost()
	t.noteInvalid(d)
	if l.Unknown != nil {
		d.refused = l.Unknown
	}
	return out, d
}

// idle are the ports that no member has a default action for.
func idle(ports []port, members []intent.Member) map[int32]bool {
	out := map[int32]bool{}
	for i := range ports {
		out[ports[i].number] = true
	}
	for i := range members {
		for j := range members[i].Listeners {
			if l := &members[i].Listeners[j]; len(l.Default) > 0 {
				delete(out, l.Port)
			}
		}
	}
	return out
}

// routeMember is a route's part of the load balancer. Where the configuration is not known, the target groups of its
// Services are not either.
func (t *translation) routeMember(m intent.Member) intent.Member {
	if t.Unknown == nil {
		return m
	}
	g := t.Gateway
	m.Diagnostics = append(slices.Clone(m.Diagnostics), diag.New(m.Object, "", diag.InvalidConfiguration,
		fmt.Sprintf("the controller cannot use the configuration of Gateway %s/%s: %s", g.Namespace, g.Name,
			t.Unknown.Message),
		"correct the configuration of the Gateway").In(diag.Route))
	return m
}

// servedListeners are the listeners, of which those that cannot be served have no routes.
func (t *translation) servedListeners() *attachment.Listeners {
	out := *t.listeners
	out.All = slices.Clone(out.All)
	for i := range t.unserved {
		if out.All[i].Problem == nil {
			out.All[i].Problem = t.refs[i]
		}
	}
	return &out
}

// construction is how to build rules: as the annotation says, else as fallback says, which is recorded.
func (t *translation) construction(exists bool, d *Decisions) rule.Construction {
	c := rule.Construction(t.Gateway.Annotations[ConstructionAnnotation])
	if c.Valid() {
		return c
	}
	fallback := t.fallback(exists)
	d.Derived = fallback
	if c == "" {
		d.Annotations = map[string]string{ConstructionAnnotation: string(fallback)}
	} else {
		t.report(t.here("metadata.annotations["+ConstructionAnnotation+"]"), diag.InvalidAnnotation,
			fmt.Sprintf("rule construction %q is neither compatible nor standard nor plain-hosts", c),
			"write one of them, or remove the annotation")
	}
	return fallback
}

// fallback is the construction for a Gateway without the annotation: that of the present rules, as the existing
// controller makes them if AWS holds a load balancer of the Gateway, as its class says, else with plain hosts.
func (t *translation) fallback(exists bool) rule.Construction {
	switch {
	case t.config.Rules != "":
		return t.config.Rules
	case exists || t.config.CompatibleRules:
		return rule.Compatible
	case t.Class != nil && t.Class.Annotations[ConstructionAnnotation] != "":
		c := rule.Construction(t.Class.Annotations[ConstructionAnnotation])
		if c.Valid() {
			return c
		}
		t.report(t.here("spec.gatewayClassName"), diag.IgnoredSetting, fmt.Sprintf("rule construction %q of GatewayClass "+
			"%s is neither compatible nor standard nor plain-hosts; the controller ignores it", c, t.Class.Name),
			"write one of them into annotation "+ConstructionAnnotation+" of the GatewayClass, or remove it")
	}
	return rule.PlainHosts
}
