package ingress

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const grpc = "GRPC"

// healthCheck is the health check of a target group, from annotations of the Service, of the Ingress, and defaults, in this order.
func (t *translation) healthCheck(read annotation.Reader, svc *corev1.Service, g *intent.TargetGroup) stack.HealthCheck {
	path, matcher := "/", "200"
	low, high := 200, 499
	if g.ProtocolVersion == grpc {
		path, matcher = "/AWS.ALB/healthcheck", "12"
		low, high = 0, 99
	}
	h := stack.HealthCheck{
		Protocol:           read.String(annotation.HealthCheckProtocol).Or(g.Protocol),
		Port:               healthCheckPort(read, svc, g.TargetType),
		Path:               read.String(annotation.HealthCheckPath).Or(path),
		Matcher:            read.String(annotation.SuccessCodes).Or(matcher),
		IntervalSeconds:    read.Int32(annotation.HealthCheckInterval).Or(15),
		TimeoutSeconds:     read.Int32(annotation.HealthCheckTimeout).Or(5),
		HealthyThreshold:   read.Int32(annotation.HealthyThreshold).Or(2),
		UnhealthyThreshold: read.Int32(annotation.UnhealthyThreshold).Or(2),
	}
	if !annotation.ValidHealthCheckPath(h.Path) {
		read.Invalid(annotation.HealthCheckPath, fmt.Sprintf("health check path must start with a slash and have at most 1024 characters: %q", h.Path), "")
	}
	if !annotation.ValidCodes(h.Matcher, low, high) {
		read.Invalid(annotation.SuccessCodes, fmt.Sprintf("success codes must be values, lists or ranges from %d to %d: %q", low, high, h.Matcher),
			fmt.Sprintf("write codes such as %s or %d-%d", matcher, low, high))
	}
	if h.TimeoutSeconds >= h.IntervalSeconds {
		k := annotation.HealthCheckInterval
		if _, _, ok := read.Raw(annotation.HealthCheckTimeout); ok {
			k = annotation.HealthCheckTimeout
		}
		read.Invalid(k, fmt.Sprintf("health check timeout '%d' must be smaller than the interval '%d'", h.TimeoutSeconds, h.IntervalSeconds),
			"lower the timeout, or raise the interval")
	}
	return h
}

// healthCheckPort is the port of the annotation if it is valid, else the traffic port.
func healthCheckPort(read annotation.Reader, svc *corev1.Service, targetType string) string {
	f := read.String(annotation.HealthCheckPort)
	if !f.Set {
		return stack.TrafficPort
	}
	port, problem, remedy := serviceport.HealthCheck(svc, f.Value, targetType)
	if problem != "" {
		read.Invalid(annotation.HealthCheckPort, problem, remedy)
		return stack.TrafficPort
	}
	return port
}
