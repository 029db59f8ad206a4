package network

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// properties are those of a target group behind a port, with the defaults in which Services and Gateways differ written
// out.
func (b *balancer) properties(p port, g *intent.TargetGroup) configv1.TargetGroupProps {
	declared := func(k annotation.Key) (string, bool) {
		v, ok := p.of.service.Annotations[string(k)]
		return v, ok
	}
	out := configv1.TargetGroupProps{
		TargetGroupAttributes: migrate.AttributesOf(g.Attributes), Tags: tagsOf(g, p.of.origin),
		HealthCheckConfig: b.healthCheck(g, declared),
	}
	if p.protocol != tcpUDP && !p.quic { // target groups of these have the protocol of their listener
		out.Protocol = ptr.To(configv1.Protocol(g.Protocol))
	}
	// The controller's default is the same for Gateways.
	if _, ok := declared(annotation.ServiceTargetType); ok || p.of.service.Annotations[string(annotation.ServiceType)] ==
		"nlb-ip" {
		out.TargetType = ptr.To(configv1.TargetType(g.TargetType))
	}
	if len(g.NodeLabels) > 0 {
		out.NodeSelector = &metav1.LabelSelector{MatchLabels: g.NodeLabels}
	}
	if g.MultiCluster {
		out.EnableMultiCluster = ptr.To(true)
	}
	return out
}

// healthCheck is the health check of a target group. One that is made from readiness probes has written out only what
// annotations set.
func (b *balancer) healthCheck(g *intent.TargetGroup, declared func(annotation.Key) (string,
	bool)) *configv1.HealthCheckConfiguration {
	h := g.HealthCheck
	out := &configv1.HealthCheckConfiguration{}
	_, probed := declared(annotation.ServiceHealthCheck)
	if probed {
		out.HealthCheckFrom = ptr.To(configv1.FromReadinessProbe)
	}
	wanted := func(k annotation.Key) bool { _, ok := declared(k); return ok || !probed }
	if wanted(annotation.ServiceHCProtocol) {
		out.HealthCheckProtocol = ptr.To(configv1.HealthCheckProtocol(h.Protocol))
	}
	if h.Path != "" && wanted(annotation.ServiceHCPath) {
		out.HealthCheckPath = &h.Path
	}
	if h.Matcher != "" && wanted(annotation.ServiceHCSuccessCodes) {
		out.Matcher = &configv1.HealthCheckMatcher{HTTPCode: &h.Matcher}
	}
	for _, n := range []struct {
		k     annotation.Key
		value int32
		to    **int32
	}{
		{annotation.ServiceHCInterval, h.IntervalSeconds, &out.HealthCheckInterval},
		{annotation.ServiceHCTimeout, h.TimeoutSeconds, &out.HealthCheckTimeout},
		{annotation.ServiceHCHealthy, h.HealthyThreshold, &out.HealthyThresholdCount}, {annotation.ServiceHCUnhealthy,
			h.UnhealthyThreshold, &out.UnhealthyThresholdCount},
	} {
		if wanted(n.k) {
			*n.to = ptr.To(n.value)
		}
	}
	if written, ok := declared(annotation.ServiceHCPort); ok { // as it is written: the intent has the node port of a name
		out.HealthCheckPort = &written
	} else if !probed && !b.onHealthCheckNodePort(g) {
		out.HealthCheckPort = ptr.To(stack.TrafficPort) // without it, UDP is checked on a TCP port of the Service
	}
	return out
}

// onHealthCheckNodePort reports whether nodes are checked on the health check node port of a Service, which a Gateway
// finds by itself.
func (b *balancer) onHealthCheckNodePort(g *intent.TargetGroup) bool {
	svc, ok := b.view.Service(g.ServiceNamespace, g.ServiceName)
	return ok && g.TargetType == stack.TargetInstance && svc.Spec.ExternalTrafficPolicy ==
		corev1.ServiceExternalTrafficPolicyLocal
}
