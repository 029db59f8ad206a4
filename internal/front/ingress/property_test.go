package ingress

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// values are good and bad values of any annotation.
var values = append([]string{"", "true", "maybe", "443", "-1", "99999999999", "a=b,c=d", "a,b", `{"type":"forward"}`,
	`[{"field":"host-header"}]`, "[]", "{", "http", "/", "*", `\`}, examples()...)

func examples() []string {
	var out []string
	for _, e := range annotation.Entries() {
		out = append(out, e.Example)
	}
	return out
}

// annotations are any of ours, with any values.
func annotations(t *rapid.T) map[string]string {
	out := map[string]string{}
	entries := annotation.Entries()
	for range rapid.IntRange(0, 12).Draw(t, "n") {
		e := rapid.SampledFrom(entries).Draw(t, "entry")
		k := string(e.Key)
		if e.Family != "" {
			k += rapid.SampledFrom([]string{"web", "web.80", "HTTP-80", "HTTPS-443", "x"}).Draw(t, "rest")
		}
		out[k] = rapid.SampledFrom(values).Draw(t, "value")
	}
	return out
}

func TestAnyAnnotationsGiveAMemberWithPlacedDiagnostics(t *testing.T) {
	t.Parallel()
	base := golden.Input(t, "testdata/worked-example", &struct{ Config Config }{})
	rapid.Check(t, func(t *rapid.T) {
		ing := &networkingv1.Ingress{}
		ing.Namespace, ing.Name, ing.Annotations = "shop", "web-front", annotations(t)
		ing.Annotations["kubernetes.io/ingress.class"] = "alb"
		kind := networkingv1.PathTypePrefix
		for _, service := range []string{"api", "site-frontend", "gone", "web"} {
			port := networkingv1.ServiceBackendPort{Number: rapid.SampledFrom([]int32{80, 81}).Draw(t, "port")}
			if rapid.Bool().Draw(t, "annotated") {
				port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
			}
			ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{
				Host: service + ".example.com",
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{
						{Path: "/", PathType: &kind, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
							Name: service, Port: port}}},
					}}},
			})
		}
		objs := append([]metav1.Object{ing}, base...)
		v := objects.FromObjects(objs)
		g := Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web-front"})
		if name, ok := ing.Annotations[string(annotation.GroupName)]; ok {
			g = Load(v, defaults(), stack.ID{Name: name})
		}
		for _, m := range Translate(v, defaults(), g).Members {
			for _, d := range m.Diagnostics {
				info, ok := diag.Lookup(d.Code)
				if !ok || d.Path == "" || d.Text == "" || d.Remedy == "" || d.Object.Name == "" || d.Class == "" ||
					info.Reason == "" {
					t.Fatalf("incomplete diagnostic %+v", d)
				}
			}
			for _, r := range m.Routes {
				if len(r.Conditions) == 0 {
					t.Fatalf("route without conditions: %+v", r)
				}
				if r.Actions == nil && !m.Diagnostics.HasErrors() {
					t.Fatalf("route without actions and without an error: %+v", r)
				}
			}
		}
	})
}

func TestABadAnnotationOfOneMemberChangesNothingOfAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		member := func(name string, extra map[string]string) *networkingv1.Ingress {
			ing := &networkingv1.Ingress{}
			ing.Namespace, ing.Name = "shop", name
			ing.Annotations = map[string]string{}
			for k, v := range extra {
				ing.Annotations[k] = v
			}
			ing.Annotations["kubernetes.io/ingress.class"] = "alb"
			ing.Annotations[string(annotation.GroupName)] = "shared"
			ing.Finalizers, ing.Status = []string{"group.ingress.k8s.aws/shared"}, deployed
			return ing
		}
		translated := func(second *networkingv1.Ingress) intent.Member {
			v := objects.FromObjects([]metav1.Object{member("good", nil), second})
			for _, m := range Translate(v, defaults(), Load(v, defaults(), stack.ID{Name: "shared"})).Members {
				if m.Object.Name == "good" {
					return m
				}
			}
			t.Fatal("the good member is gone")
			return intent.Member{}
		}
		second := member("second", annotations(t))
		if rapid.Bool().Draw(t, "bad name") {
			second.Annotations[string(annotation.GroupName)] = "NOT A NAME"
		}
		if d := cmp.Diff(translated(member("second", nil)), translated(second)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestTheOrderOfObjectsDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"group", "every-annotation", "class-params"} {
		objs := golden.Input(t, "testdata/"+name, &struct{ Config Config }{})
		render := func(objs []metav1.Object) string {
			v := objects.FromObjects(objs)
			var b strings.Builder
			for _, ing := range v.Ingresses() {
				for _, id := range groups(v, defaults(), ing) {
					text, err := golden.Render(Translate(v, defaults(), Load(v, defaults(), id)))
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, "%s\n%s", id, text)
				}
			}
			return b.String()
		}
		want := render(objs)
		rapid.Check(t, func(t *rapid.T) {
			if d := cmp.Diff(want, render(rapid.Permutation(objs).Draw(t, "objects"))); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func BenchmarkOneIngress(b *testing.B) {
	objs, _, err := manifest.Decode([]byte(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: shop, name: web, annotations: {kubernetes.io/ingress.class: alb, alb.ingress.kubernetes.io/target-type: ip, alb.ingress.kubernetes.io/scheme: internal, alb.ingress.kubernetes.io/healthcheck-path: /h, alb.ingress.kubernetes.io/shceme: typo}}
spec:
  rules:
  - host: a.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /api, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec: {ports: [{port: 80, targetPort: 8080}]}
`), "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		v := objects.FromObjects(objs)
		Translate(v, defaults(), Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web"}))
	}
}
