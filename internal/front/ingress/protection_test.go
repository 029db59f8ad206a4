package ingress

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

func TestDeletionProtectionIsDeclaredByClassThenAnnotation(t *testing.T) {
	t.Parallel()
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller, Parameters: &networkingv1.IngressClassParametersReference{Kind: paramsKind, Name: "p"}}}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1beta1.IngressClassParamsSpec{
		LoadBalancerAttributes: []v1beta1.Attribute{{Key: deletionProtection, Value: "true"}}}}
	byDefault := class.DeepCopy()
	byDefault.Annotations = map[string]string{defaultClassAnnotation: "true"}
	legacy := func(i *networkingv1.Ingress) *networkingv1.Ingress {
		i.Annotations[LegacyClassAnnotation] = "alb"
		return i
	}
	leaving := func(class, attributes string, deleting bool) *networkingv1.Ingress {
		i := &networkingv1.Ingress{}
		i.Annotations = map[string]string{string(annotation.LoadBalancerAttributes): attributes}
		if class != "" {
			i.Spec.IngressClassName = ptr.To(class)
		}
		if deleting {
			i.DeletionTimestamp = &metav1.Time{}
		}
		return i
	}
	for _, tc := range []struct {
		name     string
		class    *networkingv1.IngressClass
		inactive []*networkingv1.Ingress
		set, on  bool
	}{
		{"nobody says anything", class, []*networkingv1.Ingress{leaving("", "idle_timeout.timeout_seconds=9", true)},
			false, false},
		{"annotation on", class, []*networkingv1.Ingress{leaving("", "deletion_protection.enabled=true", true)}, true, true},
		{"annotation off", class, []*networkingv1.Ingress{leaving("", "deletion_protection.enabled=false", true)},
			true, false},
		{"class over annotation", class, []*networkingv1.Ingress{leaving("alb", "deletion_protection.enabled=false", true)},
			true, true},
		{"the cluster's default class over annotation", byDefault, []*networkingv1.Ingress{
			leaving("", "deletion_protection.enabled=false", true)}, true, true},
		{"the legacy annotation instead of the class", class, []*networkingv1.Ingress{legacy(leaving("alb", "", true))},
			false, false},
		{"the legacy annotation instead of the default class", byDefault, []*networkingv1.Ingress{
			legacy(leaving("", "", true))}, false, false},
		{"one of two", class, []*networkingv1.Ingress{leaving("", "deletion_protection.enabled=false", true),
			leaving("", "deletion_protection.enabled=true", true)}, true, true},
		{"a member that moved away cannot hold it", class, []*networkingv1.Ingress{
			leaving("", "deletion_protection.enabled=true", false)}, false, false},
		{"nonsense is no declaration", class, []*networkingv1.Ingress{leaving("", "deletion_protection.enabled=perhaps",
			true)}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := DeletionProtection(objects.FromObjects([]any{tc.class, params}),
				Group{Inactive: tc.inactive}.Protecting())
			if f.Set != tc.set || f.Value != tc.on {
				t.Errorf("declared %t (set %t), want %t (set %t)", f.Value, f.Set, tc.on, tc.set)
			}
		})
	}
}

func TestFrontendAttributesDeclareFrontendProtection(t *testing.T) {
	t.Parallel()
	leaving := &networkingv1.Ingress{}
	leaving.DeletionTimestamp = &metav1.Time{}
	leaving.Annotations = map[string]string{
		string(annotation.LoadBalancerAttributes): "deletion_protection.enabled=false",
		string(annotation.FrontendAttributes):     "deletion_protection.enabled=true",
	}
	f := FrontendProtection(Group{Inactive: []*networkingv1.Ingress{leaving}}.Protecting())
	if !f.Set || !f.Value || f.Source.Path() != annotation.FrontendAttributes.Path() {
		t.Errorf("%+v", f)
	}
}
