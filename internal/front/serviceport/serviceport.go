// Package serviceport finds ports of Services and tells where their targets listen, the same for every front end.
// It reports nothing but malformed health check ports. It imports Kubernetes API types, annotation and stack.
package serviceport

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Find finds a port by its number, if written is one, else by its name.
func Find(svc *corev1.Service, written string) (corev1.ServicePort, bool) {
	number, err := strconv.ParseInt(written, 10, 32)
	for _, p := range svc.Spec.Ports {
		if err == nil && int64(p.Port) == number || err != nil && p.Name == written {
			return p, true
		}
	}
	return corev1.ServicePort{}, false
}

// Describe lists the ports that a Service has, for the message about one that it has not.
func Describe(svc *corev1.Service) string {
	if len(svc.Spec.Ports) == 0 {
		return "no ports"
	}
	ports := make([]string, len(svc.Spec.Ports))
	for i, p := range svc.Spec.Ports {
		ports[i] = strconv.Itoa(int(p.Port))
		if p.Name != "" {
			ports[i] += " (" + p.Name + ")"
		}
	}
	return "ports " + strings.Join(ports, ", ")
}

// Target is the port of the target group of a Service port, and the port that targets listen on, decimal or a name. The number
// is the node port of instance targets, 0 if there is none; 1 for ip targets with a named port, which may differ from pod to
// pod, so that targets carry their own. The API server fills in an absent targetPort by the port; objects read from files may
// not have been there.
func Target(p corev1.ServicePort, targetType string) (number int32, written string) {
	if targetType == stack.TargetInstance {
		return p.NodePort, strconv.Itoa(int(p.NodePort))
	}
	target := p.TargetPort
	if target.Type == intstr.Int && target.IntVal == 0 {
		target.IntVal = p.Port
	}
	if target.Type == intstr.String {
		return 1, target.StrVal
	}
	return target.IntVal, target.String()
}

// HealthCheck resolves a health check port annotation, which is a number, traffic-port or the name of a port of svc, into
// a number or traffic-port; def if the annotation is absent or, which is reported, cannot be used.
func HealthCheck(read annotation.Reader, k annotation.Key, svc *corev1.Service, targetType, def string) string {
	f := read.String(k)
	switch {
	case !f.Set:
		return def
	case f.Value == stack.TrafficPort:
		return f.Value
	}
	if n, err := strconv.ParseInt(f.Value, 10, 32); err == nil {
		if n < 1 || n > 65535 {
			read.Invalid(k, fmt.Sprintf("health check port must be within [1, 65535]: %d", n), "")
		}
		return f.Value
	}
	port, ok := Find(svc, f.Value)
	switch {
	case !ok:
		read.Invalid(k, fmt.Sprintf("failed to resolve healthCheckPort: unable to find port %s on service %s/%s, which has %s", f.Value, svc.Namespace, svc.Name, Describe(svc)),
			"write a number, traffic-port, or the name of a port of the Service")
		return def
	case targetType == stack.TargetInstance && port.NodePort == 0:
		read.Invalid(k, fmt.Sprintf("failed to resolve healthCheckPort: port %s of service %s/%s has no node port", f.Value, svc.Namespace, svc.Name),
			"write a number or traffic-port")
		return def
	case targetType == stack.TargetIP && port.TargetPort.Type == intstr.String:
		read.Invalid(k, "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
			"write the number of the port, or give the Service a numeric targetPort")
		return def
	}
	_, target := Target(port, targetType)
	return target
}
