package admission

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// IngressConfig is what flags say about the admission of Ingresses.
type IngressConfig struct {
	ingress.Config
	// ForbidClassAnnotation is --disable-ingress-class-annotation: no new use of kubernetes.io/ingress.class with our class.
	ForbidClassAnnotation bool
	// ForbidGroupName is --disable-ingress-group-name-annotation: no new or changed annotation group.name.
	ForbidGroupName bool
}

// Checks of Ingresses, as the label error_category calls them.
const (
	checkClass           = "checkIngressClass"
	checkClassUsage      = "checkIngressClassUsage"
	checkClassAnnotation = "checkIngressClassAnnotationUsage"
	checkGroupName       = "checkGroupNameAnnotationUsage"
	checkGroupAdmission  = "checkGroupAdmission"
	checkConditions      = "checkIngressAnnotationConditions"
)

// Ingress judges the creation of an Ingress, or, if old is not nil, its update.
//
// An update is refused only for what it brings: finalizers come off, and other edits pass, however wrong the rest is. Of an
// Ingress whose class does not exist nobody knows whose it is; it is refused only if it carries annotations of ours. Class
// parameters that are missing are warned of and not refused, for package tools create custom resources last.
func Ingress(v *objects.View, cfg IngressConfig, old, ing *networkingv1.Ingress) Verdict {
	if ing.DeletionTimestamp != nil || old != nil && same(old, ing) {
		return Verdict{}
	}
	class, found := ingress.Examine(v, cfg.Config, ing)
	if !class.Managed {
		if len(found) == 0 {
			return Verdict{}
		}
		return brokenClass(v, old, ing, found[0])
	}
	hadOurs := old != nil && byAnnotation(old) && classified(v, cfg, old)
	if cfg.ForbidClassAnnotation && byAnnotation(ing) && !hadOurs {
		return denied(checkClassAnnotation, "new usage of `kubernetes.io/ingress.class` annotation is forbidden")
	}
	if name, ok := ing.Annotations[string(annotation.GroupName)]; cfg.ForbidGroupName && ok {
		if before, had := annotationOf(old, annotation.GroupName); !had || before != name {
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
			return Verdict{Check: checkConditions, Warnings: warnings(without(found, d)),
				Denied: fmt.Sprintf("ignoring Ingress %s/%s since invalid %s annotation: %s", ing.Namespace, ing.Name, key, d.Message())}
		}
	}
	return Verdict{Warnings: warnings(found)}
}

// same reports that an update changes nothing that is judged; finalizers, labels and status are not.
func same(a, b *networkingv1.Ingress) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Annotations, b.Annotations)
}

func brokenClass(v *objects.View, old, ing *networkingv1.Ingress, d diag.Diagnostic) Verdict {
	warned := Verdict{Warnings: []string{d.Message()}, Doubtful: true}
	if old != nil && sameClass(old, ing) {
		return warned
	}
	name := ing.Spec.IngressClassName
	if name == nil {
		if !claimed(ing) {
			return warned
		}
		return Verdict{Check: checkClass, Denied: d.Message(), Doubtful: true}
	}
	c, ok := v.IngressClass(*name)
	if !ok && !claimed(ing) {
		return warned
	}
	if ok && ingress.ParamsMissing(v, c) {
		return warned
	}
	check := checkClass
	if old != nil {
		check = checkClassUsage
	}
	return Verdict{Check: check, Denied: d.Message(), Doubtful: true}
}

// sameClass reports that two versions of an Ingress name their class alike.
func sameClass(a, b *networkingv1.Ingress) bool {
	return equality.Semantic.DeepEqual(a.Spec.IngressClassName, b.Spec.IngressClassName) && byAnnotation(a) == byAnnotation(b)
}

// claimed reports that an Ingress carries annotations of ours.
func claimed(ing *networkingv1.Ingress) bool {
	for k := range ing.Annotations {
		if strings.HasPrefix(k, annotation.IngressPrefix) {
			return true
		}
	}
	return false
}

func byAnnotation(ing *networkingv1.Ingress) bool {
	_, ok := ing.Annotations[ingress.LegacyClassAnnotation]
	return ok
}

func classified(v *objects.View, cfg IngressConfig, ing *networkingv1.Ingress) bool {
	c, d := ingress.Classify(v, cfg.Config, ing)
	return d == nil && c.Managed
}

func annotationOf(ing *networkingv1.Ingress, k annotation.Key) (value string, ok bool) {
	if ing == nil {
		return "", false
	}
	value, ok = ing.Annotations[string(k)]
	return value, ok
}

// conditionsKey is the conditions annotation that a finding calls invalid.
func conditionsKey(d diag.Diagnostic) (key string, ok bool) {
	key, ok = strings.CutPrefix(strings.TrimSuffix(d.Path, "]"), "metadata.annotations[")
	return key, ok && d.Code == diag.InvalidAnnotation && d.Object.Kind == "Ingress" && strings.HasPrefix(key, string(annotation.Conditions))
}

func without(found diag.List, one diag.Diagnostic) diag.List {
	return slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool { return d == one })
}
