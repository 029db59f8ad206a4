package ingress

import (
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

const deletionProtection = "deletion_protection.enabled"

// DeletionProtection returns the deletion protection that the members which leave a group declare for its load
// balancer, which is deleted with the last of them. Class parameters take precedence over the annotation, and true over
// false. It is not set if no member declares it. Only members that are being deleted count; those that moved away do
// not.
func DeletionProtection(v *objects.View, g Group) intent.Field[bool] {
	return declaredBy(g, func(ing *networkingv1.Ingress) intent.Field[bool] { return protection(v, ing) })
}

// FrontendProtection returns the same for the network load balancer in front of the group's load balancer.
func FrontendProtection(g Group) intent.Field[bool] {
	return declaredBy(g, func(ing *networkingv1.Ingress) intent.Field[bool] {
		return annotated(ing, annotation.FrontendAttributes)
	})
}

func declaredBy(g Group, read func(*networkingv1.Ingress) intent.Field[bool]) intent.Field[bool] {
	var out intent.Field[bool]
	for _, ing := range g.Inactive {
		if ing.DeletionTimestamp == nil {
			continue
		}
		if f := read(ing); f.Set && (!out.Set || f.Value) {
			out = f
		}
	}
	return out
}

func protection(v *objects.View, ing *networkingv1.Ingress) intent.Field[bool] {
	if c, ok := classOfDeleting(v, ing); ok && c.Spec.Controller == Controller && c.Spec.Parameters != nil {
		if f := classProtection(v, c.Spec.Parameters.Name); f.Set {
			return f
		}
	}
	return annotated(ing, annotation.LoadBalancerAttributes)
}

// classOfDeleting is the class that Classify returned before the deletion; there is none if the legacy annotation
// decides.
func classOfDeleting(v *objects.View, ing *networkingv1.Ingress) (*networkingv1.IngressClass, bool) {
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
