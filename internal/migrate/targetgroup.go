package migrate

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// service is a Service by its name.
type service struct{ namespace, name string }

// targetGroups are the properties of the target groups of a Service.
type targetGroups struct {
	routes []string // by namespace and name of the HTTPRoute, in the order of the rules
	of     map[string]configv1.TargetGroupProps
	names  map[string]configv1.RouteIdentifier
}

// noteTargetGroup records the properties that the target group of a backend has.
func (b *balancer) noteTargetGroup(u *unit, route string, g *intent.TargetGroup) {
	k := service{g.ServiceNamespace, g.ServiceName}
	s := b.configurations[k]
	if s == nil {
		s = &targetGroups{of: map[string]configv1.TargetGroupProps{}, names: map[string]configv1.RouteIdentifier{}}
		b.configurations[k] = s
	}
	props := b.properties(u, g)
	at := u.member.ingress.Namespace + "/" + route
	have, ok := s.of[at]
	switch {
	case !ok:
		s.routes = append(s.routes, at)
		s.of[at] = props
		s.names[at] = configv1.RouteIdentifier{Kind: "HTTPRoute", Namespace: u.member.ingress.Namespace, Name: route}
	case !equality.Semantic.DeepEqual(have, props):
		b.fail(u, "the ports of Service "+g.ServiceName+" have different settings, and a route has one for all ports of a Service", "put the paths of one port into an Ingress of their own, or make a Service for each port")
	}
}

// properties are those of a target group, with the defaults in which Ingresses and Gateways differ written out.
func (b *balancer) properties(u *unit, g *intent.TargetGroup) configv1.TargetGroupProps {
	h := g.HealthCheck
	p := configv1.TargetGroupProps{
		Protocol: ptr.To(configv1.Protocol(g.Protocol)), ProtocolVersion: ptr.To(configv1.ProtocolVersion(g.ProtocolVersion)),
		TargetGroupAttributes: attributesOf(g.Attributes), Tags: withOrigin(g.Tags, u.member.origin),
		HealthCheckConfig: &configv1.HealthCheckConfiguration{
			HealthCheckProtocol: ptr.To(configv1.HealthCheckProtocol(h.Protocol)), HealthCheckPath: &h.Path, HealthCheckInterval: &h.IntervalSeconds,
			HealthCheckTimeout: &h.TimeoutSeconds, HealthyThresholdCount: &h.HealthyThreshold, UnhealthyThresholdCount: &h.UnhealthyThreshold,
			Matcher: &configv1.HealthCheckMatcher{HTTPCode: &h.Matcher},
		},
	}
	if g.ProtocolVersion == "GRPC" {
		p.HealthCheckConfig.Matcher = &configv1.HealthCheckMatcher{GRPCCode: &h.Matcher}
	}
	if _, ok := b.declared(u, g, annotation.HealthCheck); ok {
		b.fromProbe(u, g, p.HealthCheckConfig)
	}
	if port, ok := b.declared(u, g, annotation.HealthCheckPort); ok { // as it is written: the intent has the node port of a name
		p.HealthCheckConfig.HealthCheckPort = &port
	}
	if b.declaresTargetType(u, g) {
		p.TargetType = ptr.To(configv1.TargetType(g.TargetType))
	}
	if len(g.NodeLabels) > 0 {
		p.NodeSelector = &metav1.LabelSelector{MatchLabels: g.NodeLabels}
	}
	if g.MultiCluster {
		p.EnableMultiCluster = ptr.To(true)
	}
	if g.ControlPort > 0 {
		p.TargetControlPort = &g.ControlPort
	}
	return p
}

// fromProbe has a health check made from readiness probes, as that of the Ingress is, but for what annotations set.
func (b *balancer) fromProbe(u *unit, g *intent.TargetGroup, c *configv1.HealthCheckConfiguration) {
	c.HealthCheckFrom = ptr.To(configv1.FromReadinessProbe)
	unset := func(k annotation.Key) bool { _, ok := b.declared(u, g, k); return !ok }
	if unset(annotation.HealthCheckProtocol) {
		c.HealthCheckProtocol = nil
	}
	if unset(annotation.HealthCheckPath) {
		c.HealthCheckPath = nil
	}
	if unset(annotation.SuccessCodes) {
		c.Matcher = nil
	}
	for k, n := range map[annotation.Key]**int32{
		annotation.HealthCheckInterval: &c.HealthCheckInterval, annotation.HealthCheckTimeout: &c.HealthCheckTimeout,
		annotation.HealthyThreshold: &c.HealthyThresholdCount, annotation.UnhealthyThreshold: &c.UnhealthyThresholdCount,
	} {
		if unset(k) {
			*n = nil
		}
	}
}

// declared is the value of an annotation for a target group: the Service's, else the Ingress's.
func (b *balancer) declared(u *unit, g *intent.TargetGroup, k annotation.Key) (value string, ok bool) {
	if svc, found := b.view.Service(g.ServiceNamespace, g.ServiceName); found {
		if value, ok = svc.Annotations[string(k)]; ok {
			return value, true
		}
	}
	value, ok = u.member.ingress.Annotations[string(k)]
	return value, ok
}

// declaresTargetType reports whether the type of a target group is not the controller's default, which is the same for Gateways.
func (b *balancer) declaresTargetType(u *unit, g *intent.TargetGroup) bool {
	if _, ok := b.declared(u, g, annotation.TargetType); ok {
		return true
	}
	ref := u.member.ingress.Spec.IngressClassName
	if ref == nil {
		return false
	}
	c, ok := b.view.IngressClass(*ref)
	if !ok || c.Spec.Parameters == nil {
		return false
	}
	params, ok := b.view.IngressClassParams(c.Spec.Parameters.Name)
	return ok && params.Spec.TargetType != ""
}

// targetGroupConfigurations adds one TargetGroupConfiguration for each Service.
func (t *translator) targetGroupConfigurations() {
	keys := slices.SortedFunc(maps.Keys(t.configurations), func(a, b service) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	for _, k := range keys {
		s := t.configurations[k]
		c := &configv1.TargetGroupConfiguration{
			TypeMeta:   metav1.TypeMeta{APIVersion: configv1.GroupVersion.String(), Kind: "TargetGroupConfiguration"},
			ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name(k.namespace, k.name, "tg-config")},
			Spec:       configv1.TargetGroupConfigurationSpec{TargetReference: &configv1.TargetReference{Name: k.name}},
		}
		slices.Sort(s.routes)
		first := s.of[s.routes[0]]
		if !slices.ContainsFunc(s.routes, func(r string) bool { return !equality.Semantic.DeepEqual(s.of[r], first) }) {
			c.Spec.DefaultConfiguration = first
		} else {
			for _, r := range s.routes {
				c.Spec.RouteConfigurations = append(c.Spec.RouteConfigurations, configv1.RouteConfiguration{RouteIdentifier: s.names[r], TargetGroupProps: s.of[r]})
			}
		}
		t.add(c)
	}
}
