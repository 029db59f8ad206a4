package ingress

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

func TestParametersOfAClassAreTakenOnlyIfTheyAreOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ref     networkingv1.IngressClassParametersReference
		problem string
	}{
		"ours":            {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind, Name: "p"}, ""},
		"no group":        {networkingv1.IngressClassParametersReference{Kind: paramsKind, Name: "p"}, "references unknown parameters"},
		"an empty group":  {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(""), Kind: paramsKind, Name: "p"}, "references unknown parameters"},
		"another group":   {networkingv1.IngressClassParametersReference{APIGroup: ptr.To("k8s.example.com"), Kind: paramsKind, Name: "p"}, "references unknown parameters"},
		"another kind":    {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: "Params", Name: "p"}, "references unknown parameters"},
		"no such object":  {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind, Name: "q"}, `"q", named by IngressClass alb, not found`},
		"scope is no use": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind, Name: "p", Scope: ptr.To("Namespace"), Namespace: ptr.To("n")}, ""},
	} {
		v := world.FromObjects([]any{
			&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: Controller, Parameters: &c.ref}},
			&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}},
		})
		class, d := Classify(v, defaults(), &networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}})
		if (d != nil) != (c.problem != "") || d != nil && !strings.Contains(d.Text, c.problem) || class.Managed != (c.problem == "") {
			t.Errorf("%s: %+v, %v", name, class, d)
		}
	}
}

// TestMembersOfOneOrderGoByNamespaceAndName compares the two as one text: "a-b/x" comes before "a/x".
func TestMembersOfOneOrderGoByNamespaceAndName(t *testing.T) {
	t.Parallel()
	var objects []any
	for _, full := range []string{"b/a", "a/z", "a-b/x", "a/b"} {
		namespace, name, _ := strings.Cut(full, "/")
		objects = append(objects, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
			Annotations: map[string]string{LegacyClassAnnotation: "alb", string(annotation.GroupName): "g"}}})
	}
	var got []string
	for _, i := range Load(world.FromObjects(objects), defaults(), stack.ID{Name: "g"}).Active {
		got = append(got, i.Namespace+"/"+i.Name)
	}
	if want := "a-b/x a/b a/z b/a"; strings.Join(got, " ") != want {
		t.Errorf("members %v, want %s", got, want)
	}
}
