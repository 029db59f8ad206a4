package ingress

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const grpc = "GRPC"

// healthCheck is that of a target group: annotations of the Service over those of the Ingress over defaults.
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

// healthCheckPort resolves a number, traffic-port or the name of a Service port.
func healthCheckPort(read annotation.Reader, svc *corev1.Service, targetType string) string {
	f := read.String(annotation.HealthCheckPort)
	if !f.Set || f.Value == stack.TrafficPort {
		return stack.TrafficPort
	}
	if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil {
		if n < 1 || n > 65535 {
			read.Invalid(annotation.HealthCheckPort, fmt.Sprintf("health check port must be within [1, 65535]: %d", n), "")
		}
		return f.Value
	}
	port, ok := findPort(svc, f.Value)
	switch {
	case !ok:
		read.Invalid(annotation.HealthCheckPort, fmt.Sprintf("failed to resolve healthCheckPort: unable to find port %s on service %s/%s, which has %s",
			f.Value, svc.Namespace, svc.Name, describePorts(svc)), "write a number, traffic-port, or the name of a port of the Service")
		return stack.TrafficPort
	case targetType == stack.TargetInstance && port.NodePort == 0:
		read.Invalid(annotation.HealthCheckPort, fmt.Sprintf("failed to resolve healthCheckPort: port %s of service %s/%s has no node port", f.Value, svc.Namespace, svc.Name),
			"write a number or traffic-port")
		return stack.TrafficPort
	case targetType == stack.TargetIP && port.TargetPort.Type == intstr.String:
		read.Invalid(annotation.HealthCheckPort, "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
			"write the number of the port, or give the Service a numeric targetPort")
		return stack.TrafficPort
	}
	_, target := targetPort(port, targetType)
	return target
}
