package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// DefaultLoadBalancerClass is the default of the spec.loadBalancerClass of managed Services.
const DefaultLoadBalancerClass = "service.k8s.aws/nlb"

const (
	typeAnnotation       = "service.beta.kubernetes.io/aws-load-balancer-type"
	targetTypeAnnotation = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"
)

// Supported reports whether this controller manages a Service: it is not being deleted and has the controller's class or, without any
// class, the type annotation nlb-ip, or external with a target type. Values are compared to the letter.
func Supported(cfg Config, svc *corev1.Service) bool {
	if svc.DeletionTimestamp != nil || cfg.LoadBalancerTypeOnly && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return false
	}
	if class := svc.Spec.LoadBalancerClass; class != nil {
		return *class == cmp.Or(cfg.LoadBalancerClass, DefaultLoadBalancerClass)
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

// known are the valid values of the type annotation, of this controller and of the cloud provider's own.
var known = []string{"nlb-ip", "external", "nlb", "clb"}

// Unclear reports, with a diagnostic, whether a Service that carries the controller's finalizer is no longer Supported because of an
// invalid or misspelt annotation. Its load balancer then stays. Only a valid change releases it: its deletion, another class or type, a
// type annotation of the cloud provider's controller, or the removal of the annotation. With type external and an invalid target type, no
// controller would manage the Service.
func Unclear(cfg Config, svc *corev1.Service) (d diag.Diagnostic, unclear bool) {
	if Supported(cfg, svc) || !PendingFinalization(svc) || svc.DeletionTimestamp != nil || svc.Spec.LoadBalancerClass != nil ||
		cfg.LoadBalancerTypeOnly && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return diag.Diagnostic{}, false
	}
	const stays = "; the load balancer stays as it is"
	kind, typed := svc.Annotations[typeAnnotation]
	report := func(k annotation.Key, text, remedy string) (diag.Diagnostic, bool) {
		return diag.New(owner.Object(svc), k.Path(), diag.InvalidAnnotation, text+stays, remedy).In(diag.LoadBalancer), true
	}
	switch {
	case !typed:
		for _, k := range slices.Sorted(maps.Keys(svc.Annotations)) {
			if annotation.Misspelt(annotation.Key(k)) == annotation.ServiceType {
				return report(annotation.Key(k), fmt.Sprintf("annotation %s is unknown, and %s is missing", k, annotation.ServiceType),
					"correct the key, or remove it to release the load balancer")
			}
		}
		return diag.Diagnostic{}, false
	case !slices.Contains(known, kind):
		return report(annotation.ServiceType, fmt.Sprintf("unknown load balancer type %q", kind),
			"write external or nlb-ip, or nlb to hand the Service to the cloud provider's controller, or remove the annotation to release the load balancer")
	case kind == "external":
		target := svc.Annotations[targetTypeAnnotation]
		return report(annotation.ServiceTargetType, fmt.Sprintf("load balancer type external needs target type ip or instance, not %q", target),
			"write ip or instance, or remove "+string(annotation.ServiceType)+" to release the load balancer")
	}
	return diag.Diagnostic{}, false
}

// Unchanged is the desired load balancer of a Service that is Unclear: the one that it has.
func Unchanged(svc *corev1.Service, why diag.Diagnostic) intent.LoadBalancer {
	lb := loadBalancer(svc)
	lb.Members = []intent.Member{{Object: owner.Object(svc), Created: svc.CreationTimestamp.Unix(), Former: true, Diagnostics: diag.List{why}}}
	return lb
}

// PendingFinalization reports whether a Service carries the controller's finalizer, and so has or had a load balancer.
func PendingFinalization(svc *corev1.Service) bool {
	return len(naming.StacksOfFinalizers(stack.Service, svc)) > 0
}
