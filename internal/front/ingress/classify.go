package ingress

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
)

const (
	// Controller is the spec.controller of the IngressClasses that are ours.
	Controller = "ingress.k8s.aws/alb"

	// LegacyClassAnnotation decides alone, where it exists.
	LegacyClassAnnotation = "kubernetes.io/ingress.class"

	defaultClassAnnotation = "ingressclass.kubernetes.io/is-default-class"
	paramsGroup            = "elbv2.k8s.aws"
	paramsKind             = "IngressClassParams"
)

// Object names an Ingress in diagnostics.
func Object(ing *networkingv1.Ingress) diag.Object {
	return diag.Object{Kind: "Ingress", Namespace: ing.Namespace, Name: ing.Name, UID: string(ing.UID)}
}

// Classify tells whether an Ingress is ours, and by which class. The legacy annotation, if it exists, decides alone, and then
// there are no class parameters; else spec.ingressClassName; else the cluster's default class. A diagnostic means that the
// class is broken, or gone, so that it cannot be told; it concerns this Ingress only. A deleting Ingress is nobody's.
func Classify(v *objects.View, cfg Config, ing *networkingv1.Ingress) (Class, *diag.Diagnostic) {
	if ing.DeletionTimestamp != nil {
		return Class{}, nil
	}
	if value, ok := ing.Annotations[LegacyClassAnnotation]; ok {
		if cfg.IngressClass != "" {
			return Class{Managed: value == cfg.IngressClass}, nil
		}
		return Class{Managed: value == "" || value == "alb"}, nil
	}
	if ing.Spec.IngressClassName != nil {
		return classNamed(v, ing, *ing.Spec.IngressClassName)
	}
	defaults := defaultClasses(v)
	switch len(defaults) {
	case 0:
		if cfg.IngressClass != "" && served(ing) {
			return Class{}, lostDefault(ing, "and the cluster has no default IngressClass")
		}
		return Class{Managed: cfg.IngressClass == ""}, nil
	case 1:
		class, d := classNamed(v, ing, defaults[0])
		if d == nil && !class.Managed && served(ing) {
			return Class{}, lostDefault(ing, fmt.Sprintf("and the default IngressClass %s belongs to another controller", defaults[0]))
		}
		return class, d
	}
	return Class{}, invalidClass(ing, fmt.Sprintf("multiple default IngressClasses found: %v", defaults),
		"set spec.ingressClassName, or leave the annotation "+defaultClassAnnotation+" on one class only")
}

// served reports whether an Ingress carries a finalizer of a group: there is, or was, a load balancer of it.
func served(ing *networkingv1.Ingress) bool {
	return slices.ContainsFunc(ing.Finalizers, func(f string) bool {
		_, ok := naming.FinalizerGroup(f, ing.Namespace, ing.Name)
		return ok
	})
}

// lostDefault tells of an Ingress that has a load balancer, no class of its own, and no default class of ours any more. The class of an
// Ingress that exists does not follow the default: only what its own object says gives the load balancer up.
func lostDefault(ing *networkingv1.Ingress, why string) *diag.Diagnostic {
	return invalidClass(ing, "the Ingress names no class, "+why+"; it stays part of its load balancer as it was",
		"name its class in spec.ingressClassName, or create the default class again; name a class of another controller to give the load balancer up")
}

// defaultClasses are the names of the cluster's default classes; there should be one at most.
func defaultClasses(v *objects.View) (names []string) {
	for _, c := range v.IngressClasses() {
		if c.Annotations[defaultClassAnnotation] == "true" {
			names = append(names, c.Name)
		}
	}
	return names
}

func classNamed(v *objects.View, ing *networkingv1.Ingress, name string) (Class, *diag.Diagnostic) {
	c, ok := v.IngressClass(name)
	if !ok {
		return Class{}, invalidClass(ing, fmt.Sprintf("ingressclasses.networking.k8s.io %q not found", name),
			"create the IngressClass, or name an existing one")
	}
	if c.Spec.Controller != Controller {
		return Class{}, nil
	}
	class := Class{Managed: true, Name: name}
	ref := c.Spec.Parameters
	if ref == nil {
		return class, nil
	}
	if ref.APIGroup == nil || *ref.APIGroup != paramsGroup || ref.Kind != paramsKind {
		return Class{}, invalidClass(ing, fmt.Sprintf("IngressClass %s references unknown parameters", name),
			"let spec.parameters of the class name apiGroup "+paramsGroup+" and kind "+paramsKind+", or remove it")
	}
	params, ok := v.IngressClassParams(ref.Name)
	if !ok {
		return Class{}, invalidClass(ing, fmt.Sprintf("ingressclassparams.elbv2.k8s.aws %q, named by IngressClass %s, not found", ref.Name, name),
			"create the IngressClassParams, or correct spec.parameters of the class")
	}
	if why := excludes(v, params.Spec.NamespaceSelector, ing.Namespace); why != "" {
		return Class{}, invalidClass(ing, fmt.Sprintf("namespaceSelector of IngressClassParams %s mismatch: %s", params.Name, why),
			"label the namespace as the selector asks, or use another class")
	}
	class.Params = params
	return class, nil
}

// ParamsMissing reports that a class is ours and names class parameters that do not exist, or not yet.
func ParamsMissing(v *objects.View, c *networkingv1.IngressClass) bool {
	ref := c.Spec.Parameters
	if c.Spec.Controller != Controller || ref == nil || ref.APIGroup == nil || *ref.APIGroup != paramsGroup || ref.Kind != paramsKind {
		return false
	}
	_, ok := v.IngressClassParams(ref.Name)
	return !ok
}

// excludes tells why a namespace is not selected; empty if it is. A nil or empty selector selects every namespace.
func excludes(v *objects.View, selector *metav1.LabelSelector, namespace string) string {
	if selector == nil {
		return ""
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return "the selector is malformed: " + err.Error()
	}
	if s.Empty() {
		return ""
	}
	ns, ok := v.Namespace(namespace)
	if !ok {
		return fmt.Sprintf("namespace %s not found", namespace)
	}
	if !s.Matches(labels.Set(ns.Labels)) {
		return fmt.Sprintf("namespace %s does not match %s", namespace, s)
	}
	return ""
}

func invalidClass(ing *networkingv1.Ingress, text, remedy string) *diag.Diagnostic {
	d := diag.New(Object(ing), "spec.ingressClassName", diag.InvalidIngressClass, "invalid ingress class: "+text, remedy)
	return &d
}
