package front

import (
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
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

// TestManyObjectsOfATenantCostInProportion has a tenant create more and more Ingresses that look like members of the
// group of others, or set what is for those who decide: each pass for an edit of another tenant looks at them.
func TestManyObjectsOfATenantCostInProportion(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
	for name, change := range map[string]func(*networkingv1.Ingress){
		"with forged finalizers": func(i *networkingv1.Ingress) {
			i.Annotations, i.Finalizers = nil, []string{"group.ingress.k8s.aws/g"}
		},
		"with policies": func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/drift-policy"] = "report" },
	} {
		for _, remembers := range []bool{false, true} {
			growth.AtMost(t, 1.4, fmt.Sprintf("microseconds for Ingresses %s, memory %t", name, remembers), func(n int) float64 {
				w, before := Input{Declared: true}, &compile.Memory{}
				w.LoadBalancer.Key = key
				add := func(i *networkingv1.Ingress) {
					i.UID = types.UID(i.Name)
					if len(i.Finalizers) > 0 {
						w.Leaving = append(w.Leaving, i)
						return
					}
					w.Members = append(w.Members, i)
					w.LoadBalancer.Members = append(w.LoadBalancer.Members, intent.Member{Object: owner.Object(i)})
				}
				web := ofGroup("a", "web", 1, 1)
				web.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{Hostname: "g.example"}}
				add(web)
				web.Finalizers = []string{"group.ingress.k8s.aws/g"}
				for i := range 2 * n {
					ing := ofGroup("mal", fmt.Sprint("m", i), int64(2+i), 1)
					change(ing)
					add(ing)
				}
				if remembers {
					before.Members = []diag.Object{owner.Object(web)}
				}
				took := cputime.PerCall(func() {
					got := w.Governed(key, before)
					if len(got.Forged)+len(got.SetAside) != 2*n || len(got.Owners()) != 1+len(got.SetAside) {
						t.Errorf("%d forged, %d set aside, %d owners", len(got.Forged), len(got.SetAside), len(got.Owners()))
					}
				})
				return float64(took.Microseconds())
			})
		}
	}
}
