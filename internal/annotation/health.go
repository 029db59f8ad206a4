package annotation

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// ValidHealthCheckPath tells whether AWS admits a health check path: 1 to 1024 characters, starting with a slash.
func ValidHealthCheckPath(path string) bool {
	return strings.HasPrefix(path, "/") && len(path) <= 1024
}

// ValidCodes tells whether a matcher is a list of codes and ranges of codes, such as 200,301-302, all within low and high.
func ValidCodes(matcher string, low, high int) bool {
	for item := range strings.SplitSeq(matcher, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(item), "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errA != nil || errB != nil || a > b || a < low || b > high {
			return false
		}
	}
	return true
}

// HealthCheckPort resolves a health check port annotation, which is a number, traffic-port or the name of a port of svc, into
// a number or traffic-port; def if the annotation is absent or, which is reported, cannot be used.
func (r Reader) HealthCheckPort(k Key, svc *corev1.Service, targetType, def string) string {
	f := r.String(k)
	switch {
	case !f.Set:
		return def
	case f.Value == stack.TrafficPort:
		return f.Value
	}
	if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil {
		if n < 1 || n > 65535 {
			r.Invalid(k, fmt.Sprintf("health check port must be within [1, 65535]: %d", n), "")
		}
		return f.Value
	}
	port, ok := world.FindPort(svc, f.Value)
	switch {
	case !ok:
		r.Invalid(k, fmt.Sprintf("failed to resolve healthCheckPort: unable to find port %s on service %s/%s, which has %s", f.Value, svc.Namespace, svc.Name, world.DescribePorts(svc)),
			"write a number, traffic-port, or the name of a port of the Service")
		return def
	case targetType == stack.TargetInstance && port.NodePort == 0:
		r.Invalid(k, fmt.Sprintf("failed to resolve healthCheckPort: port %s of service %s/%s has no node port", f.Value, svc.Namespace, svc.Name),
			"write a number or traffic-port")
		return def
	case targetType == stack.TargetIP && port.TargetPort.Type == intstr.String:
		r.Invalid(k, "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
			"write the number of the port, or give the Service a numeric targetPort")
		return def
	}
	_, target := world.TargetPort(port, targetType)
	return target
}
