package admission

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// checkReservedTags is the check of the keys of tags, of every kind of object that has tags.
const checkReservedTags = "checkReservedTags"

// Tags refuses keys in the tags of an object that may not be set, or, if old is not nil, those that its update adds or
// changes: an object that has such tags since before it was validated can be edited. A LoadBalancerConfiguration may be
// one of an administrator, whose GatewayClass comes later, and only gets a warning.
func Tags(old, object metav1.Object) Response {
	if object.GetDeletionTimestamp() != nil {
		return Response{}
	}
	var before map[string]map[string]string
	if old != nil {
		before = tagsOf(old)
	}
	tags := tagsOf(object)
	var refused, kept []string
	for _, path := range slices.Sorted(maps.Keys(tags)) {
		for _, key := range tagkey.Refused(tags[path], administered(object)) {
			text, remedy := tagkey.Refusal(key)
			text = fmt.Sprintf("%s (%s); %s", text, path, remedy)
			_, mayBeOfClass := object.(*lbcgatewayv1.LoadBalancerConfiguration)
			was, had := before[path][key]
			if had && was == tags[path][key] || mayBeOfClass && !tagkey.Reserved(key) {
				kept = append(kept, text)
				continue
			}
			refused = append(refused, text)
		}
	}
	out := Response{Denied: diag.First(refused, maxRefusals, ". "), Warnings: kept[:min(len(kept), maxWarnings)]}
	if len(refused) > 0 {
		out.Check = checkReservedTags
	}
	return out
}

// administered reports whether only administrators write objects of a kind, as tagkey.Refused takes it.
func administered(object metav1.Object) func(string) bool {
	if _, ok := object.(*v1beta1.IngressClassParams); ok {
		return tagkey.Administered
	}
	return nil
}

// tagsOf are the tags that an object declares, by field.
func tagsOf(object metav1.Object) map[string]map[string]string {
	out := map[string]map[string]string{}
	switch o := object.(type) {
	case *networkingv1.Ingress:
		annotated(out, o, annotation.Tags, annotation.FrontendTags)
	case *corev1.Service: // one of an Ingress may have tags for its target groups
		annotated(out, o, annotation.ServiceTags, annotation.Tags)
	case *v1beta1.IngressClassParams:
		for i, tag := range o.Spec.Tags {
			out[fmt.Sprintf("spec.tags[%d]", i)] = map[string]string{tag.Key: tag.Value}
		}
	case *lbcgatewayv1.LoadBalancerConfiguration:
		out["spec.tags"] = o.Spec.Tags
	case *lbcgatewayv1.ListenerRuleConfiguration:
		out["spec.tags"] = o.Spec.Tags
	case *lbcgatewayv1.TargetGroupConfiguration:
		out["spec.defaultConfiguration.tags"] = o.Spec.DefaultConfiguration.Tags
		for i := range o.Spec.RouteConfigurations {
			out[fmt.Sprintf("spec.routeConfigurations[%d].targetGroupProps.tags", i)] =
				o.Spec.RouteConfigurations[i].TargetGroupProps.Tags
		}
	case *agav1beta1.GlobalAccelerator:
		out["spec.tags"] = o.Spec.Tags
	}
	return out
}

// annotated adds the tags in annotations. What cannot be read as tags has none.
func annotated(out map[string]map[string]string, o metav1.Object, keys ...annotation.Key) {
	r := annotation.NewReader(&annotation.Findings{}, diag.Object{}, o.GetAnnotations())
	for _, k := range keys {
		if tags := r.Map(k); tags.Set {
			out[k.Path()] = tags.Value
		}
	}
}

// With adds the refusal and the warnings of another check of the same request.
func (r Response) With(other Response) Response {
	if r.Denied == "" {
		r.Check, r.Denied = other.Check, other.Denied
	}
	r.Warnings = slices.Concat(r.Warnings, other.Warnings)
	return r
}
