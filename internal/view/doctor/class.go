package doctor

import (
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// ClassChecks are the checks of classes. The leader makes all of them.
var ClassChecks = []Check{{
	Name: "ingress-class-missing", Severity: Error, Needs: []Source{Objects},
	About: "An Ingress names an IngressClass that does not exist: no controller serves the Ingress.",
	Remedy: "create the class (with spec.controller " + ingress.Controller +
		" for this controller), or name an existing one in spec.ingressClassName",
	Find: missingClasses,
}, {
	Name: "ingress-class-default-twice", Severity: Error, Needs: []Source{Objects},
	About: "Several IngressClasses are marked as the default. The API server gives each new Ingress without a class the " +
		"newest of these IngressClasses, which may not be the intended class. Existing Ingresses without a class are " +
		"invalid for the controller.",
	Remedy: "keep the annotation ingressclass.kubernetes.io/is-default-class: \"true\" on only one class",
	Find:   defaultClasses,
}, {
	Name: "ingress-unclassed", Severity: Warning, Needs: []Source{Objects},
	About: "An Ingress has annotations of the controller, but the controller does not serve the Ingress. Either the " +
		"Ingress has no class, and the cluster has no default class of the controller. Or annotation " +
		"kubernetes.io/ingress.class of the Ingress seems to be misspelt.",
	Remedy: "set spec.ingressClassName, or correct annotation kubernetes.io/ingress.class",
	Find:   unclassedIngresses,
}, {
	Name: "class-params-missing", Severity: Error, Needs: []Source{Objects},
	About: "An IngressClass of the controller names IngressClassParams that do not exist: the controller does not serve " +
		"the Ingresses of the class.",
	Remedy: "create the IngressClassParams, or remove spec.parameters from the class",
	Find:   missingParams,
}, {
	Name: "class-params-unused", Severity: Warning, Needs: []Source{Objects},
	About: "IngressClassParams have settings that limit access or protect load balancers, for example spec.inboundCIDRs " +
		"or spec.wafv2AclArn. But no IngressClass of the controller names these IngressClassParams, so these settings have " +
		"no effect. The severity is note if the IngressClassParams have only other settings.",
	Remedy: "name the IngressClassParams in spec.parameters of an IngressClass, or delete the IngressClassParams",
	Find:   unusedParams,
}, {
	Name: "gateway-class-missing", Severity: Error, Needs: []Source{Objects},
	About: "A Gateway names a GatewayClass that does not exist: no controller serves the Gateway, and the status of the " +
		"Gateway stays empty.",
	Remedy: "create the class (with spec.controllerName gateway.k8s.aws/alb or gateway.k8s.aws/nlb for this " +
		"controller), or name an existing class",
	Find: missingGatewayClasses,
}, {
	Name: "gateway-class-unaccepted", Severity: Error, Needs: []Source{Objects},
	About: "A GatewayClass of the controller has not been accepted: the configuration of the GatewayClass is wrong, or " +
		"no controller serves its spec.controllerName. Gateways of this GatewayClass have no load balancers.",
	Remedy: "correct spec.parametersRef of the class, or the object that spec.parametersRef names; if the class has no " +
		"condition, check that the controller runs and that its feature gates enable Gateways",
	Find: unacceptedGatewayClasses,
}}

func classes(f *Facts) []*networkingv1.IngressClass {
	return list[*networkingv1.IngressClass](f, objects.IngressClass)
}

// Ingresses are sorted by namespace and name.
func (f *Facts) Ingresses() []*networkingv1.Ingress {
	return list[*networkingv1.Ingress](f, objects.Ingress)
}

func missingClasses(f *Facts) (out []Finding) {
	var names []string
	for _, c := range classes(f) {
		names = append(names, c.Name)
	}
	for _, i := range f.Ingresses() {
		if class := i.Spec.IngressClassName; class != nil && !slices.Contains(names, *class) {
			out = append(out, Finding{Object: NameOf(i), Text: "there is no IngressClass " + *class,
				Evidence: Evidence("there are ", names)})
		}
	}
	return out
}

func defaults(f *Facts) (names []string) {
	for _, c := range classes(f) {
		if c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			names = append(names, c.Name)
		}
	}
	return names
}

func defaultClasses(f *Facts) []Finding {
	names := defaults(f)
	if len(names) < 2 {
		return nil
	}
	return []Finding{{Object: "IngressClass " + names[1], Text: "several IngressClasses are the default",
		Evidence: Evidence("", names)}}
}

func unclassedIngresses(f *Facts) (out []Finding) {
	v, cfg := objects.New(f.Objects), ingress.Config{IngressClass: f.IngressClass}
	for _, i := range f.Ingresses() {
		_, legacy := i.Annotations[ingress.LegacyClassAnnotation]
		if legacy && !ingress.MisspeltLegacyClass(v, cfg, i) || !legacy && i.Spec.IngressClassName != nil {
			continue // it names a class, of whatever controller
		}
		if d := ingress.Unserved(v, cfg, i); d != nil {
			out = append(out, Finding{Object: NameOf(i), Text: d.Text})
		}
	}
	return out
}

func missingParams(f *Facts) (out []Finding) {
	for _, c := range classes(f) {
		p := c.Spec.Parameters
		if c.Spec.Controller != ingress.Controller || p == nil || p.Kind != string(objects.IngressClassParams) {
			continue
		}
		if _, ok := f.Objects.Get(objects.IngressClassParams, "", p.Name); !ok {
			out = append(out, Finding{Object: "IngressClass " + c.Name, Text: "there are no IngressClassParams " + p.Name})
		}
	}
	return out
}

// unusedParams are the class parameters that no class names. Without a guard among them, the finding is a note.
func unusedParams(f *Facts) (out []Finding) {
	v := objects.New(f.Objects)
	for _, p := range list[*v1beta1.IngressClassParams](f, objects.IngressClassParams) {
		d := ingress.Idle(p)
		if _, named := ingress.NamedByClass(v, p); named || d == nil || p.DeletionTimestamp != nil {
			continue
		}
		one := Finding{Object: NameOf(p), Text: d.Text}
		if d.Severity() == diag.Remark {
			one.Severity = Note
		}
		out = append(out, one)
	}
	return out
}

func unacceptedGatewayClasses(f *Facts) (out []Finding) {
	for _, c := range list[*gatewayv1.GatewayClass](f, objects.GatewayClass) {
		if !strings.HasPrefix(string(c.Spec.ControllerName), "gateway.k8s.aws/") {
			continue
		}
		accepted := apimeta.FindStatusCondition(c.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted))
		switch {
		case accepted != nil && accepted.Status == metav1.ConditionFalse:
			out = append(out, Finding{Object: NameOf(c), Text: "is not accepted: " + accepted.Reason, Evidence: []string{
				accepted.Message}})
		case (accepted == nil || accepted.Status != metav1.ConditionTrue) && f.Now.Sub(c.CreationTimestamp.Time) >
			time.Minute:
			out = append(out, Finding{Severity: Warning, Object: NameOf(c), Text: "no controller has accepted it"})
		}
	}
	return out
}

func missingGatewayClasses(f *Facts) (out []Finding) {
	for _, g := range list[*gatewayv1.Gateway](f, objects.Gateway) {
		if _, ok := f.Objects.Get(objects.GatewayClass, "", string(g.Spec.GatewayClassName)); !ok {
			out = append(out, Finding{Object: NameOf(g), Text: "there is no GatewayClass " + string(g.Spec.GatewayClassName)})
		}
	}
	return out
}
