package ingress

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestActionThatNoBackendNamesIsNoted(t *testing.T) {
	t.Parallel()
	key := func(name string) string { return string(annotation.Actions.For(name)) }
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		Annotations: map[string]string{
			key("used"): "{", key("unused"): "{", key("spare"): `{"type":"redirect"}`, "other/" + key("unused"): "{",
		}}, Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: "used"}}}}
	f := &annotation.Findings{}
	tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
	tr.noteUnused()
	found := f.List()
	if len(found) != 2 || found[0].Path != annotation.Key(key("spare")).Path() || found[1].Path != annotation.Key(
		key("unused")).Path() || found[1].Class != diag.Note {
		t.Errorf("found %v", found)
	}
}

// TestUnusedRegexPathMatchIsNoted has path types with and without paths that can be regular expressions.
func TestUnusedRegexPathMatchIsNoted(t *testing.T) {
	t.Parallel()
	for kind, want := range map[networkingv1.PathType]int{networkingv1.PathTypePrefix: 1, networkingv1.PathTypeExact: 1,
		networkingv1.PathTypeImplementationSpecific: 0} {
		for value, wants := range map[string]int{"true": want, "false": 0} {
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
				Annotations: map[string]string{string(annotation.RegexPathMatch): value}},
				Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: "a.example.com",
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
						Paths: []networkingv1.HTTPIngressPath{{Path: "/web", PathType: &kind}}}}}}}}
			f := &annotation.Findings{}
			tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
			tr.noteRegex()
			found := f.List()
			if len(found) != wants || wants > 0 && (found[0].Path != annotation.RegexPathMatch.Path() ||
				found[0].Code != diag.IgnoredSetting) {
				t.Errorf("%s, %s: %v", kind, value, found)
			}
		}
	}
}
