package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
)

func annotatedMeta(key, value string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "mal", Name: "x", Annotations: map[string]string{key: value}}
}

// tagged makes an object of each kind that has tags, with one tag.
var tagged = map[string]func(k, v string) metav1.Object{
	"metadata.annotations[alb.ingress.kubernetes.io/tags]": func(k, v string) metav1.Object {
		return &networkingv1.Ingress{ObjectMeta: annotatedMeta("alb.ingress.kubernetes.io/tags", "Team=a, "+k+" = "+v)}
	},
	"metadata.annotations[alb.ingress.kubernetes.io/frontend-nlb-tags]": func(k, v string) metav1.Object {
		return &networkingv1.Ingress{ObjectMeta: annotatedMeta("alb.ingress.kubernetes.io/frontend-nlb-tags", k+"="+v)}
	},
	"metadata.annotations[service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags]": func(k,
		v string) metav1.Object {
		return &corev1.Service{
			ObjectMeta: annotatedMeta("service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags", k+"="+v)}
	},
	"metadata.annotations[alb.ingress.kubernetes.io/tags] of a Service": func(k, v string) metav1.Object {
		return &corev1.Service{ObjectMeta: annotatedMeta("alb.ingress.kubernetes.io/tags", k+"="+v)}
	},
	"spec.tags[1]": func(k, v string) metav1.Object {
		return &v1beta1.IngressClassParams{Spec: v1beta1.IngressClassParamsSpec{
			Tags: []v1beta1.Tag{{Key: "Team", Value: "a"}, {Key: k, Value: v}}}}
	},
	"spec.tags": func(k, v string) metav1.Object {
		return &lbcgatewayv1.LoadBalancerConfiguration{Spec: lbcgatewayv1.LoadBalancerConfigurationSpec{
			Tags: map[string]string{k: v}}}
	},
	"spec.tags of rules": func(k, v string) metav1.Object {
		return &lbcgatewayv1.ListenerRuleConfiguration{Spec: lbcgatewayv1.ListenerRuleConfigurationSpec{
			Tags: map[string]string{k: v}}}
	},
	"spec.defaultConfiguration.tags": func(k, v string) metav1.Object {
		o := &lbcgatewayv1.TargetGroupConfiguration{}
		o.Spec.DefaultConfiguration.Tags = map[string]string{k: v}
		return o
	},
	"spec.routeConfigurations[0].targetGroupProps.tags": func(k, v string) metav1.Object {
		o := &lbcgatewayv1.TargetGroupConfiguration{}
		o.Spec.RouteConfigurations = make([]lbcgatewayv1.RouteConfiguration, 1)
		o.Spec.RouteConfigurations[0].TargetGroupProps.Tags = map[string]string{k: v}
		return o
	},
	"spec.tags of accelerators": func(k, v string) metav1.Object {
		return &agav1beta1.GlobalAccelerator{Spec: agav1beta1.GlobalAcceleratorSpec{Tags: map[string]string{k: v}}}
	},
}

func TestReservedTagsAreRefused(t *testing.T) {
	t.Parallel()
	for what, object := range tagged {
		path, _, _ := strings.Cut(what, " of ")
		for _, key := range []string{"elbv2.k8s.aws/resource", "service.k8s.aws/stack", "Ingress.K8s.aws/stack",
			"kubernetes.io/cluster/demo"} {
			forged := object(key, "x")
			got := Tags(nil, forged)
			if got.Check != "checkReservedTags" || !strings.Contains(got.Denied, "tag key "+key+" is reserved") ||
				!strings.Contains(got.Denied, "("+path+")") {
				t.Errorf("%s, %s: %+v", what, key, got)
			}
			if got := Tags(object("Team", "b"), forged); got.Denied == "" {
				t.Errorf("%s, %s: an update may add it", what, key)
			}
			if got := Tags(object(key, "before"), forged); got.Denied == "" {
				t.Errorf("%s, %s: an update may change it", what, key)
			}
			if got := Tags(object(key, "x"), forged); got.Denied != "" || len(got.Warnings) != 1 {
				t.Errorf("%s, %s: an update that leaves it: %+v", what, key, got)
			}
			if got := Tags(forged, object("Team", "b")); got.Denied != "" || len(got.Warnings) != 0 {
				t.Errorf("%s, %s: an update that removes it: %+v", what, key, got)
			}
		}
		if got := Tags(nil, object("Name", "vic/web")); got.Denied != "" {
			t.Errorf("%s: a tag of a user is refused: %s", what, got.Denied)
		}
	}
	for what, object := range tagged {
		got := Tags(nil, object("karpenter.sh/discovery", "demo"))
		denied, warned := got.Denied != "", len(got.Warnings) > 0
		if ofClass, mayBeOfClass := what == "spec.tags[1]", what == "spec.tags"; denied != (!ofClass && !mayBeOfClass) ||
			warned != mayBeOfClass {
			t.Errorf("%s, a key that other controllers select by: %+v", what, got)
		}
	}
	leaving := &networkingv1.Ingress{ObjectMeta: annotatedMeta("alb.ingress.kubernetes.io/tags",
		"elbv2.k8s.aws/resource=x")}
	leaving.DeletionTimestamp = &metav1.Time{}
	if got := Tags(nil, leaving); got.Denied != "" {
		t.Errorf("an object that is being deleted is refused: %s", got.Denied)
	}
}
