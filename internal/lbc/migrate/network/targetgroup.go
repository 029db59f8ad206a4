package network

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// checkKeys are the annotations of Services.
var checkKeys = migrate.CheckKeys{
	FromProbe: annotation.ServiceHealthCheck, Protocol: annotation.ServiceHCProtocol, Port: annotation.ServiceHCPort,
	Path: annotation.ServiceHCPath, SuccessCodes: annotation.ServiceHCSuccessCodes,
	Interval: annotation.ServiceHCInterval, Timeout: annotation.ServiceHCTimeout, Healthy: annotation.ServiceHCHealthy,
	Unhealthy: annotation.ServiceHCUnhealthy,
}

// properties are those of a target group behind a port.
func (b *balancer) properties(p port, g *intent.TargetGroup) configv1.TargetGroupProps {
	declared := func(k annotation.Key) (string, bool) {
		v, ok := p.of.service.Annotations[string(k)]
		return v, ok
	}
	out := migrate.Properties(g, p.of.Origin, checkKeys, declared)
	c := out.HealthCheckConfig
	if c.HealthCheckPort == nil && c.HealthCheckFrom == nil && !b.onHealthCheckNodePort(g) {
		c.HealthCheckPort = ptr.To(stack.TrafficPort) // without it, UDP is checked on a TCP port of the Service
	}
	if g.HealthCheck.Path == "" { // a TCP check
		c.HealthCheckPath = nil
	}
	if g.HealthCheck.Matcher == "" {
		c.Matcher = nil
	}
	if p.protocol != tcpUDP && !p.quic { // target groups of these have the protocol of their listener
		out.Protocol = ptr.To(configv1.Protocol(g.Protocol))
	}
	// The controller's default is the same for Gateways.
	if _, ok := declared(annotation.ServiceTargetType); ok || p.of.service.Annotations[string(annotation.ServiceType)] ==
		"nlb-ip" {
		out.TargetType = ptr.To(configv1.TargetType(g.TargetType))
	}
	return out
}

// onHealthCheckNodePort reports whether nodes are checked on the health check node port of a Service, which a Gateway
// finds by itself.
func (b *balancer) onHealthCheckNodePort(g *intent.TargetGroup) bool {
	svc, ok := b.View.Service(g.ServiceNamespace, g.ServiceName)
	return ok && g.TargetType == stack.TargetInstance && svc.Spec.ExternalTrafficPolicy ==
		corev1.ServiceExternalTrafficPolicyLocal
}
