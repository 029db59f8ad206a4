package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// GatewayInput is the decision about a Gateway.
type GatewayInput struct {
	gateway.Overview
	// Properties are those of target groups of a Service for a route.
	Properties func(route diag.Object, service stack.ID) configuration.Layers[configv1.TargetGroupProps]
	// Extension is the ListenerRuleConfiguration of a rule of a route, by the field of the rule; empty = it has none.
	Extension func(route diag.Object, path string) string
}

// Gateway is the part of an explanation about what the Gateway API calls listeners and routes.
type Gateway struct {
	Name         string            `json:"name"`
	Class        string            `json:"class"`
	Controller   string            `json:"controller,omitempty"`
	Construction string            `json:"ruleConstruction"`
	Problem      string            `json:"problem,omitempty"`
	Listeners    []GatewayListener `json:"listeners"`
	Routes       []GatewayRoute    `json:"routes"`
}

// GatewayListener is a listener of the Gateway or of a ListenerSet.
type GatewayListener struct {
	Name     string   `json:"name"`
	Set      string   `json:"listenerSet,omitempty"` // namespace/name, if it is one of a ListenerSet
	Port     int32    `json:"port"`
	Protocol string   `json:"protocol"`
	Hostname string   `json:"hostname,omitempty"`
	Problem  string   `json:"problem,omitempty"`
	Routes   []string `json:"routes,omitempty"` // that attach, with the hostnames that they serve there
}

// GatewayRoute is a route that names the Gateway or a ListenerSet of it.
type GatewayRoute struct {
	Route          string          `json:"route"`
	Parents        []GatewayParent `json:"parents"`
	Configurations []string        `json:"listenerRuleConfigurations,omitempty"`
}

// GatewayParent is one parentRef of a route.
type GatewayParent struct {
	Field     string   `json:"field"`
	Listeners []string `json:"listeners,omitempty"` // that it attaches to, with the hostnames
	Problems  []string `json:"problems,omitempty"`
}

// Part is the explanation of a route or ListenerSet: one for each of its Gateways.
type Part struct {
	Object   string        `json:"object"`
	Gateways []Explanation `json:"gateways"`
}

// title is a listener in a line.
func (l *GatewayListener) title() string {
	name := l.Name
	if l.Set != "" {
		name += " of ListenerSet " + l.Set
	}
	return name
}

func (l *GatewayListener) address() string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s", l.Protocol, l.Port, l.Hostname))
}

func problemText(p *attachment.Problem) string {
	if p == nil {
		return ""
	}
	return p.Message + " [" + p.Reason + "]"
}

// focused reports whether the explained object is only a part of a Gateway: a route or a ListenerSet.
func (x *explainer) focused() bool {
	return x.in.Gateway != nil && !same(x.in.Object, x.in.Gateway.Gateway)
}

// mine reports whether what an object declares belongs to the explained object: of a Gateway everything, of a
// ListenerSet what is of its routes.
func (x *explainer) mine(o diag.Object) bool {
	if same(o, x.in.Object) {
		return true
	}
	g := x.in.Gateway
	if g == nil {
		return false
	}
	if !x.focused() {
		return true
	}
	return slices.ContainsFunc(g.Routes, func(r gateway.RouteOverview) bool {
		return same(r.Object, o) && slices.ContainsFunc(r.Parents, func(p gateway.ParentOverview) bool {
			return slices.ContainsFunc(p.Attached, func(a attachment.Attached) bool {
				return same(g.Listeners[a.Listener].Object, x.in.Object)
			})
		})
	})
}

// gateway is the part about the Gateway, as far as it concerns the explained object.
func (x *explainer) gateway() *Gateway {
	in := x.in.Gateway
	out := &Gateway{
		Name: in.Gateway.String(), Class: in.Class, Controller: in.Controller, Construction: string(in.Construction),
		Problem:   problemText(in.Refused),
		Listeners: []GatewayListener{}, Routes: []GatewayRoute{},
	}
	all := make([]GatewayListener, len(in.Listeners))
	concerned := map[int]bool{}
	for i := range in.Listeners {
		l := &in.Listeners[i]
		all[i] = GatewayListener{Name: string(l.Name), Port: l.Port, Protocol: string(l.Protocol),
			Problem: cmp.Or(problemText(l.Problem), problemText(l.Refs))}
		if l.Hostname != nil {
			all[i].Hostname = string(*l.Hostname)
		}
		if l.Parent.Kind != "Gateway" {
			all[i].Set = l.Parent.Namespace + "/" + l.Parent.Name
		}
		concerned[i] = !x.focused() || same(l.Object, x.in.Object)
	}
	for i := range in.Routes {
		r := &in.Routes[i]
		explained := GatewayRoute{Route: r.Object.String()}
		for _, p := range r.Parents {
			parent := GatewayParent{Field: p.Field}
			for _, a := range p.Attached {
				text := hosts(a.Hostnames)
				parent.Listeners = append(parent.Listeners, all[a.Listener].title()+text)
				if route := r.Object.String() + text; !slices.Contains(all[a.Listener].Routes, route) {
					all[a.Listener].Routes = append(all[a.Listener].Routes, route)
				}
				concerned[a.Listener] = concerned[a.Listener] || same(r.Object, x.in.Object)
			}
			for _, problem := range p.Problems {
				parent.Problems = append(parent.Problems, problemText(&problem))
			}
			explained.Parents = append(explained.Parents, parent)
		}
		for _, c := range r.Configurations {
			text := "ListenerRuleConfiguration " + c.Namespace + "/" + c.Name
			if !c.Accepted {
				text += ": " + c.Message + " [NotAccepted]"
			}
			explained.Configurations = append(explained.Configurations, text)
		}
		if x.mine(r.Object) {
			out.Routes = append(out.Routes, explained)
		}
	}
	for i := range all {
		if concerned[i] {
			out.Listeners = append(out.Listeners, all[i])
		}
	}
	return out
}

func hosts(all []attachment.Hostname) string {
	var names []string
	for _, h := range all {
		names = append(names, h.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// invalid reports whether something of what is shown is not accepted.
func (g *Gateway) invalid() bool {
	return g.Problem != "" || slices.ContainsFunc(g.Listeners, func(l GatewayListener) bool { return l.Problem != "" }) ||
		slices.ContainsFunc(g.Routes, func(r GatewayRoute) bool {
			return slices.ContainsFunc(r.Parents, func(p GatewayParent) bool { return len(p.Problems) > 0 })
		})
}

func (g *Gateway) text(t *Page, focused bool) {
	if focused {
		t.Line("  %s", g.Name)
	}
	controller := " of controller " + g.Controller
	if g.Controller == "" {
		controller = ", which does not exist"
	}
	t.Line("  class %s%s; rule construction: %s", g.Class, controller, g.Construction)
	if g.Problem != "" {
		t.Line("  ✗ %s", g.Problem)
	}
	if len(g.Listeners) > 0 {
		t.Line("")
		t.Line("%s", t.Bold("Listeners that are declared"))
	}
	name, address := 0, 0
	for i := range g.Listeners {
		name, address = max(name, Width(g.Listeners[i].title())), max(address, Width(g.Listeners[i].address()))
	}
	for i := range g.Listeners {
		l := &g.Listeners[i]
		what := cmp.Or(strings.Join(l.Routes, ", "), "no routes")
		if l.Problem != "" {
			what = "✗ " + l.Problem
		}
		t.Line("  %s  %s  %s", Pad(l.title(), name), Pad(l.address(), address), what)
	}
	if len(g.Routes) > 0 {
		t.Line("")
		t.Line("%s", t.Bold("Routes"))
	}
	for _, r := range g.Routes {
		t.Line("  %s", r.Route)
		for _, p := range r.Parents {
			if len(p.Listeners) > 0 {
				t.Line("    ✓ %s attaches to %s", p.Field, strings.Join(p.Listeners, ", "))
			}
			for _, problem := range p.Problems {
				t.Line("    ✗ %s: %s", p.Field, problem)
			}
		}
		for _, c := range r.Configurations {
			t.Line("    %s", c)
		}
	}
}

// of is the Gateway's listener whose requests those for a host on a port are: the one with the most specific hostname.
// Empty if none is.
func (x *explainer) of(host string, port int32) string {
	if x.in.Gateway == nil {
		return ""
	}
	host = bare(host)
	best, length := "", -1
	for i := range x.in.Gateway.Listeners {
		l := &x.in.Gateway.Listeners[i]
		name := ""
		if l.Hostname != nil {
			name = string(*l.Hostname)
		}
		suffix, wildcard := strings.CutPrefix(name, "*")
		fits := name == "" || name == host || wildcard && strings.HasSuffix(host, suffix) && host != suffix
		if !wildcard && name != "" {
			suffix = "=" + name + "="
		}
		if !l.Serving || l.Port != port || !fits || len(suffix) <= length {
			continue
		}
		g := GatewayListener{Name: string(l.Name), Hostname: name}
		if l.Parent.Kind != "Gateway" {
			g.Set = l.Parent.Namespace + "/" + l.Parent.Name
		}
		best, length = g.title(), len(suffix)
		if name != "" {
			best += " (" + name + ")"
		}
	}
	return best
}

// declared is where a field of the properties of target groups is declared; empty if it is not.
func declared(ls configuration.Layers[configv1.TargetGroupProps], field string,
	has func(*configv1.TargetGroupProps) bool) string {
	for _, l := range ls {
		if has(l.Spec) {
			return l.Path + "." + field + " of " + l.Object.String()
		}
	}
	return ""
}

// properties are where the fields of a target group that explanations show are declared, by the names that these have.
var properties = map[string]struct {
	field string
	has   func(*configv1.TargetGroupProps) bool
}{
	"targets":  {"targetType", func(p *configv1.TargetGroupProps) bool { return p.TargetType != nil }},
	"protocol": {"protocol", func(p *configv1.TargetGroupProps) bool { return p.Protocol != nil }},
	"protocol version": {"protocolVersion", func(p *configv1.TargetGroupProps) bool {
		return p.ProtocolVersion != nil
	}},
	"health check protocol": {"healthCheckConfig.healthCheckProtocol",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckProtocol != nil })},
	"health check port": {"healthCheckConfig.healthCheckPort",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckPort != nil })},
	"health check path": {"healthCheckConfig.healthCheckPath",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckPath != nil })},
	"success codes": {"healthCheckConfig.matcher",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.Matcher != nil })},
	"health check interval": {"healthCheckConfig.healthCheckInterval",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckInterval != nil })},
	"health check timeout": {"healthCheckConfig.healthCheckTimeout",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckTimeout != nil })},
	"healthy after": {"healthCheckConfig.healthyThresholdCount",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthyThresholdCount != nil })},
	"unhealthy after": {"healthCheckConfig.unhealthyThresholdCount",
		check(func(c *configv1.HealthCheckConfiguration) bool { return c.UnhealthyThresholdCount != nil })},
}

func check(has func(*configv1.HealthCheckConfiguration) bool) func(*configv1.TargetGroupProps) bool {
	return func(p *configv1.TargetGroupProps) bool { return p.HealthCheckConfig != nil && has(p.HealthCheckConfig) }
}

// probed reports whether health checks come from readiness probes.
var probed = check(func(c *configv1.HealthCheckConfiguration) bool { return c.HealthCheckFrom != nil })

// configured sets the sources of the fields of a target group of a Gateway's route.
func (x *explainer) configured(id string, route diag.Object, fields []Field) {
	b, ok := x.binding(id)
	if !ok || x.in.Gateway == nil || x.in.Gateway.Properties == nil {
		return
	}
	layers := x.in.Gateway.Properties(route, stack.ID{Namespace: b.Namespace, Name: b.ServiceName})
	for i := range fields {
		f := &fields[i]
		from := ""
		if p, ok := properties[f.Name]; ok {
			if strings.HasPrefix(p.field, "healthCheckConfig.") { // it is taken from one configuration as a whole
				at := slices.IndexFunc(layers, func(l configuration.Layer[configv1.TargetGroupProps]) bool {
					return l.Spec.HealthCheckConfig != nil
				})
				if at >= 0 {
					from = cmp.Or(declared(layers[at:at+1], p.field, p.has),
						declared(layers[at:at+1], "healthCheckConfig.healthCheckFrom", probed))
				}
			} else {
				from = declared(layers, p.field, p.has)
			}
		}
		if from != "" {
			f.Source, f.Default = from, ""
		}
	}
}
