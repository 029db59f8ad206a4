package front

import (
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ofGroup is an Ingress of group g with so many paths.
func ofGroup(namespace, name string, created int64, paths int) *networkingv1.Ingress {
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
		CreationTimestamp: metav1.Unix(created, 0),
		Annotations:       map[string]string{"alb.ingress.kubernetes.io/group.name": "g"}}}
	ing.APIVersion, ing.Kind, ing.Spec.IngressClassName = "networking.k8s.io/v1", "Ingress", ptr.To("alb")
	http := &networkingv1.HTTPIngressRuleValue{}
	for i := range paths {
		http.Paths = append(http.Paths, networkingv1.HTTPIngressPath{Path: fmt.Sprint("/p", i),
			PathType: ptr.To(networkingv1.PathTypeExact), Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}}})
	}
	ing.Spec.Rules = []networkingv1.IngressRule{{Host: name + ".test",
		IngressRuleValue: networkingv1.IngressRuleValue{HTTP: http}}}
	return ing
}

// TestManyIngressesOfATenantCostOthersLittle counts the routes that are made of a group in which a tenant has fifty
// Ingresses just below the limit of one: without a bound, a pass for an edit of the other tenant takes seconds.
func TestManyIngressesOfATenantCostOthersLittle(t *testing.T) {
	t.Parallel()
	objs := decode(t, `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
`)
	objs = append(objs, ofGroup("a", "web", 1, 10))
	for i := range 50 {
		objs = append(objs, ofGroup("mal", fmt.Sprint("m", i), int64(2+i), intent.MaxMemberRules-1))
	}
	f := Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP}}
	w := f.Load(objects.FromObjects(objs), stack.ID{Name: "g"})
	routes, refused := 0, 0
	for _, m := range w.LoadBalancer.Members {
		routes += len(m.Routes)
		for _, d := range m.Diagnostics {
			if d.Code == diag.InvalidRule {
				refused++
				if m.Object.Namespace != "mal" || m.Object.Name == "m0" {
					t.Errorf("%s is refused: %s", m.Object, d.Text)
				}
			}
		}
	}
	if routes > 2*intent.MaxGroupRules || refused != 49 {
		t.Errorf("%d routes; %d Ingresses are refused", routes, refused)
	}
}
