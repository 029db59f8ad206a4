package ingress

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	// Controller is the spec.controller of the IngressClasses of this controller.
	Controller = "ingress.k8s.aws/alb"

	// LegacyClassAnnotation takes precedence over spec.ingressClassName.
	LegacyClassAnnotation = "kubernetes.io/ingress.class"

	defaultClassAnnotation = networkingv1.AnnotationIsDefaultIngressClass
	paramsGroup            = "elbv2.k8s.aws"
	paramsKind             = "IngressClassParams"
)

// Object names an Ingress in diagnostics.
func Object(ing *networkingv1.Ingress) diag.Object {
	return diag.Object{Kind: "Ingress", Namespace: ing.Namespace, Name: ing.Name, UID: string(ing.UID)}
}

// Classify returns whether this controller manages an Ingress, and by which class. The legacy annotation takes
// precedence, and then there are no class parameters; else spec.ingressClassName decides, else the cluster's default
// class. A diagnostic reports that the class is invalid or missing, so that it is unknown; it concerns this Ingress
// only. An Ingress that is being deleted is not managed.
func Classify(v *objects.View, cfg Config, ing *networkingv1.Ingress) (Class, *diag.Diagnostic) {
	if ing.DeletionTimestamp != nil {
		return Class{}, nil
	}
	if value, ok := ing.Annotations[LegacyClassAnnotation]; ok {
		if value == cfg.legacyClass() || value == "" && cfg.IngressClass == "" {
			return Class{Managed: true}, nil
		}
		return Class{}, misspeltClass(v, cfg, ing)
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
			return Class{}, lostDefault(ing, fmt.Sprintf("and the default IngressClass %s belongs to another controller",
				defaults[0]))
		}
		return class, d
	}
	return Class{}, invalidClass(ing, "several IngressClasses are the default of the cluster: "+diag.Some(defaults),
		"set spec.ingressClassName, or leave the annotation "+defaultClassAnnotation+" on one class only")
}

// misspeltClass is the diagnostic of an Ingress that has a load balancer, and whose annotation seems to misspell our
// class. An annotation for another controller releases the load balancer.
func misspeltClass(v *objects.View, cfg Config, ing *networkingv1.Ingress) *diag.Diagnostic {
	if !served(ing) || !MisspeltLegacyClass(v, cfg, ing) {
		return nil
	}
	own := cfg.legacyClass()
	text := fmt.Sprintf("no IngressClass %q exists, and %q may be meant; its load balancer keeps its former rules and "+
		"settings", ing.Annotations[LegacyClassAnnotation], own)
	d := invalidClass(ing, text, fmt.Sprintf("write %q; to release the load balancer, delete the Ingress, or name an "+
		"existing class of another controller", own))
	d.Path = legacyClassPath
	return d
}

// misspeltController is the diagnostic of an Ingress of a class whose controller seems to be a misspelt name of this
// one. The load balancer of an Ingress stays; a class of another controller releases it.
func misspeltController(ing *networkingv1.Ingress, c *networkingv1.IngressClass) *diag.Diagnostic {
	if annotation.NearestOf(c.Spec.Controller, Controller) == "" {
		return nil
	}
	text := fmt.Sprintf("IngressClass %s names controller %q, and %q may be meant", c.Name, c.Spec.Controller, Controller)
	if served(ing) {
		text += "; its load balancer keeps its former rules and settings"
	}
	return invalidClass(ing, text, fmt.Sprintf("create the class again with spec.controller %s; to release the load "+
		"balancer, delete the Ingress, or name a class of another controller", Controller))
}

// served reports whether an Ingress carries the finalizer of a group, and so has or had a load balancer.
func served(ing *networkingv1.Ingress) bool {
	return len(naming.StacksOfFinalizers(stack.Ingress, ing)) > 0
}

// lostDefault is the diagnostic of an Ingress that has a load balancer and names no class, where the default class is
// gone or belongs to another controller. The class of an existing Ingress does not follow the default: only an edit of
// the Ingress releases its load balancer.
func lostDefault(ing *networkingv1.Ingress, why string) *diag.Diagnostic {
	return invalidClass(ing, "the Ingress names no class, "+why+"; its load balancer keeps its former rules and settings",
		"name its class in spec.ingressClassName, or create the default class again; name a class of another controller to "+
			"release the load balancer")
}

// defaultClasses are the names of the cluster's default classes; there should be at most one.
func defaultClasses(v *objects.View) (names []string) {
	for _, c := range objects.Naming[*networkingv1.IngressClass](v, objects.IngressClass, objects.Ref{
		Kind: objects.IngressClass}) {
		names = append(names, c.Name)
	}
	return names
}

func classNamed(v *objects.View, ing *networkingv1.Ingress, name string) (Class, *diag.Diagnostic) {
	c, ok := v.IngressClass(name)
	if !ok {
		return Class{}, invalidClass(ing, fmt.Sprintf("IngressClass %q does not exist", name),
			"create the IngressClass, or name an existing one")
	}
	if c.Spec.Controller != Controller {
		return Class{}, misspeltController(ing, c)
	}
	class := Class{Managed: true, Name: name}
	ref := c.Spec.Parameters
	if ref == nil {
		return class, nil
	}
	if !namesParams(ref) {
		return Class{}, invalidClass(ing, fmt.Sprintf("spec.parameters of IngressClass %s names no IngressClassParams", name),
			"set apiGroup "+paramsGroup+" and kind "+paramsKind+" in spec.parameters of the class, or remove spec.parameters")
	}
	params, ok := v.IngressClassParams(ref.Name)
	if !ok {
		return Class{}, invalidClass(ing, fmt.Sprintf("IngressClassParams %q, named by IngressClass "+
			"%s, does not exist", ref.Name, name),
			"create the IngressClassParams, or correct spec.parameters of the class")
	}
	if why := excludes(v, params.Spec.NamespaceSelector, ing.Namespace); why != "" {
		return Class{}, invalidClass(ing, fmt.Sprintf("namespaceSelector of IngressClassParams %s excludes this "+
			"namespace: %s", params.Name, why),
			"add the labels of the selector to the namespace, or use another class")
	}
	class.Params = params
	return class, nil
}

// ParamsMissing reports whether a class of this controller names class parameters that do not exist.
func ParamsMissing(v *objects.View, c *networkingv1.IngressClass) bool {
	params, named := paramsOf(v, c)
	return named && params == nil
}

// paramsOf are the parameters that a class of this controller names, nil if they do not exist; named is false if it
// names none of ours.
func paramsOf(v *objects.View, c *networkingv1.IngressClass) (params *v1beta1.IngressClassParams, named bool) {
	ref := c.Spec.Parameters
	if c.Spec.Controller != Controller || ref == nil || !namesParams(ref) {
		return nil, false
	}
	params, _ = v.IngressClassParams(ref.Name)
	return params, true
}

func namesParams(ref *networkingv1.IngressClassParametersReference) bool {
	return ref.APIGroup != nil && *ref.APIGroup == paramsGroup && ref.Kind == paramsKind
}

// excludes is why a namespace is not selected; empty if it is. A nil or empty selector selects every namespace.
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
	var keys []string
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		keys = append(keys, r.Key())
	}
	has, ok := v.NamespaceLabels(namespace, keys...)
	if !ok {
		return fmt.Sprintf("namespace %s does not exist", namespace)
	}
	if !s.Matches(has) {
		return fmt.Sprintf("namespace %s does not match %s", namespace, s)
	}
	return ""
}

func invalidClass(ing *networkingv1.Ingress, text, remedy string) *diag.Diagnostic {
	d := diag.New(Object(ing), "spec.ingressClassName", diag.InvalidIngressClass, text, remedy)
	return &d
}
