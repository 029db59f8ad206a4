package main

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// assumeServiceClass gives new Services of type LoadBalancer without a class the one that the controller's webhook
// gives them when they are created. It returns a note for each, by object, for findings that rest on it. Services are
// left alone that name a load balancer type, as for another controller, and those that neither have annotations for a
// load balancer nor ask for IPv6, which no load balancer has by default.
func (o *lintOptions) assumeServiceClass(src *source) map[string]finding {
	notes := map[string]finding{}
	class := cmp.Or(o.config.LoadBalancerClass, service.DefaultLoadBalancerClass)
	for _, p := range src.fromFiles {
		svc, ok := p.object.(*corev1.Service)
		if !ok || svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.LoadBalancerClass != nil ||
			!svc.CreationTimestamp.IsZero() {
			continue
		}
		if _, typed := svc.Annotations[string(annotation.ServiceType)]; typed || !annotation.OfService(svc.Annotations) &&
			!slices.Contains(svc.Spec.IPFamilies, corev1.IPv6Protocol) {
			continue
		}
		svc.Spec.LoadBalancerClass = &class
		object := diag.Object{Kind: string(objects.Service), Namespace: svc.Namespace, Name: svc.Name}.String()
		notes[object] = finding{
			File: p.file, Line: p.line("spec.type"), Severity: severityNote, Object: object, Field: "spec.loadBalancerClass",
			Reason: string(diag.NotServed),
			Message: "the Service names no load balancer class; it is assumed to get " + class +
				" from the controller's webhook when it is created",
			Remedy: "set spec.loadBalancerClass; if another controller serves the Service, set that controller's class",
		}
	}
	return notes
}
