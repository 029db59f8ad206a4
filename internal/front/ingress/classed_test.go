package ingress

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// keyed are annotations by key; an empty value means that there is none.
type keyed map[annotation.Key]string

// web returns Ingress shop/web with annotations, and a view of it and of its class, whose IngressClassParams have
// others.
func web(own, ofClass keyed) (*networkingv1.Ingress, *objects.View) {
	set := func(all keyed) map[string]string {
		out := map[string]string{}
		for k, v := range all {
			if v != "" {
				out[string(k)] = v
			}
		}
		return out
	}
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: set(own)},
		Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
	class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
		Controller: Controller, Parameters: &networkingv1.IngressClassParametersReference{
			APIGroup: &v1beta1.GroupVersion.Group, Kind: paramsKind, Name: "p"}}}
	params := &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: set(ofClass)}}
	return ing, objects.FromObjects([]metav1.Object{ing, class, params})
}

func loadWeb(v *objects.View) Group {
	return Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web"})
}

// translateWeb returns the member of web, and what a mistake in its annotations costs.
func translateWeb(v *objects.View) (m intent.Member, costs diag.Scope) {
	m = Translate(v, defaults(), loadWeb(v)).Members[0]
	for _, d := range m.Diagnostics {
		if d.Code == diag.InvalidAnnotation {
			costs = d.Scope
		}
	}
	return m, costs
}
