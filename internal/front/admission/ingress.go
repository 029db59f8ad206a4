package admission

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// IngressConfig is the configuration of the admission of Ingresses.
type IngressConfig struct {
	ingress.Config
	// ForbidClassAnnotation is --disable-ingress-class-annotation: new use of kubernetes.io/ingress.class with a managed
	// class is refused.
	ForbidClassAnnotation bool
	// ForbidGroupName is --disable-ingress-group-name-annotation: a new or changed annotation group.name is refused.
	ForbidGroupName bool
}

// Checks of Ingresses: values of the label error_category.
const (
	checkClass           = "checkIngressClass"
	checkClassUsage      = "checkIngressClassUsage"
	checkClassAnnotation = "checkIngressClassAnnotationUsage"
	checkGroupName       = "checkGroupNameAnnotationUsage"
	checkGroupAdmission  = "checkGroupAdmission"
	checkConditions      = "checkIngressAnnotationConditions"
)

// Ingress validates the creation of an Ingress, or, if old is not nil, its update.
//
// An update is refused only for what it changes: finalizers can be removed, and other edits are admitted, whatever else
// is wrong. An Ingress whose class does not exist may belong to any controller; it is refused only if it has
// annotations of this one. Missing class parameters cause a warning and no refusal, because package managers create
// custom resources last.
func Ingress(v *objects.View, cfg IngressConfig, old, ing *networkingv1.Ingress) Response {
	if ing.DeletionTimestamp != nil || old != nil && same(old, ing) {
		return Response{}
	}
	class, found := ingress.Examine(v, cfg.Config, ing)
	if !class.Managed {
		if len(found) == 0 {
			return Response{}
		}
		return brokenClass(v, old, ing, found[0])
	}
	hadOurs := old != nil && byAnnotation(old) && classified(v, cfg, old)
	if cfg.ForbidClassAnnotation && byAnnotation(ing) && !hadOurs {
		return denied(checkClassAnnotation, "new usage of `kubernetes.io/ingress.class` annotation is forbidden")
	}
	if _, ok := ing.Annotations[string(annotation.GroupName)]; cfg.ForbidGroupName && ok {
		if old == nil || !sameAnnotation(old, ing, annotation.GroupName) {
			return denied(checkGroupName, fmt.Sprintf("new usage of `%s` annotation is forbidden", annotation.GroupName))
		}
	}
	if d := ingress.Refused(v, cfg.Config, ing); d != nil && (old == nil || ingress.Refused(v, cfg.Config, old) == nil) {
		return denied(checkGroupAdmission, d.Message())
	}
	var known diag.List
	if old != nil {
		_, known = ingress.Examine(v, cfg.Config, old)
	}
	for _, d := range found {
		key, ok := conditionsKey(d)
		if ok && !slices.Contains(known, d) {
			return Response{Check: checkConditions, Warnings: warnings(without(found, d)),
				Denied: fmt.Sprintf("ignoring Ingress %s/%s since invalid %s annotation: %s", ing.Namespace, ing.Name, key,
					d.Message())}
		}
	}
	return Response{Warnings: warnings(found)}
}

// same reports whether an update changes nothing that is validated; finalizers, labels and status are not validated.
func same(a, b *networkingv1.Ingress) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Annotations, b.Annotations)
}

func brokenClass(v *objects.View, old, ing *networkingv1.Ingress, d diag.Diagnostic) Response {
	warned := Response{Warnings: []string{d.Message()}, Recheck: true}
	if old != nil && sameClass(old, ing) {
		return warned
	}
	name := ing.Spec.IngressClassName
	if name == nil {
		if !annotation.OfIngress(ing.Annotations) {
			return warned
		}
		return Response{Check: checkClass, Denied: d.Message(), Recheck: true}
	}
	c, ok := v.IngressClass(*name)
	if !ok && !annotation.OfIngress(ing.Annotations) {
		return warned
	}
	if ok && ingress.ParamsMissing(v, c) {
		return warned
	}
	check := checkClass
	if old != nil {
		check = checkClassUsage
	}
	return Response{Check: check, Denied: d.Message(), Recheck: true}
}

// sameClass reports whether two versions of an Ingress name their class in the same way.
func sameClass(a, b *networkingv1.Ingress) bool {
	return equality.Semantic.DeepEqual(a.Spec.IngressClassName, b.Spec.IngressClassName) &&
		byAnnotation(a) == byAnnotation(b)
}

func byAnnotation(ing *networkingv1.Ingress) bool {
	_, ok := ing.Annotations[ingress.LegacyClassAnnotation]
	return ok
}

func classified(v *objects.View, cfg IngressConfig, ing *networkingv1.Ingress) bool {
	c, d := ingress.Classify(v, cfg.Config, ing)
	return d == nil && c.Managed
}

func sameAnnotation(a, b *networkingv1.Ingress, k annotation.Key) bool {
	x, inA := a.Annotations[string(k)]
	y, inB := b.Annotations[string(k)]
	return inA == inB && x == y
}

// conditionsKey is the conditions annotation that a finding is about; ok is false for other findings.
func conditionsKey(d diag.Diagnostic) (key string, ok bool) {
	key, ok = strings.CutPrefix(strings.TrimSuffix(d.Path, "]"), "metadata.annotations[")
	return key, ok && d.Code == diag.InvalidAnnotation && d.Object.Kind == "Ingress" &&
		strings.HasPrefix(key, string(annotation.Conditions))
}

func without(found diag.List, one diag.Diagnostic) diag.List {
	return slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool { return d == one })
}
