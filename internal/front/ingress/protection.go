package ingress

import (
	"slices"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

const deletionProtection = "deletion_protection.enabled"

// Protecting returns the Ingresses of a group whose declarations of deletion protection count: the members, or of a
// group without members those that are being deleted. Those that moved to another group do not count.
func (g Group) Protecting() []*networkingv1.Ingress {
	if members := slices.Concat(g.Active, g.Former); len(members) > 0 {
		return members
	}
	return slices.DeleteFunc(slices.Clone(g.Inactive),
		func(i *networkingv1.Ingress) bool { return i.DeletionTimestamp == nil })
}

// DeletionProtection returns the deletion protection that Ingresses declare for the load balancer of their group. Class
// parameters take precedence over the annotation, and true over false. It is not set if no Ingress declares it.
func DeletionProtection(v *objects.View, from []*networkingv1.Ingress) intent.Field[bool] {
	return declaredBy(from, func(ing *networkingv1.Ingress) intent.Field[bool] { return protection(v, ing) })
}

// FrontendProtection returns the same for the network load balancer in front of the group's load balancer.
func FrontendProtection(from []*networkingv1.Ingress) intent.Field[bool] {
	return declaredBy(from, func(ing *networkingv1.Ingress) intent.Field[bool] {
		return annotated(ing, annotation.FrontendAttributes)
	})
}

func declaredBy(from []*networkingv1.Ingress, read func(*networkingv1.Ingress) intent.Field[bool]) intent.Field[bool] {
	var out intent.Field[bool]
	for _, ing := range from {
		if f := read(ing); f.Set && (!out.Set || f.Value) {
			out = f
		}
	}
	return out
}

func protection(v *objects.View, ing *networkingv1.Ingress) intent.Field[bool] {
	if c, ok := classOf(v, ing); ok && c.Spec.Controller == Controller && c.Spec.Parameters != nil {
		if f := classProtection(v, c.Spec.Parameters.Name); f.Set {
			return f
		}
	}
	return annotated(ing, annotation.LoadBalancerAttributes)
}

// classOf is the class that Classify returns, or returned before the deletion; there is none if the legacy annotation
// decides.
func classOf(v *objects.View, ing *networkingv1.Ingress) (*networkingv1.IngressClass, bool) {
	if _, legacy := ing.Annotations[LegacyClassAnnotation]; legacy {
		return nil, false
	}
	if name := ing.Spec.IngressClassName; name != nil {
		return v.IngressClass(*name)
	}
	if defaults := defaultClasses(v); len(defaults) == 1 {
		return v.IngressClass(defaults[0])
	}
	return nil, false
}

func annotated(ing *networkingv1.Ingress, k annotation.Key) intent.Field[bool] {
	attributes := annotation.NewReader(&annotation.Findings{}, Object(ing), ing.Annotations).Map(k)
	return parseProtection(attributes.Value[deletionProtection], attributes.Source)
}

func classProtection(v *objects.View, params string) intent.Field[bool] {
	p, ok := v.IngressClassParams(params)
	if !ok {
		return intent.Field[bool]{}
	}
	for _, a := range p.Spec.LoadBalancerAttributes {
		if a.Key == deletionProtection {
			return parseProtection(a.Value, intent.At(diag.Object{Kind: paramsKind, Name: params},
				"spec.loadBalancerAttributes"))
		}
	}
	return intent.Field[bool]{}
}

func parseProtection(raw string, s intent.Source) intent.Field[bool] {
	on, err := strconv.ParseBool(raw)
	if err != nil {
		return intent.Field[bool]{}
	}
	return intent.Of(on, s)
}
