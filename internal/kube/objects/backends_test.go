package objects

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestIngressNamesEachServiceItMayUse(t *testing.T) {
	t.Parallel()
	backend := func(name string) networkingv1.IngressBackend {
		return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name}}
	}
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front",
		Annotations: map[string]string{
			"alb.ingress.kubernetes.io/actions.weighted": `{"Type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"blue","servicePort":80},{"serviceName": "green-2"}]}}`,
			"alb.ingress.kubernetes.io/actions.broken":   `a"b"odd"c`,
			"alb.ingress.kubernetes.io/conditions.x":     `"no-action"`,
		}}}
	byDefault := backend("default")
	i.Spec.DefaultBackend = &byDefault
	i.Spec.Rules = []networkingv1.IngressRule{
		{}, {IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Backend: backend("a")}, {Backend: backend("a")},
				{Backend: networkingv1.IngressBackend{}}, {Backend: backend("weighted")}}}}}}
	refs := References(i)
	for _, name := range []string{"default", "a", "weighted", "blue", "green-2", "b", "odd"} {
		if n := len(slices.DeleteFunc(slices.Clone(refs), func(r Ref) bool { return r != BackendRef("shop", name) })); n !=
			1 {
			t.Errorf("%s is named %d times in %v", name, n, refs)
		}
	}
	for _, r := range refs {
		if r.Kind == IngressClass {
			continue
		}
		if r.Kind != Backend || r.Name == "" || r.Name == "Type" || r.Name == "no-action" {
			t.Errorf("it names %+v", r)
		}
	}
}
