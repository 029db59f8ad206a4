package migrate

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// service is a Service by its name.
type service struct{ namespace, name string }

// targetGroups are the properties of the target groups of a Service.
type targetGroups struct {
	routes []string // by namespace and name of the route, in the order of the rules
	of     map[string]configv1.TargetGroupProps
	names  map[string]configv1.RouteIdentifier
}

// Configurations builds the TargetGroupConfigurations of Services.
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

// Objects returns one TargetGroupConfiguration for each Service, sorted by namespace and name of the Service.
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

// CheckKeys are the annotations that set a health check.
type CheckKeys struct {
	FromProbe, Protocol, Port, Path, SuccessCodes, Interval, Timeout, Healthy, Unhealthy annotation.Key
}

// Properties returns the properties of a target group, with the defaults in which its objects and Gateways differ
// written out. Of a health check from readiness probes, only what annotations set is written out. declared is the value
// of an annotation for the target group.
func Properties(g *intent.TargetGroup, origin string, keys CheckKeys,
	declared func(annotation.Key) (string, bool)) configv1.TargetGroupProps {
	h, c := g.HealthCheck, &configv1.HealthCheckConfiguration{}
	_, probed := declared(keys.FromProbe)
	if probed {
		c.HealthCheckFrom = ptr.To(configv1.FromReadinessProbe)
	}
	wanted := func(k annotation.Key) bool { _, ok := declared(k); return ok || !probed }
	if wanted(keys.Protocol) {
		c.HealthCheckProtocol = ptr.To(configv1.HealthCheckProtocol(h.Protocol))
	}
	if wanted(keys.Path) {
		c.HealthCheckPath = &h.Path
	}
	if wanted(keys.SuccessCodes) {
		c.Matcher = &configv1.HealthCheckMatcher{HTTPCode: &h.Matcher}
		if g.ProtocolVersion == "GRPC" {
			c.Matcher = &configv1.HealthCheckMatcher{GRPCCode: &h.Matcher}
		}
	}
	for _, n := range []struct {
		k     annotation.Key
		value int32
		to    **int32
	}{
		{keys.Interval, h.IntervalSeconds, &c.HealthCheckInterval},
		{keys.Timeout, h.TimeoutSeconds, &c.HealthCheckTimeout},
		{keys.Healthy, h.HealthyThreshold, &c.HealthyThresholdCount},
		{keys.Unhealthy, h.UnhealthyThreshold, &c.UnhealthyThresholdCount},
	} {
		if wanted(n.k) {
			*n.to = ptr.To(n.value)
		}
	}
	if written, ok := declared(keys.Port); ok { // as it is written: the intent has the node port of a name
		c.HealthCheckPort = &written
	}
	p := configv1.TargetGroupProps{TargetGroupAttributes: AttributesOf(g.Attributes), Tags: WithOrigin(g.Tags, origin),
		HealthCheckConfig: c}
	if len(g.NodeLabels) > 0 {
		p.NodeSelector = &metav1.LabelSelector{MatchLabels: g.NodeLabels}
	}
	if g.MultiCluster {
		p.EnableMultiCluster = ptr.To(true)
	}
	return p
}
