package ingress

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestParametersOfAClassAreTakenOnlyIfTheyAreOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ref     networkingv1.IngressClassParametersReference
		problem string
	}{
		"ours": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind,
			Name: "p"}, ""},
		"no group": {networkingv1.IngressClassParametersReference{Kind: paramsKind, Name: "p"},
			"names no IngressClassParams"},
		"an empty group": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(""), Kind: paramsKind, Name: "p"},
			"names no IngressClassParams"},
		"another group": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To("k8s.example.com"),
			Kind: paramsKind, Name: "p"}, "names no IngressClassParams"},
		"another kind": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: "Params",
			Name: "p"}, "names no IngressClassParams"},
		"no such object": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind,
			Name: "q"}, `"q", named by IngressClass alb, does not exist`},
		"scope is no use": {networkingv1.IngressClassParametersReference{APIGroup: ptr.To(paramsGroup), Kind: paramsKind,
			Name: "p", Scope: ptr.To("Namespace"), Namespace: ptr.To("n")}, ""},
	} {
		v := objects.FromObjects([]any{
			&networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{
				Controller: Controller, Parameters: &c.ref}},
			&v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "p"}},
		})
		class, d := Classify(v, defaults(), &networkingv1.Ingress{Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("alb")}})
		if (d != nil) != (c.problem != "") || d != nil && !strings.Contains(d.Text, c.problem) ||
			class.Managed != (c.problem == "") {
			t.Errorf("%s: %+v, %v", name, class, d)
		}
	}
}

// TestMembersOfOneOrderGoByNamespaceAndName compares the two as one text: "a-b/x" comes before "a/x".
func TestMembersOfOneOrderGoByNamespaceAndName(t *testing.T) {
	t.Parallel()
	var objs []any
	for _, full := range []string{"b/a", "a/z", "a-b/x", "a/b"} {
		namespace, name, _ := strings.Cut(full, "/")
		objs = append(objs, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
			Annotations: map[string]string{LegacyClassAnnotation: "alb", string(annotation.GroupName): "g"}}})
	}
	var got []string
	for _, i := range Load(objects.FromObjects(objs), defaults(), stack.ID{Name: "g"}).Active {
		got = append(got, i.Namespace+"/"+i.Name)
	}
	if want := "a-b/x a/b a/z b/a"; strings.Join(got, " ") != want {
		t.Errorf("members %v, want %s", got, want)
	}
}

// TestClasslessIngressKeepsLoadBalancerWithoutDefaultClass looks at an Ingress that relies on the
// default class, with and without a load balancer.
func TestClasslessIngressKeepsLoadBalancerWithoutDefaultClass(t *testing.T) {
	t.Parallel()
	class := func(name, controller, isDefault string) any {
		return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			defaultClassAnnotation: isDefault}},
			Spec: networkingv1.IngressClassSpec{Controller: controller}}
	}
	ours, noDefault, theirs := class("alb", Controller, "true"), class("alb", Controller, "false"),
		class("nginx", "k8s.io/ingress-nginx", "true")
	const active, former, inactive, nowhere = "active", "former", "inactive", "nowhere"
	for name, c := range map[string]struct {
		flag    string
		classes []any
		change  func(*networkingv1.Ingress)
		// with and without a finalizer of ours
		served, fresh string
	}{
		"the default class is ours": {flag: "alb", classes: []any{ours}, served: active, fresh: active},
		"it is deleted":             {flag: "alb", served: former, fresh: nowhere},
		"it is the default no longer": {flag: "alb", classes: []any{noDefault}, served: former,
			fresh: nowhere},
		"another controller's is the default": {flag: "alb", classes: []any{theirs}, served: former,
			fresh: nowhere},
		"the same without a flag":                       {classes: []any{theirs}, served: former, fresh: nowhere},
		"without a flag Ingresses without class belong": {served: active, fresh: active},
		"it names a class of another controller": {flag: "alb", classes: []any{theirs}, served: inactive, fresh: nowhere,
			change: func(i *networkingv1.Ingress) { i.Spec.IngressClassName = ptr.To("nginx") }},
		"its annotation names another class": {flag: "alb", served: inactive, fresh: nowhere,
			change: func(i *networkingv1.Ingress) { i.Annotations = map[string]string{LegacyClassAnnotation: "nginx"} }},
		"it is deleted itself": {flag: "alb", served: inactive, fresh: nowhere,
			change: func(i *networkingv1.Ingress) { i.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }},
	} {
		for finalizer, want := range map[string]string{"ingress.k8s.aws/resources": c.served, "example.com/theirs": c.fresh} {
			i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Finalizers: []string{
				finalizer}}}
			if c.change != nil {
				c.change(i)
			}
			cfg := defaults()
			cfg.IngressClass = c.flag
			g := Load(objects.FromObjects(append([]any{i}, c.classes...)), cfg, stack.ID{Namespace: "shop", Name: "web"})
			got := nowhere
			switch {
			case len(g.Active) > 0:
				got = active
			case len(g.Former) > 0:
				got = former
			case len(g.Inactive) > 0:
				got = inactive
			}
			if got != want || got == former && (len(g.Diagnostics) != 1 || !strings.Contains(g.Diagnostics[0].Text,
				"its load balancer keeps its former rules")) {
				t.Errorf("%s, finalizer %s: %s, want %s; %v", name, finalizer, got, want, g.Diagnostics)
			}
		}
	}
}

// TestAMisspeltGroupNameLeavesNoGroup replaces the key group.name of Ingresses with and without a group.
func TestAMisspeltGroupNameLeavesNoGroup(t *testing.T) {
	t.Parallel()
	for finalizer, former := range map[string]bool{"group.ingress.k8s.aws/team": true,
		"ingress.k8s.aws/resources": false} {
		i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
			Finalizers:  []string{finalizer},
			Annotations: map[string]string{LegacyClassAnnotation: "alb", "alb.ingress.kubernetes.io/group.nam": "team"}}}
		i.Status = deployed
		v := objects.FromObjects([]any{i})
		group, own := Load(v, defaults(), stack.ID{Name: "team"}),
			Load(v, defaults(), stack.ID{Namespace: "shop", Name: "web"})
		if (len(group.Former) == 1) != former || (len(own.Active) == 0) != former || len(group.Inactive) > 0 {
			t.Errorf("finalizer %s: in the group %v, by itself %v", finalizer, group.Former, own.Active)
		}
		if text := "the Ingress stays in its group with its former rules and settings"; former &&
			(len(group.Diagnostics) != 1 || !strings.Contains(group.Diagnostics[0].Text, text)) {
			t.Errorf("found %v", group.Diagnostics)
		}
	}
}
