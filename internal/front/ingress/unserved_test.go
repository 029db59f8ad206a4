package ingress

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestUnservedIngressWithOurAnnotationsIsNoted has Ingresses that this controller does not serve, and others.
func TestUnservedIngressWithOurAnnotationsIsNoted(t *testing.T) {
	t.Parallel()
	nginx, ours, typo := "nginx", "alb", "abl"
	scheme := string(annotation.Scheme)
	legacy := func(value string) map[string]string {
		return map[string]string{scheme: "internal", LegacyClassAnnotation: value}
	}
	for name, c := range map[string]struct {
		annotations map[string]string
		class       *string
		byDefault   string // the name of the default class
		any         bool   // without --ingress-class
		change      func(*networkingv1.Ingress)
		want        string // part of the note; empty = there is none
	}{
		"no class":                      {annotations: map[string]string{scheme: "internal"}, want: "names no class"},
		"no class, all without class":   {annotations: map[string]string{scheme: "internal"}, any: true},
		"no class, no annotations":      {},
		"default class of ours":         {annotations: map[string]string{scheme: "internal"}, byDefault: ours},
		"default class of others":       {annotations: map[string]string{scheme: "internal"}, byDefault: nginx, want: "nginx"},
		"class of others":               {annotations: map[string]string{scheme: "internal"}, class: &nginx, want: "example.com/x"},
		"class of others, nothing ours": {annotations: map[string]string{"nginx.ingress.kubernetes.io/a": "b"}, class: &nginx},
		"class of ours":                 {annotations: map[string]string{scheme: "internal"}, class: &ours},
		"class that is not there":       {annotations: map[string]string{scheme: "internal"}, class: &typo},
		"legacy class of others":        {annotations: legacy("nginx"), want: `of class "nginx", to another controller`},
		"misspelt legacy class":         {annotations: legacy("abl"), want: `"alb" may be meant`},
		"legacy class, nothing ours":    {annotations: map[string]string{LegacyClassAnnotation: "abl"}},
		"legacy class of ours":          {annotations: legacy("alb")},
		"class of others, which serves": {annotations: map[string]string{scheme: "internal"}, class: &nginx,
			change: func(i *networkingv1.Ingress) {
				i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}
			}},
		"served by us until now": {annotations: map[string]string{scheme: "internal"}, class: &nginx,
			change: func(i *networkingv1.Ingress) { i.Finalizers = []string{"ingress.k8s.aws/resources"} }},
		"being deleted": {annotations: map[string]string{scheme: "internal"}, class: &nginx,
			change: func(i *networkingv1.Ingress) { i.DeletionTimestamp = &metav1.Time{} }},
	} {
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Annotations: c.annotations}, Spec: networkingv1.IngressSpec{IngressClassName: c.class}}
		if c.change != nil {
			c.change(ing)
		}
		objs := []metav1.Object{ing}
		for class, controller := range map[string]string{nginx: "example.com/x", ours: Controller} {
			of := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class},
				Spec: networkingv1.IngressClassSpec{Controller: controller}}
			if class == c.byDefault {
				of.Annotations = map[string]string{defaultClassAnnotation: "true"}
			}
			objs = append(objs, of)
		}
		cfg := Config{IngressClass: "alb"}
		if c.any {
			cfg.IngressClass = ""
		}
		d := Unserved(objects.FromObjects(objs), cfg, ing)
		if (d != nil) != (c.want != "") || d != nil && (d.Code != diag.NotServed || d.Severity() != diag.Remark ||
			!strings.Contains(d.Text, c.want)) {
			t.Errorf("%s: %v, want %q", name, d, c.want)
		}
	}
}
