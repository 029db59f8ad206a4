package ingress

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func groupIngress(namespace string) *networkingv1.Ingress {
	class := "plain"
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web", Annotations: map[string]string{
			"alb.ingress.kubernetes.io/group.name": "front"}},
		Spec: networkingv1.IngressSpec{IngressClassName: &class},
	}
}

// deployed is the status of an Ingress that is served.
var deployed = networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{
	Ingress: []networkingv1.IngressLoadBalancerIngress{{Hostname: "shared.elb.amazonaws.com"}}}}

// governedGroup has Ingresses of three namespaces that name group front by annotation, and class parameters that name
// it, too.
func governedGroup(finalizers ...string) (*objects.View, []*networkingv1.Ingress) {
	namespace := func(name, tenant string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"front": tenant}}}
	}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "front"}}
	params.Spec.Group = &v1beta1.IngressGroup{
		Name: "front", SettingsNamespaces: []v1beta1.IngressGroupNamespace{"infra"},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"front": "yes"}},
	}
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller}}
	list := []*networkingv1.Ingress{groupIngress("infra"), groupIngress("shop"), groupIngress("zz")}
	list[2].Finalizers, list[2].Status = finalizers, deployed
	return objects.FromObjects([]any{class, params, namespace("infra", "yes"), namespace("shop", "yes"),
		namespace("zz", "no"), list[0], list[1], list[2]}), list
}

func TestClassParametersDecideWhichNamespacesJoinGroup(t *testing.T) {
	t.Parallel()
	v, list := governedGroup()
	for _, ing := range list {
		id, ok, d := GroupOf(v, Config{}, ing)
		if want := ing.Namespace != "zz"; ok != want || want && id.Name != "front" || !want &&
			(d == nil || d.Code != diag.InvalidGroup) {
			t.Errorf("%s: group %v %t %v", ing.Namespace, id, ok, d)
		}
	}
	g := Load(v, Config{}, stack.ID{Name: "front"})
	if len(g.Active) != 2 {
		t.Errorf("members %v", g.Active)
	}
}

func TestClassParametersDecideWhoSetsSharedSettings(t *testing.T) {
	t.Parallel()
	v, _ := governedGroup()
	e := Translate(v, Config{}, Load(v, Config{}, stack.ID{Name: "front"}))
	want := map[string]intent.Authority{"infra": intent.Deciding, "shop": intent.RoutesOnly}
	for _, m := range e.Members {
		if m.Authority != want[m.Object.Namespace] {
			t.Errorf("%s: %q", m.Object, m.Authority)
		}
	}
}

func TestAMemberOfAGroupThatIsNoLongerAdmittedStaysAsItWas(t *testing.T) {
	t.Parallel()
	v, _ := governedGroup("group.ingress.k8s.aws/front")
	g := Load(v, Config{}, stack.ID{Name: "front"})
	if len(g.Former) != 1 || g.Former[0].Namespace != "zz" {
		t.Errorf("former %v, diagnostics %v", g.Former, g.Diagnostics)
	}
}
