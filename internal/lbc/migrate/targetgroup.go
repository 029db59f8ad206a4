package migrate

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// noteTargetGroup records the properties that the target group of a backend has.
func (b *balancer) noteTargetGroup(u *unit, route string, g *intent.TargetGroup) {
	of := configv1.RouteIdentifier{Kind: "HTTPRoute", Namespace: u.member.ingress.Namespace, Name: route}
	if !b.configurations.Note(g.ServiceNamespace, g.ServiceName, of, b.properties(u, g)) {
		b.fail(u, "the ports of Service "+g.ServiceName+" have different settings, and a route has one for all "+
			"ports of a Service", "put the paths of one port into an Ingress of their own, or make a Service for each port")
	}
}

// properties are those of a target group, with the defaults in which Ingresses and Gateways differ written out.
func (b *balancer) properties(u *unit, g *intent.TargetGroup) configv1.TargetGroupProps {
	h := g.HealthCheck
	p := configv1.TargetGroupProps{
		Protocol: ptr.To(configv1.Protocol(g.Protocol)), ProtocolVersion: ptr.To(configv1.ProtocolVersion(g.ProtocolVersion)),
		TargetGroupAttributes: AttributesOf(g.Attributes), Tags: withOrigin(g.Tags, u.member.origin),
		HealthCheckConfig: &configv1.HealthCheckConfiguration{
			HealthCheckProtocol: ptr.To(configv1.HealthCheckProtocol(h.Protocol)), HealthCheckPath: &h.Path,
			HealthCheckInterval: &h.IntervalSeconds,
			HealthCheckTimeout:  &h.TimeoutSeconds, HealthyThresholdCount: &h.HealthyThreshold,
			UnhealthyThresholdCount: &h.UnhealthyThreshold,
			Matcher:                 &configv1.HealthCheckMatcher{HTTPCode: &h.Matcher},
		},
	}
	if g.ProtocolVersion == "GRPC" {
		p.HealthCheckConfig.Matcher = &configv1.HealthCheckMatcher{GRPCCode: &h.Matcher}
	}
	if _, ok := b.declared(u, g, annotation.HealthCheck); ok {
		b.fromProbe(u, g, p.HealthCheckConfig)
	}
	// as it is written: the intent has the node port of a name
	if port, ok := b.declared(u, g, annotation.HealthCheckPort); ok {
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

// declaresTargetType reports whether the type of a target group is not the controller's default, which is the same for
// Gateways.
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
