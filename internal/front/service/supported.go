package service

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/naming"
)

// DefaultLoadBalancerClass is the spec.loadBalancerClass of Services that are ours, unless a flag says otherwise.
const DefaultLoadBalancerClass = "service.k8s.aws/nlb"

const (
	typeAnnotation       = "service.beta.kubernetes.io/aws-load-balancer-type"
	targetTypeAnnotation = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"
)

// Supported tells whether a Service is ours and wants a load balancer: not deleting, and either of our class or, without any
// class, of type annotation nlb-ip, or external with a target type. Values are compared as they are.
func Supported(cfg Config, svc *corev1.Service) bool {
	if svc.DeletionTimestamp != nil || cfg.LoadBalancerTypeOnly && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return false
	}
	if class := svc.Spec.LoadBalancerClass; class != nil {
		ours := cfg.LoadBalancerClass
		if ours == "" {
			ours = DefaultLoadBalancerClass
		}
		return *class == ours
	}
	switch svc.Annotations[typeAnnotation] {
	case "nlb-ip":
		return true
	case "external":
		target := svc.Annotations[targetTypeAnnotation]
		return target == "ip" || target == "instance"
	}
	return false
}

// PendingFinalization tells whether a Service carries our finalizer: there is, or was, a load balancer of it.
func PendingFinalization(svc *corev1.Service) bool {
	return slices.Contains(svc.Finalizers, naming.ServiceFinalizer)
}
