// Package configuration finds the value of each field of LoadBalancerConfigurations and TargetGroupConfigurations if
// several apply, and where it was declared. It is pure, and does not know what a value means.
package configuration

import (
	"maps"
	"slices"

	gatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Layer is one object's part of a configuration.
type Layer[T any] struct {
	Object diag.Object
	Path   string // of Spec in the object, such as "spec"
	Spec   *T
}

// Layers are parts that apply to one load balancer or target group, the one that has precedence first.
type Layers[T any] []Layer[T]

// Value returns a field of the first part that has it.
func Value[T, V any](ls Layers[T], field string, read func(*T) *V) intent.Field[V] {
	for _, l := range ls {
		if v := read(l.Spec); v != nil {
			return intent.Of(*v, l.source(field))
		}
	}
	return intent.Field[V]{}
}

// List returns a list of the first part that has one with items. Lists are not joined.
func List[T, V any](ls Layers[T], field string, read func(*T) []V) intent.Field[[]V] {
	for _, l := range ls {
		if v := read(l.Spec); len(v) > 0 {
			return intent.Of(v, l.source(field))
		}
	}
	return intent.Field[[]V]{}
}

// Map joins the maps of all parts by key.
func Map[T any](ls Layers[T], field string, read func(*T) map[string]string) map[string]intent.Field[string] {
	out := map[string]intent.Field[string]{}
	for _, l := range slices.Backward(ls) {
		for k, v := range read(l.Spec) {
			out[k] = intent.Of(v, l.source(field+"["+k+"]"))
		}
	}
	return out
}

// Attributes joins the lists of attributes of all parts by key. Of one key twice in a list, the later one holds.
func Attributes[T any](ls Layers[T], field string,
	read func(*T) []gatewayv1.Attribute) map[string]intent.Field[string] {
	return Map(ls, field, func(spec *T) map[string]string {
		out := map[string]string{}
		for _, a := range read(spec) {
			out[a.Key] = a.Value
		}
		return out
	})
}

func (l Layer[T]) source(field string) intent.Source {
	return intent.At(l.Object, l.Path+"."+field)
}

// LoadBalancer has the configurations of a load balancer: the GatewayClass's and the Gateway's, each of which may be
// nil. The GatewayClass's takes precedence unless its mergingMode is prefer-gateway.
func LoadBalancer(class, gateway *gatewayv1.LoadBalancerConfiguration) Layers[gatewayv1.LoadBalancerConfigurationSpec] {
	var out Layers[gatewayv1.LoadBalancerConfigurationSpec]
	for _, c := range []*gatewayv1.LoadBalancerConfiguration{class, gateway} {
		if c != nil {
			out = append(out, Layer[gatewayv1.LoadBalancerConfigurationSpec]{Object(c), "spec", &c.Spec})
		}
	}
	if PrefersGateway(class) {
		slices.Reverse(out)
	}
	return out
}

// Object returns where values of a configuration are declared.
func Object(c *gatewayv1.LoadBalancerConfiguration) diag.Object {
	return diag.Object{Kind: "LoadBalancerConfiguration", Namespace: c.Namespace, Name: c.Name}
}

// PrefersGateway reports whether the configuration of a Gateway takes precedence over that of its class.
func PrefersGateway(class *gatewayv1.LoadBalancerConfiguration) bool {
	return class != nil && class.Spec.MergingMode != nil && *class.Spec.MergingMode == gatewayv1.PreferGateway
}

// Listeners returns the listener configurations by protocolPort, each of the part that has precedence, with where it
// stands. Of one protocolPort twice in a configuration, the later one holds.
func Listeners(
	ls Layers[gatewayv1.LoadBalancerConfigurationSpec]) map[gatewayv1.ProtocolPort]Layer[gatewayv1.ListenerConfiguration] {
	out := map[gatewayv1.ProtocolPort]Layer[gatewayv1.ListenerConfiguration]{}
	for _, l := range slices.Backward(ls) {
		for i := range l.Spec.ListenerConfigurations {
			c := &l.Spec.ListenerConfigurations[i]
			out[c.ProtocolPort] = Layer[gatewayv1.ListenerConfiguration]{l.Object, l.Path + ".listenerConfigurations[" +
				string(c.ProtocolPort) + "]", c}
		}
	}
	return out
}

// Route is the route whose target groups are configured.
type Route struct{ Kind, Namespace, Name string }

// Defaults are the TargetGroupConfigurations that the LoadBalancerConfigurations of a GatewayClass and of a Gateway
// name; each may be nil.
type Defaults struct {
	Class, Gateway *gatewayv1.TargetGroupConfiguration
	PreferGateway  bool // mergingMode of the GatewayClass's LoadBalancerConfiguration
}

// TargetGroup returns the properties of a target group of a route: those of the backend's own TargetGroupConfiguration,
// which may be nil, before the defaults. Of two defaults, the routeConfigurations of the one without precedence have no
// effect.
func TargetGroup(own *gatewayv1.TargetGroupConfiguration, d Defaults, r Route) Layers[gatewayv1.TargetGroupProps] {
	first, second := d.ordered()
	out := ofRoute(own, r)
	if first == nil {
		return append(out, ofRoute(second, r)...)
	}
	out = append(out, ofRoute(first, r)...)
	if second != nil {
		out = append(out, layerOf(second, "spec.defaultConfiguration", &second.Spec.DefaultConfiguration))
	}
	return out
}

// ordered are the defaults, the one with precedence first.
func (d Defaults) ordered() (first, second *gatewayv1.TargetGroupConfiguration) {
	if d.PreferGateway || d.Class == nil {
		return d.Gateway, d.Class
	}
	return d.Class, d.Gateway
}

// Identifying returns the configurations whose routeConfigurations have an effect on target groups.
func Identifying(own *gatewayv1.TargetGroupConfiguration, d Defaults) (out []*gatewayv1.TargetGroupConfiguration) {
	first, _ := d.ordered()
	for _, c := range []*gatewayv1.TargetGroupConfiguration{own, first} {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

func layerOf(c *gatewayv1.TargetGroupConfiguration, path string,
	p *gatewayv1.TargetGroupProps) Layer[gatewayv1.TargetGroupProps] {
	return Layer[gatewayv1.TargetGroupProps]{diag.Object{Kind: "TargetGroupConfiguration", Namespace: c.Namespace,
		Name: c.Name}, path, p}
}

// ofRoute is the routeConfiguration that fits a route best, and the default of the same object.
func ofRoute(c *gatewayv1.TargetGroupConfiguration, r Route) Layers[gatewayv1.TargetGroupProps] {
	if c == nil {
		return nil
	}
	var out Layers[gatewayv1.TargetGroupProps]
	best, rank := -1, 0
	for i := range c.Spec.RouteConfigurations {
		if n := Fit(c.Spec.RouteConfigurations[i].RouteIdentifier, r); n > rank {
			best, rank = i, n
		}
	}
	if best >= 0 {
		id := c.Spec.RouteConfigurations[best].RouteIdentifier
		path := "spec.routeConfigurations[" + id.Kind + " " + id.Namespace + "/" + id.Name + "].targetGroupProps"
		out = append(out, layerOf(c, path, &c.Spec.RouteConfigurations[best].TargetGroupProps))
	}
	return append(out, layerOf(c, "spec.defaultConfiguration", &c.Spec.DefaultConfiguration))
}

// Fit returns how well an identifier fits a route: 3 the route itself, 2 its kind and namespace, 1 its kind, 0 not at
// all.
func Fit(id gatewayv1.RouteIdentifier, r Route) int {
	switch {
	case id.Kind != r.Kind:
		return 0
	case id.Name != "":
		if id.Namespace == r.Namespace && id.Name == r.Name {
			return 3
		}
		return 0
	case id.Namespace == r.Namespace:
		return 2
	case id.Namespace == "":
		return 1
	}
	return 0
}

// Unmatched returns the protocolPorts of listener configurations that no listener has, sorted.
func Unmatched(configured map[gatewayv1.ProtocolPort]Layer[gatewayv1.ListenerConfiguration],
	listeners []gatewayv1.ProtocolPort) []gatewayv1.ProtocolPort {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(configured)), func(p gatewayv1.ProtocolPort) bool {
		return slices.Contains(listeners, p)
	})
}
