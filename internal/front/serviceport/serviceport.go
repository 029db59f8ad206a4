// Package serviceport finds ports of Services and tells where their targets listen, the same for every front end.
// It reports nothing itself. It imports Kubernetes API types and stack.
package serviceport

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Find finds a port of a Service by its number, if written is one, else by its name.
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

// HealthCheck resolves a health check port as users write it, which is a number, traffic-port or the name of a port of svc, into
// a number or traffic-port. If it cannot be used, problem says why and remedy what can.
func HealthCheck(svc *corev1.Service, written, targetType string) (port, problem, remedy string) {
	if written == stack.TrafficPort {
		return written, "", ""
	}
	if n, err := strconv.ParseInt(written, 10, 32); err == nil {
		if n < 1 || n > 65535 {
			return "", fmt.Sprintf("health check port must be within [1, 65535]: %d", n), "write a number from 1 to 65535, or traffic-port"
		}
		return written, "", ""
	}
	found, ok := Find(svc, written)
	switch {
	case !ok:
		return "", fmt.Sprintf("failed to resolve healthCheckPort: unable to find port %s on service %s/%s, which has %s", written, svc.Namespace, svc.Name, Describe(svc)),
			"write a number, traffic-port, or the name of a port of the Service"
	case targetType == stack.TargetInstance && found.NodePort == 0:
		return "", fmt.Sprintf("failed to resolve healthCheckPort: port %s of service %s/%s has no node port", written, svc.Namespace, svc.Name),
			"write a number or traffic-port"
	case targetType == stack.TargetIP && found.TargetPort.Type == intstr.String:
		return "", "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
			"write the number of the port, or give the Service a numeric targetPort"
	}
	_, port = Target(found, targetType)
	return port, "", ""
}
