package ingress

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/probe"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const grpc = "GRPC"

// speaksGRPC says why success codes are those of gRPC; empty if they are not.
func speaksGRPC(read annotation.Reader, g *intent.TargetGroup) string {
	if g.ProtocolVersion != "GRPC" {
		return ""
	}
	_, source, _ := read.Raw(annotation.BackendProtocolVersion)
	return fmt.Sprintf(", because the target group of Service %s/%s speaks gRPC (%s of %s), whose status codes these are",
		g.ServiceNamespace, g.ServiceName, annotation.BackendProtocolVersion, source.Object())
}

// healthCheck is the health check of a target group, from annotations of the Service, of the Ingress, the readiness
// probe of its pods if one of both asks for it, and defaults, in this order.
func (t *translation) healthCheck(read annotation.Reader, svc *corev1.Service, port corev1.ServicePort,
	g *intent.TargetGroup) stack.HealthCheck {
	d := stack.HealthCheck{
		Protocol: g.Protocol, Port: stack.TrafficPort, Path: "/", Matcher: "200", IntervalSeconds: 15, TimeoutSeconds: 5,
		HealthyThreshold: 2, UnhealthyThreshold: 2,
	}
	low, high := 200, 499
	if g.ProtocolVersion == grpc {
		d.Path, d.Matcher = "/AWS.ALB/healthcheck", "12"
		low, high = 0, 99
	}
	of := probe.Group{Service: svc, Port: port, TargetType: g.TargetType, ProtocolVersion: g.ProtocolVersion}
	d = of.Annotated(read, annotation.HealthCheck, t.view, d)
	h := stack.HealthCheck{
		Protocol:           read.String(annotation.HealthCheckProtocol).Or(d.Protocol),
		Port:               of.AnnotatedPort(read, annotation.HealthCheckPort, d.Port),
		Path:               read.String(annotation.HealthCheckPath).Or(d.Path),
		Matcher:            read.String(annotation.SuccessCodes).Or(d.Matcher),
		IntervalSeconds:    read.Int32(annotation.HealthCheckInterval).Or(d.IntervalSeconds),
		TimeoutSeconds:     read.Int32(annotation.HealthCheckTimeout).Or(d.TimeoutSeconds),
		HealthyThreshold:   read.Int32(annotation.HealthyThreshold).Or(d.HealthyThreshold),
		UnhealthyThreshold: read.Int32(annotation.UnhealthyThreshold).Or(d.UnhealthyThreshold),
	}
	if h.Path != "" && !annotation.ValidHealthCheckPath(h.Path) {
		remedy := ""
		if g.ProtocolVersion == grpc {
			remedy = "write a method such as /grpc.health.v1.Health/Check"
		}
		read.Invalid(annotation.HealthCheckPath, fmt.Sprintf("health check path must start with a slash and have at most "+
			"1024 characters: %q", h.Path), remedy)
	}
	if h.Matcher != "" && !annotation.ValidCodes(h.Matcher, low, high) {
		read.Invalid(annotation.SuccessCodes, fmt.Sprintf("success codes must be values, lists or ranges from %d to %d: %q%s",
			low, high, h.Matcher, speaksGRPC(read, g)),
			fmt.Sprintf("write codes such as %s or %d-%d", cmp.Or(d.Matcher, "200"), low, high))
	}
	if h.TimeoutSeconds >= h.IntervalSeconds && h.IntervalSeconds > 0 {
		k := annotation.HealthCheckInterval
		if _, _, ok := read.Raw(annotation.HealthCheckTimeout); ok {
			k = annotation.HealthCheckTimeout
		}
		read.Invalid(k, fmt.Sprintf("health check timeout '%d' must be smaller than the interval '%d'", h.TimeoutSeconds,
			h.IntervalSeconds),
			"lower the timeout, or raise the interval")
	}
	return h
}
