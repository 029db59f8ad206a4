// Package serviceport resolves ports of Services to the ports of target groups, targets and health checks, for all
// front ends. It returns problems and records no findings.
package serviceport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Find returns the port of a Service with a number, if written is one, else with a name.
func Find(svc *corev1.Service, written string) (corev1.ServicePort, bool) {
	number, err := strconv.ParseInt(written, 10, 32)
	for _, p := range svc.Spec.Ports {
		if err == nil && int64(p.Port) == number || err != nil && p.Name == written {
			return p, true
		}
	}
	return corev1.ServicePort{}, false
}

// NoEndpoints returns why a Service can never have endpoints, and so neither targets nor node ports, with a remedy;
// empty if it can.
func NoEndpoints(svc *corev1.Service) (text, remedy string) {
	if svc.Spec.Type != corev1.ServiceTypeExternalName {
		return "", ""
	}
	return fmt.Sprintf("Service %s/%s is of type ExternalName (%s) and has no endpoints", svc.Namespace, svc.Name,
			svc.Spec.ExternalName),
		"name a Service that selects the pods; for a Service of another namespace, use an HTTPRoute and a ReferenceGrant, " +
			"or put the Ingress into that namespace and share the load balancer by annotation group.name"
}

// WithoutEndpoints is NoEndpoints with the consequence for a target group of the Service.
func WithoutEndpoints(svc *corev1.Service) (text, remedy string) {
	if text, remedy = NoEndpoints(svc); text != "" {
		text += ": its target group stays empty, and its requests get 503"
	}
	return text, remedy
}

// Describe lists the first ports of a Service, for the message about a missing one.
func Describe(svc *corev1.Service) string {
	if len(svc.Spec.Ports) == 0 {
		return "no ports"
	}
	const most = 10 // thousands of paths may each name a missing port
	listed := svc.Spec.Ports[:min(len(svc.Spec.Ports), most)]
	ports := make([]string, len(listed))
	for i, p := range listed {
		ports[i] = strconv.Itoa(int(p.Port))
		if p.Name != "" {
			ports[i] += " (" + p.Name + ")"
		}
	}
	text := "port " + ports[0]
	if len(ports) > 1 {
		text = "ports " + strings.Join(ports, ", ")
	}
	if n := len(svc.Spec.Ports) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Target returns the port of the target group of a Service port, and the port that targets listen on, decimal or a
// name. The number is the node port of instance targets, 0 if there is none, and 1 for ip targets with a named port:
// pods may differ in its number, which each target then carries. An absent targetPort, as in objects from files, is the
// port, as the API server sets it.
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

// HealthCheck resolves a health check port, which is a number, traffic-port or the name of a port of svc, to a number
// or traffic-port. For an invalid one it returns the problem and a remedy.
func HealthCheck(svc *corev1.Service, written, targetType string) (port, problem, remedy string) {
	if written == stack.TrafficPort {
		return written, "", ""
	}
	if n, err := strconv.ParseInt(written, 10, 32); err == nil {
		if n < 1 || n > 65535 {
			return "", fmt.Sprintf("health check port %d is not a number from 1 to 65535", n),
				"write a number from 1 to 65535, or traffic-port"
		}
		return written, "", ""
	}
	found, ok := Find(svc, written)
	switch {
	case !ok:
		return "", fmt.Sprintf("Service %s/%s has no port %q, which the health check names; it has %s",
				svc.Namespace, svc.Name, written, Describe(svc)),
			"write a number, traffic-port, or the name of a port of the Service"
	case targetType == stack.TargetInstance && found.NodePort == 0:
		return "", fmt.Sprintf("port %q of Service %s/%s, which the health check names, has no node port", written,
				svc.Namespace, svc.Name),
			"write a number or traffic-port"
	case targetType == stack.TargetIP && found.TargetPort.Type == intstr.String:
		return "", fmt.Sprintf("the health check names port %q of Service %s/%s, whose targetPort is a name "+
				"too: targets of type ip need a number", written, svc.Namespace, svc.Name),
			"write the number of the port, or give the Service a numeric targetPort"
	}
	_, port = Target(found, targetType)
	return port, "", ""
}

// AnswersTCP reports whether targets of a Service port listen for TCP where the Service port has them listen: the port
// is of TCP, or another one leads to the same place.
func AnswersTCP(svc *corev1.Service, port corev1.ServicePort, targetType string) bool {
	_, at := Target(port, targetType)
	return slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
		_, other := Target(p, targetType)
		return overTCP(p) && other == at
	})
}

// OverUDP reports whether traffic reaches the targets of a group of a protocol over UDP only, where the Service port
// has them listen.
func OverUDP(port corev1.ServicePort, protocol string) bool {
	return port.Protocol == corev1.ProtocolUDP && slices.Contains([]string{"UDP", "TCP_UDP", "QUIC", "TCP_QUIC"}, protocol)
}

// UnansweredCheck returns why no target of a group of a protocol can pass its health checks, unless it listens for TCP
// without the Service saying so: a network load balancer has no checks over UDP. It is empty if the Service says where
// they are answered.
func UnansweredCheck(svc *corev1.Service, port corev1.ServicePort, targetType, protocol string,
	check stack.HealthCheck) string {
	if !OverUDP(port, protocol) || check.Port != stack.TrafficPort || AnswersTCP(svc, port, targetType) {
		return ""
	}
	return fmt.Sprintf("health checks use %s on the traffic port, but Service %s/%s has only UDP on port %d; if no "+
		"target answers over TCP, all are unhealthy, and the load balancer sends to all of them, even to one that has failed",
		check.Protocol, svc.Namespace, svc.Name, port.Port)
}

// OnlyTCP returns where targets of the only TCP port of a Service listen, if that is a number.
func OnlyTCP(svc *corev1.Service, targetType string) (number string, ok bool) {
	for _, p := range svc.Spec.Ports {
		if !overTCP(p) {
			continue
		}
		n, written := Target(p, targetType)
		if ok || n == 0 || strconv.Itoa(int(n)) != written {
			return "", false
		}
		number, ok = written, true
	}
	return number, ok
}

func overTCP(p corev1.ServicePort) bool { return p.Protocol == "" || p.Protocol == corev1.ProtocolTCP }
