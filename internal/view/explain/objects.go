package explain

import (
	"fmt"
	"regexp"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// WithObjects adds to the input what the objects of a view contain in addition to the stack: annotations, whether
// classes set the target type, and for a Gateway's load balancer the decisions about it. decisions is nil for other
// owners. The view is used as long as the input.
func (in Input) WithObjects(v *objects.View, c ingress.Config, decisions *gateway.Decisions) Input {
	in.Annotations = func(o diag.Object) map[string]string {
		if x, ok := objects.Lookup[metav1.Object](v, objects.Kind(o.Kind), o.Namespace, o.Name); ok {
			return x.GetAnnotations()
		}
		return nil
	}
	in.ClassTargetType = func(o diag.Object) string { return classTargetType(v, c, o) }
	if decisions != nil {
		in.Gateway = &GatewayInput{
			Overview:  decisions.Overview(in.Diagnostics),
			Extension: func(route diag.Object, path string) string { return extensionOf(v, route, path) },
			Properties: func(route diag.Object, service stack.ID) configuration.Layers[configv1.TargetGroupProps] {
				return decisions.Properties(v, objects.Ref{Kind: objects.Service, Namespace: service.Namespace, Name: service.Name},
					route)
			},
		}
	}
	return in
}

// classTargetType is where the class of an Ingress sets the target type; empty if it does not.
func classTargetType(v *objects.View, c ingress.Config, o diag.Object) string {
	if o.Kind != string(objects.Ingress) {
		return ""
	}
	i, ok := objects.Lookup[*networkingv1.Ingress](v, objects.Ingress, o.Namespace, o.Name)
	if !ok {
		return ""
	}
	class, d := ingress.Classify(v, c, i)
	if d != nil || class.Params == nil || class.Params.Spec.TargetType == "" {
		return ""
	}
	return "spec.targetType of IngressClassParams " + class.Params.Name
}

// ruleOf is the rule of a route that a field belongs to.
var ruleOf = regexp.MustCompile(`^spec\.rules\[(\d+)\]`)

// extensionOf is the ListenerRuleConfiguration of a rule of an HTTPRoute or GRPCRoute; empty if it has none.
func extensionOf(v *objects.View, o diag.Object, path string) string {
	m := ruleOf.FindStringSubmatch(path)
	x, ok := objects.Lookup[metav1.Object](v, objects.Kind(o.Kind), o.Namespace, o.Name)
	if m == nil || !ok {
		return ""
	}
	n, _ := strconv.Atoi(m[1]) // digits
	var refs []*gatewayv1.LocalObjectReference
	switch r := x.(type) {
	case *gatewayv1.HTTPRoute:
		if n < len(r.Spec.Rules) {
			for _, f := range r.Spec.Rules[n].Filters {
				refs = append(refs, f.ExtensionRef)
			}
		}
	case *gatewayv1.GRPCRoute:
		if n < len(r.Spec.Rules) {
			for _, f := range r.Spec.Rules[n].Filters {
				refs = append(refs, f.ExtensionRef)
			}
		}
	}
	for _, ref := range refs {
		if ref != nil && string(ref.Kind) == string(objects.ListenerRuleConfiguration) {
			return fmt.Sprintf("%s %s/%s", ref.Kind, o.Namespace, ref.Name)
		}
	}
	return ""
}

// Reason returns why something cannot be built: the first diagnostic that is no note.
func Reason(l diag.List) string {
	for _, d := range l {
		if d.Class != diag.Note {
			return d.Message()
		}
	}
	return "see its diagnostics"
}
