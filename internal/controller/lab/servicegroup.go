package lab

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// SharedServices is the key of the stack of the group of Services shared.
var SharedServices = stack.Key{Owner: stack.Service, ID: stack.ID{Name: "shared"}}

// ServiceGroup is the annotation with the group of a Service.
const ServiceGroup = "service.beta.kubernetes.io/aws-load-balancer-group-name"

// Sharing is a Service of the group with ports.
func Sharing(name string, ports ...int32) *corev1.Service {
	s := CrashBalancer(name)
	s.Annotations[ServiceGroup] = "shared"
	first := s.Spec.Ports[0]
	s.Spec.Ports = nil
	for _, p := range ports {
		first.Port = p
		s.Spec.Ports = append(s.Spec.Ports, first)
	}
	return s
}

// Shows is the hostname and the ports without an error in the status of a Service.
func (l *Lab) Shows(name string) (host string, ports []int32) {
	s := &corev1.Service{}
	l.Get(s, name)
	for _, e := range s.Status.LoadBalancer.Ingress {
		host = e.Hostname
		for _, p := range e.Ports {
			if ptr.Deref(p.Error, "") == "" {
				ports = append(ports, p.Port)
			}
		}
	}
	return host, ports
}
