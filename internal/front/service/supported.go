package service

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
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

// known are the values of the type annotation that say whose a Service is: ours, or of the cloud provider's own controller.
var known = []string{"nlb-ip", "external", "nlb", "clb"}

// Unclear tells of a Service that carries our finalizer and is no longer Supported because of annotations that cannot be understood: what
// was made for it stays. Only what is valid hands it over or gives it up: its deletion, another class or type, a type annotation of the
// cloud provider's controller, or none at all. With type external and no valid target type no controller would serve it.
func Unclear(cfg Config, svc *corev1.Service) (d diag.Diagnostic, unclear bool) {
	if Supported(cfg, svc) || !PendingFinalization(svc) || svc.DeletionTimestamp != nil || svc.Spec.LoadBalancerClass != nil ||
		cfg.LoadBalancerTypeOnly && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return diag.Diagnostic{}, false
	}
	const stays = "; the load balancer stays as it is"
	kind, typed := svc.Annotations[typeAnnotation]
	say := func(k annotation.Key, text, remedy string) (diag.Diagnostic, bool) {
		return diag.New(Object(svc), k.Path(), diag.InvalidAnnotation, text+stays, remedy).In(diag.LoadBalancer), true
	}
	switch {
	case !typed:
		for _, k := range slices.Sorted(maps.Keys(svc.Annotations)) {
			if annotation.Misspelt(annotation.Key(k)) == annotation.ServiceType {
				return say(annotation.Key(k), fmt.Sprintf("annotation %s is unknown, and %s is missing", k, annotation.ServiceType),
					"correct the key, or remove it to give up the load balancer")
			}
		}
		return diag.Diagnostic{}, false
	case !slices.Contains(known, kind):
		return say(annotation.ServiceType, fmt.Sprintf("unknown load balancer type %q", kind),
			"write external or nlb-ip, or nlb to hand the Service to the cloud provider's controller, or remove the annotation to give up the load balancer")
	case kind == "external":
		target := svc.Annotations[targetTypeAnnotation]
		return say(annotation.ServiceTargetType, fmt.Sprintf("load balancer type external needs target type ip or instance, not %q", target),
			"write ip or instance, or remove "+string(annotation.ServiceType)+" to give up the load balancer")
	}
	return diag.Diagnostic{}, false
}

// Hold is the desired load balancer of a Service that is Unclear: what it had.
func Hold(svc *corev1.Service, why diag.Diagnostic) intent.LoadBalancer {
	lb := loadBalancer(svc)
	lb.Members = []intent.Member{{Object: Object(svc), Created: svc.CreationTimestamp.Unix(), Held: true, Diagnostics: diag.List{why}}}
	return lb
}

// PendingFinalization tells whether a Service carries our finalizer: there is, or was, a load balancer of it.
func PendingFinalization(svc *corev1.Service) bool {
	return slices.Contains(svc.Finalizers, naming.ServiceFinalizer)
}
