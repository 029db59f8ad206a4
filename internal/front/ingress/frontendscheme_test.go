package ingress

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestSchemeOfAFrontendIsDeclaredByClassElseAnnotation(t *testing.T) {
	t.Parallel()
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller, Parameters: &networkingv1.IngressClassParametersReference{
			APIGroup: &v1beta1.GroupVersion.Group, Kind: paramsKind, Name: "p"}}}
	for _, c := range []struct {
		class, own, want string
		ofClass, told    bool
	}{
		{class: "", own: "internet-facing", want: "internet-facing"},
		{class: "internet-facing", own: "internal", want: "internet-facing", ofClass: true},
		{class: "internal", want: "internal", ofClass: true},
		{class: "Internet-Facing", own: "internal", want: "internal", told: true},
	} {
		web := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Annotations: map[string]string{string(annotation.Frontend): "true"}},
			Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
		params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{}}}
		if c.own != "" {
			web.Annotations[string(annotation.FrontendScheme)] = c.own
		}
		if c.class != "" {
			params.Annotations[string(annotation.ClassFrontendScheme)] = c.class
		}
		v := objects.FromObjects([]metav1.Object{web, class, params})
		m := Translate(v, defaults(), Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web"})).Members[0]
		got := m.Settings.Frontend.Scheme
		if got.Value != c.want || got.Source.OfClass() != c.ofClass {
			t.Errorf("class %q, own %q: %q of %s", c.class, c.own, got.Value, got.Source)
		}
		told := false
		for _, d := range m.Diagnostics {
			told = told || d.Code == diag.IgnoredSetting && d.Object == m.Object
		}
		if told != c.told {
			t.Errorf("class %q, own %q: %v", c.class, c.own, m.Diagnostics)
		}
	}
}
