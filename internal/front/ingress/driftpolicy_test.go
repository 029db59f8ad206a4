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

func TestDriftPoliciesAreDeclaredByClassThenAnnotation(t *testing.T) {
	t.Parallel()
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller, Parameters: &networkingv1.IngressClassParametersReference{
			APIGroup: &v1beta1.GroupVersion.Group, Kind: paramsKind, Name: "p"}}}
	for name, c := range map[string]struct {
		class, own  string
		rules, tags string
		costs       diag.Scope // of the finding, if there is one
	}{
		"own":                  {"", "rules=ignore", "ignore", "", ""},
		"the class's":          {"report", "", "report", "report", ""},
		"both":                 {"rules=report", "ignore", "report", "ignore", ""},
		"a mistake of its own": {"rules=report", "reprot", "report", "", diag.AddOn},
		"the class's mistake":  {"rules=reprot", "ignore", "correct", "correct", diag.AddOn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web, params := ing.DeepCopy(), &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
			if c.own != "" {
				web.Annotations = map[string]string{string(annotation.DriftPolicy): c.own}
			}
			if c.class != "" {
				params.Annotations = map[string]string{string(annotation.ClassDriftPolicy): c.class}
			}
			v := objects.FromObjects([]metav1.Object{web, class, params})
			m := Translate(v, defaults(), Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web"})).Members[0]
			if by := m.Settings.DriftPolicy; by["rules"].Value != c.rules || by["tags"].Value != c.tags {
				t.Errorf("rules %q, tags %q, want %q, %q", by["rules"].Value, by["tags"].Value, c.rules, c.tags)
			}
			var costs diag.Scope
			for _, d := range m.Diagnostics {
				if d.Code == diag.InvalidAnnotation {
					costs = d.Scope
				}
			}
			if costs != c.costs {
				t.Errorf("a mistake costs %q, want %q: %v", costs, c.costs, m.Diagnostics)
			}
		})
	}
}
