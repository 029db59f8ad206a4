package ingress

import (
	"cmp"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Unserved returns the note on an Ingress that has annotations of this controller, and that this controller does not
// serve; nil = no note. There is no note if a load balancer serves the Ingress, of whatever controller, or if another
// finding reports its class.
func Unserved(v *objects.View, cfg Config, ing *networkingv1.Ingress) *diag.Diagnostic {
	if !annotation.OfIngress(ing.Annotations) || ing.DeletionTimestamp != nil || served(ing) ||
		len(ing.Status.LoadBalancer.Ingress) > 0 {
		return nil
	}
	if class, problem := Classify(v, cfg, ing); class.Managed || problem != nil {
		return nil //nolint:nilerr // a finding about the class is reported separately
	}
	note := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(Object(ing), path, diag.NotServed, text, remedy)
		return &d
	}
	const classPath = "spec.ingressClassName"
	if value, ok := ing.Annotations[LegacyClassAnnotation]; ok {
		own := cfg.legacyClass()
		if MisspeltLegacyClass(v, cfg, ing) {
			return note(legacyClassPath, fmt.Sprintf("this controller does not serve the Ingress: no IngressClass %q exists, "+
				"and %q may be meant", value, own), fmt.Sprintf("write %q, or remove the annotations of this controller", own))
		}
		return note(legacyClassPath, fmt.Sprintf("this controller serves Ingresses of class %q and leaves this one, of "+
			"class %q, to another controller", own, value), fmt.Sprintf("if it is meant for this controller, write %q; "+
			"otherwise remove the annotations of this controller", own))
	}
	name := ing.Spec.IngressClassName
	if name == nil {
		defaults := defaultClasses(v)
		if len(defaults) == 0 {
			return note(classPath, "the Ingress names no class, and no IngressClass is the default: this controller does not "+
				"serve it", "set "+classPath)
		}
		name = &defaults[0]
	}
	c, _ := v.IngressClass(*name)
	if c == nil {
		return nil
	}
	return note(classPath, fmt.Sprintf("IngressClass %s belongs to controller %s: this controller does not serve the "+
		"Ingress",
		c.Name, c.Spec.Controller), "if it is meant for this controller, name a class of controller "+Controller+
		"; otherwise remove the annotations of this controller")
}

// legacyClass is the value of the legacy annotation by which an Ingress is this controller's.
func (c Config) legacyClass() string { return cmp.Or(c.IngressClass, "alb") }

const legacyClassPath = "metadata.annotations[" + LegacyClassAnnotation + "]"

// MisspeltLegacyClass reports whether the legacy annotation of an Ingress seems to misspell the class of this
// controller.
func MisspeltLegacyClass(v *objects.View, cfg Config, ing *networkingv1.Ingress) bool {
	value, own := ing.Annotations[LegacyClassAnnotation], cfg.legacyClass()
	if value == own || annotation.NearestOf(value, own) == "" {
		return false
	}
	_, exists := v.IngressClass(value)
	return !exists
}
