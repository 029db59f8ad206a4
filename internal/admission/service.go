package admission

import (
	corev1 "k8s.io/api/core/v1"
)

// Service fills in the load balancer class of a Service of type LoadBalancer that names none: on creation ours, on an update (old
// is not nil) the one that it had. Annotations that ask the cloud provider for a load balancer are not looked at. An update
// never gives a class to a Service that had none: who serves it already would let it go.
func Service(class string, old, svc *corev1.Service) Verdict {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil && *svc.Spec.LoadBalancerClass != "" {
		return Verdict{}
	}
	if old != nil {
		if old.Spec.LoadBalancerClass == nil || *old.Spec.LoadBalancerClass == "" {
			return Verdict{}
		}
		class = *old.Spec.LoadBalancerClass
	}
	return Verdict{Patch: []Operation{{"/spec/loadBalancerClass", class}}}
}
