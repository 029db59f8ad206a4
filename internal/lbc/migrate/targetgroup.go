package migrate

import (
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// noteTargetGroup records the properties that the target group of a backend has.
func (b *balancer) noteTargetGroup(u *unit, route string, g *intent.TargetGroup) {
	of := configv1.RouteIdentifier{Kind: "HTTPRoute", Namespace: u.member.ingress.Namespace, Name: route}
	if !b.Configurations.Note(g.ServiceNamespace, g.ServiceName, of, b.properties(u, g)) {
		b.fail(u, "the ports of Service "+g.ServiceName+" have different settings, and a route has one for all "+
			"ports of a Service", "put the paths of one port into an Ingress of their own, or make a Service for each port")
	}
}

// checkKeys are the annotations of Ingresses, and of Services behind them.
var checkKeys = CheckKeys{
	FromProbe: annotation.HealthCheck, Protocol: annotation.HealthCheckProtocol, Port: annotation.HealthCheckPort,
	Path: annotation.HealthCheckPath, SuccessCodes: annotation.SuccessCodes, Interval: annotation.HealthCheckInterval,
	Timeout: annotation.HealthCheckTimeout, Healthy: annotation.HealthyThreshold,
	Unhealthy: annotation.UnhealthyThreshold,
}

// properties are those of a target group behind an Ingress.
func (b *balancer) properties(u *unit, g *intent.TargetGroup) configv1.TargetGroupProps {
	p := Properties(g, u.member.Origin, checkKeys, func(k annotation.Key) (string, bool) { return b.declared(u, g, k) })
	p.Protocol = ptr.To(configv1.Protocol(g.Protocol))
	p.ProtocolVersion = ptr.To(configv1.ProtocolVersion(g.ProtocolVersion))
	if b.declaresTargetType(u, g) {
		p.TargetType = ptr.To(configv1.TargetType(g.TargetType))
	}
	if g.ControlPort > 0 {
		p.TargetControlPort = &g.ControlPort
	}
	return p
}

// declared is the value of an annotation for a target group: the Service's, else the Ingress's.
func (b *balancer) declared(u *unit, g *intent.TargetGroup, k annotation.Key) (value string, ok bool) {
	if svc, found := b.View.Service(g.ServiceNamespace, g.ServiceName); found {
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
	c, ok := b.View.IngressClass(*ref)
	if !ok || c.Spec.Parameters == nil {
		return false
	}
	params, ok := b.View.IngressClassParams(c.Spec.Parameters.Name)
	return ok && params.Spec.TargetType != ""
}
