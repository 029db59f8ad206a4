package migrate

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// service is a Service by its name.
type service struct{ namespace, name string }

// targetGroups are the properties of the target groups of a Service.
type targetGroups struct {
	routes []string // by namespace and name of the route, in the order of the rules
	of     map[string]configv1.TargetGroupProps
	names  map[string]configv1.RouteIdentifier
}

// Configurations are the TargetGroupConfigurations of Services in the making.
type Configurations map[service]*targetGroups

// Note records the properties of the target group that a route has of a Service. agrees is false if the route has
// another one of the Service with other properties, which count: a route has the same for all ports of a Service.
func (c Configurations) Note(namespace, name string, route configv1.RouteIdentifier, p configv1.TargetGroupProps) (
	agrees bool) {
	k := service{namespace, name}
	s := c[k]
	if s == nil {
		s = &targetGroups{of: map[string]configv1.TargetGroupProps{}, names: map[string]configv1.RouteIdentifier{}}
		c[k] = s
	}
	at := route.Namespace + "/" + route.Name
	have, ok := s.of[at]
	if ok {
		return equality.Semantic.DeepEqual(have, p)
	}
	s.routes = append(s.routes, at)
	s.of[at], s.names[at] = p, route
	return true
}

// Objects are one TargetGroupConfiguration for each Service, sorted by namespace and name of the Service.
func (c Configurations) Objects() (out []metav1.Object) {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b service) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	for _, k := range keys {
		s := c[k]
		o := &configv1.TargetGroupConfiguration{
			TypeMeta:   metav1.TypeMeta{APIVersion: configv1.GroupVersion.String(), Kind: "TargetGroupConfiguration"},
			ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: Name(k.namespace, k.name, "tg-config")},
			Spec:       configv1.TargetGroupConfigurationSpec{TargetReference: &configv1.TargetReference{Name: k.name}},
		}
		slices.Sort(s.routes)
		first := s.of[s.routes[0]]
		if !slices.ContainsFunc(s.routes, func(r string) bool { return !equality.Semantic.DeepEqual(s.of[r], first) }) {
			o.Spec.DefaultConfiguration = first
		} else {
			for _, r := range s.routes {
				o.Spec.RouteConfigurations = append(o.Spec.RouteConfigurations, configv1.RouteConfiguration{
					RouteIdentifier: s.names[r], TargetGroupProps: s.of[r]})
			}
		}
		out = append(out, o)
	}
	return out
}
