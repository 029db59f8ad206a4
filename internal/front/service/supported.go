package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// DefaultLoadBalancerClass is the default of the spec.loadBalancerClass of managed Services.
const DefaultLoadBalancerClass = "service.k8s.aws/nlb"

const (
	typeAnnotation       = "service.beta.kubernetes.io/aws-load-balancer-type"
	targetTypeAnnotation = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"
)

// Supported reports whether this controller manages a Service: it is not being deleted and has the controller's class
// or, without any class, the type annotation nlb-ip, or external with a target type. Values are compared to the letter.
func Supported(cfg Config, svc *corev1.Service) bool {
	if cfg.Off || svc.DeletionTimestamp != nil || cfg.LoadBalancerTypeOnly &&
		svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
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

// Unserved returns the note on a Service that requests a load balancer, or seems to, and that this controller does
// not serve; nil = no note. There is no note if another controller has given the Service an address or holds it with
// a finalizer. There is none either for a manifest without a class, because admission sets the class.
func Unserved(cfg Config, svc *corev1.Service) *diag.Diagnostic {
	if cfg.Off || Supported(cfg, svc) || PendingFinalization(svc) || svc.DeletionTimestamp != nil ||
		len(svc.Status.LoadBalancer.Ingress) > 0 ||
		slices.Contains(svc.Finalizers, cloudProviderFinalizer) {
		return nil
	}
	note := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(owner.Object(svc), path, diag.NotServed, text, remedy)
		return &d
	}
	balancer := svc.Spec.Type == corev1.ServiceTypeLoadBalancer
	kind, typed := svc.Annotations[typeAnnotation]
	ours := cmp.Or(cfg.LoadBalancerClass, DefaultLoadBalancerClass)
	switch class := svc.Spec.LoadBalancerClass; {
	case class == nil && kind == "external" && (balancer || !cfg.LoadBalancerTypeOnly):
		return note(annotation.ServiceTargetType.Path(),
			fmt.Sprintf("target type %q is not ip or instance, so no controller serves this Service (load balancer type "+
				"external, no loadBalancerClass)", svc.Annotations[targetTypeAnnotation]),
			"write ip or instance")
	case !balancer:
		return nil
	case class != nil && (strings.HasPrefix(*class, classPrefix) || annotation.OfService(svc.Annotations)):
		return note("spec.loadBalancerClass", fmt.Sprintf("this controller serves Services of class %s and leaves this "+
			"one, of class %s, to another controller", ours, *class),
			"if it is meant for this controller, delete the Service and create it with spec.loadBalancerClass: "+ours)
	case class == nil && !typed && !svc.CreationTimestamp.IsZero():
		return note("spec.loadBalancerClass", "a Service without load balancer class is left to the cloud provider's "+
			"controller, if there is one: classes are given at the creation of Services of type LoadBalancer",
			"if it is meant for this controller, set spec.type: ClusterIP, and then spec.type: LoadBalancer with "+
				"spec.loadBalancerClass: "+ours)
	}
	return nil
}

// Plain reports whether a Service has no load balancer of any controller.
func Plain(cfg Config, svc *corev1.Service) bool {
	return !cfg.Off && svc.Spec.Type != corev1.ServiceTypeLoadBalancer && !Supported(cfg, svc) &&
		!PendingFinalization(svc) && svc.DeletionTimestamp == nil && !slices.Contains(svc.Finalizers, cloudProviderFinalizer)
}

const (
	cloudProviderFinalizer = "service.kubernetes.io/load-balancer-cleanup"
	classPrefix            = "service.k8s.aws/"
)

// known are the valid values of the type annotation, of this controller and of the cloud provider's own.
var known = []string{"nlb-ip", "external", "nlb", "clb"}

// Unclear reports, with a diagnostic, whether a Service that carries the controller's finalizer is no longer Supported
// because of an invalid or misspelt annotation, or of the controller's flags. Its load balancer then stays. Only a
// valid change releases it: its deletion, another type, a type annotation of the cloud provider's controller, or the
// removal of the annotation. With type external and an invalid target type, no controller would manage the Service. Its
// class, which the API server lets no edit change, is another one than the flag's because that was changed.
func Unclear(cfg Config, svc *corev1.Service) (d diag.Diagnostic, unclear bool) {
	if Supported(cfg, svc) || !PendingFinalization(svc) || svc.DeletionTimestamp != nil {
		return diag.Diagnostic{}, false
	}
	const stays = "; the load balancer does not change"
	held := func(path, text, remedy string) (diag.Diagnostic, bool) {
		return diag.New(owner.Object(svc), path, diag.HeldByFlags, text+stays, remedy).In(diag.LoadBalancer), true
	}
	class := svc.Spec.LoadBalancerClass
	switch {
	case cfg.Off:
		return held("", "the feature gate EnableServiceController is off",
			"switch it on so that the controller applies changes, or delete the Service and its load balancer")
	case cfg.LoadBalancerTypeOnly && svc.Spec.Type != corev1.ServiceTypeLoadBalancer, class != nil &&
		svc.Annotations[string(annotation.ServiceAllowDeletion)] == "true":
		return diag.Diagnostic{}, false
	case class != nil:
		return held("spec.loadBalancerClass", fmt.Sprintf("the Service has a load balancer of this controller and class "+
			"%s, and --load-balancer-class is %s", *class, cmp.Or(cfg.LoadBalancerClass, DefaultLoadBalancerClass)),
			fmt.Sprintf("set the flag to that class; or set annotation %s: \"true\" on the Service to have the load "+
				"balancer deleted", annotation.ServiceAllowDeletion))
	}
	kind, typed := svc.Annotations[typeAnnotation]
	report := func(k annotation.Key, text, remedy string) (diag.Diagnostic, bool) {
		return diag.New(owner.Object(svc), k.Path(), diag.InvalidAnnotation, text+stays, remedy).In(diag.LoadBalancer), true
	}
	switch {
	case !typed:
		if k, ok := annotation.MisspeltFor(annotation.ServiceType, svc.Annotations); ok {
			return report(k, fmt.Sprintf("annotation %s is unknown, and %s is missing", k, annotation.ServiceType),
				"correct the key, or remove it to release the load balancer")
		}
		return diag.Diagnostic{}, false
	case !slices.Contains(known, kind):
		return report(annotation.ServiceType, fmt.Sprintf("unknown load balancer type %q", kind),
			"write external or nlb-ip, or nlb to hand the Service to the cloud provider's controller, or remove the "+
				"annotation to release the load balancer")
	case kind == "external":
		target := svc.Annotations[targetTypeAnnotation]
		return report(annotation.ServiceTargetType, fmt.Sprintf("load balancer type external needs target type ip or "+
			"instance, not %q", target),
			"write ip or instance, or remove "+string(annotation.ServiceType)+" to release the load balancer")
	}
	return diag.Diagnostic{}, false
}

// PendingFinalization reports whether a Service carries the controller's finalizer, and so has or had a load balancer.
func PendingFinalization(svc *corev1.Service) bool {
	return len(naming.StacksOfFinalizers(stack.Service, svc)) > 0
}
